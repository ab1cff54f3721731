import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';

import { Sysroot, type UpgradeProgress } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { ostree } from '../support/repo.js';
import {
  changeEtc,
  type CliSysroot,
  contents,
  type Os,
  REF,
  REFSPEC,
  tinyOs,
  twins,
} from '../support/sysroot.js';

const OS = { stateroot: 'tiny' };

async function deployed(sysroot: CliSysroot): Promise<void> {
  await sysroot.admin('deploy', '--os=tiny', '--karg=root=/dev/vda', REFSPEC);
  const deploy = join(sysroot.path, 'ostree/deploy/tiny/deploy');
  const name = (await readdir(deploy)).find((entry) => entry.endsWith('.0'));
  await changeEtc(join(deploy, String(name)), { conf: 'mine\n' });
}

async function device(os: Os): Promise<CliSysroot> {
  const sysroot = await os.sysroot();
  await sysroot.pull();
  await deployed(sysroot);
  return sysroot;
}

function head(os: Os): Promise<string> {
  return ostree(`--repo=${os.repo}`, 'rev-parse', REF);
}

/** A server that takes requests and never answers. */
async function stalling(): Promise<{ url: string; asked: Promise<void> }> {
  let server: Server | undefined;
  const asked = new Promise<void>((resolve) => {
    server = createServer(() => resolve());
  });
  const listening = server as Server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

describe('upgrade', () => {
  it('does what the command does', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, deployed);
    const checksum = await os.publish('2');
    await theirs.admin('upgrade', '--os=tiny');
    await using sysroot = await Sysroot.open(ours.path);
    const result = await sysroot.upgrade(OS);
    expect(result).toMatchObject({ changed: true, checksum, version: '2' });
    expect(result.deployment).toBe(sysroot.pending);
    expect(sysroot.pending).toMatchObject({ checksum, version: '2', kernelArgs: ['root=/dev/vda'] });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    expect(await ostree(`--repo=${ours.path}/ostree/repo`, 'fsck')).toContain('no errors found');
  });

  it('changes nothing when there is nothing new', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    await using sysroot = await Sysroot.open(path);
    const before = await contents(path);
    const result = await sysroot.upgrade(OS);
    expect(result).toEqual({ changed: false, checksum: await head(os), version: '1', deployment: null });
    expect(await contents(path)).toEqual(before);
  });

  it('only pulls, and later only deploys, as the command does', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, deployed);
    const checksum = await os.publish('2');
    await using sysroot = await Sysroot.open(ours.path);
    expect(await sysroot.upgrade({ ...OS, deployOnly: true })).toMatchObject({
      changed: false,
      deployment: null,
    });
    const pulled = await sysroot.upgrade({ ...OS, pullOnly: true });
    expect(pulled).toEqual({ changed: true, checksum, version: '2', deployment: null });
    expect(sysroot.deployments).toHaveLength(1);
    await theirs.admin('upgrade', '--os=tiny', '--pull-only');
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    await ostree(
      `--repo=${ours.path}/ostree/repo`,
      'config',
      'set',
      'remote "origin".url',
      'file:///nowhere',
    );
    const result = await sysroot.upgrade({ ...OS, deployOnly: true });
    expect(result.deployment?.version).toBe('2');
    await theirs.admin('upgrade', '--os=tiny', '--deploy-only');
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('rejects with DOWNGRADE what is older, unless that is allowed', async () => {
    const os = await tinyOs();
    await os.publish('2');
    const [theirs, ours] = await twins(os, deployed);
    await os.publish('older', {}, '--timestamp=2001-02-03 04:05:06 +0000');
    await using sysroot = await Sysroot.open(ours.path);
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'DOWNGRADE' });
    expect(sysroot.deployments).toHaveLength(1);
    const result = await sysroot.upgrade({ ...OS, allowDowngrade: true });
    expect(result.deployment?.version).toBe('older');
    await theirs.admin('upgrade', '--os=tiny', '--allow-downgrade');
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('takes the commit it is told to, and the latest one the next time', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, deployed);
    const wanted = await os.publish('2');
    const latest = await os.publish('3');
    await theirs.admin('upgrade', '--os=tiny', `--override-commit=${wanted}`);
    await using sysroot = await Sysroot.open(ours.path);
    expect(await sysroot.upgrade({ ...OS, overrideCommit: wanted })).toMatchObject({
      checksum: wanted,
      version: '2',
    });
    expect(sysroot.pending?.origin).toEqual({ refspec: REFSPEC, 'override-commit': wanted });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    await theirs.admin('upgrade', '--os=tiny');
    expect(await sysroot.upgrade(OS)).toMatchObject({ checksum: latest });
    expect(sysroot.pending?.origin).toEqual({ refspec: REFSPEC });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('goes on with the ref that a commit at the end of its life names', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, deployed);
    await os.publish('2', {}, `--branch=tiny/next`);
    await os.publish('last', {}, '--add-metadata-string=ostree.endoflife-rebase=tiny/next');
    await theirs.admin('upgrade', '--os=tiny');
    await using sysroot = await Sysroot.open(ours.path);
    const result = await sysroot.upgrade(OS);
    expect(result.version).toBe('2');
    expect(sysroot.pending?.origin).toEqual({ refspec: 'origin:tiny/next' });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('rejects a ref to go on with that is none', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    await os.publish('last', {}, '--add-metadata-string=ostree.endoflife-rebase=../../x');
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(sysroot.deployments).toHaveLength(1);
  });

  it('follows a local ref without asking a server', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    const repo = `--repo=${path}/ostree/repo`;
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.setRef('local', await head(os));
    await sysroot.setOrigin(sysroot.deployments[0] ?? '', 'local');
    expect((await sysroot.upgrade(OS)).changed).toBe(false);
    await os.publish('2');
    await ostree(repo, 'pull', 'origin', REF);
    await sysroot.repo.setRef('local', await head(os));
    expect((await sysroot.upgrade(OS)).deployment).toMatchObject({
      version: '2',
      origin: { refspec: 'local' },
    });
  });

  it('rejects with SIGNATURE what the remote does not allow, and deploys what is signed', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    const key = await gpgKey();
    const repo = `--repo=${path}/ostree/repo`;
    await ostree(repo, 'config', 'set', 'remote "origin".gpg-verify', 'true');
    const keyFile = join(key.path, 'public.asc');
    await key.gpg('--armor', '--output', keyFile, '--export', key.keyId);
    await ostree(repo, 'remote', 'gpg-import', 'origin', '-k', keyFile);
    await os.publish('unsigned');
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'SIGNATURE', remote: 'origin' });
    expect(sysroot.deployments).toHaveLength(1);
    await os.publish('2', {}, `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    expect((await sysroot.upgrade(OS)).deployment?.version).toBe('2');
    expect(String(await sysroot.status())).toContain(`Good signature from "${key.uid}"`);
  });

  it('tells how the pull and the deployment go on', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`usr/share/${i}`, `file ${i}\n`]),
    );
    await os.publish('2', files);
    const { url } = await nginx(os.repo);
    await ostree(`--repo=${path}/ostree/repo`, 'config', 'set', 'remote "origin".url', url);
    await using sysroot = await Sysroot.open(path);
    const seen: UpgradeProgress[] = [];
    await sysroot.upgrade({ ...OS, onProgress: (progress) => seen.push(progress) });
    const phases = new Set(seen.map(({ phase }) => phase));
    expect(phases).toContain('pull');
    expect(phases.size).toBeGreaterThan(1);
    const pull = seen.findLast((progress) => progress.phase === 'pull');
    expect(pull).toMatchObject({ pull: { fetched: expect.any(Number), requested: expect.any(Number) } });
  });

  it('is cancelled by a callback that throws, and rejects with what it threw', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    await os.publish('2');
    await using sysroot = await Sysroot.open(path);
    const thrown = new Error('from the callback');
    const upgrading = sysroot.upgrade({
      ...OS,
      onProgress() {
        throw thrown;
      },
    });
    await expect(upgrading).rejects.toBe(thrown);
  });

  it('ends at once when it is aborted while a server stalls, and leaves the sysroot usable', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    const { url, asked } = await stalling();
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.config.set('remote "origin".url', url);
    const controller = new AbortController();
    const upgrading = sysroot.upgrade({ ...OS, signal: controller.signal });
    await asked;
    expect((await sysroot.status()).deployments).toHaveLength(1);
    const reason = new Error('enough');
    const start = performance.now();
    controller.abort(reason);
    await expect(upgrading).rejects.toBe(reason);
    expect(performance.now() - start).toBeLessThan(1000);
    await sysroot.pin(sysroot.deployments[0] ?? '');
    expect(sysroot.deployments[0]?.pinned).toBe(true);
  });

  it('rejects with TIMED_OUT when a server stalls for longer than it may', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    const { url } = await stalling();
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.config.set('remote "origin".url', url);
    const upgrading = sysroot.upgrade({ ...OS, stallTimeout: 200 });
    await expect(upgrading).rejects.toMatchObject({ code: 'TIMED_OUT', remote: 'origin' });
    await sysroot.pin(sysroot.deployments[0] ?? '');
  });

  it('rejects where there is nothing to upgrade', async () => {
    const os = await tinyOs();
    const { path } = await os.sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.upgrade()).rejects.toMatchObject({ code: 'NOT_BOOTED' });
    await expect(sysroot.upgrade({ stateroot: 'nope' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('rejects where the deployment says nothing of its origin, and does not stage where nothing is booted', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.upgrade({ ...OS, stage: true })).rejects.toMatchObject({ code: 'NOT_BOOTED' });
    await sysroot.deploy(REFSPEC, { ...OS, origin: { 'other.key': 'x' } });
    await expect(sysroot.upgrade(OS)).rejects.toThrow('No origin/refspec');
    await sysroot.deploy(REFSPEC, { ...OS, origin: 'nope:ref' });
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'NOT_FOUND', remote: 'nope' });
    await sysroot.deploy(REFSPEC, {
      ...OS,
      origin: { refspec: REFSPEC, 'unconfigured-state': 'Buy it first.' },
    });
    await expect(sysroot.upgrade(OS)).rejects.toThrow('Buy it first.');
    await sysroot.deploy(REFSPEC, { ...OS, origin: { refspec: '../x y' } });
    await expect(sysroot.upgrade(OS)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each<[unknown, string]>([
    [{ stateroot: 'a/b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ overrideCommit: 'zz' }, 'ERR_INVALID_ARG_VALUE'],
    [{ pullOnly: true, deployOnly: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ pullOnly: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ allowDowngrade: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
    [{ onProgress: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ stallTimeout: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ httpHeaders: { 'a b': 'c' } }, 'ERR_INVALID_ARG_VALUE'],
    [{ signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [5, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %j', async (options, code) => {
    const { path } = await device(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const whole = typeof options === 'object' ? { ...OS, ...options } : options;
    await expect(sysroot.upgrade(whole as never)).rejects.toMatchObject({ code });
  });
});

describe('switch', () => {
  it.each(['origin:tiny/next', 'tiny/next'])('to %s does what the command does', async (refspec) => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, deployed);
    await os.publish('next', {}, '--branch=tiny/next', '--timestamp=2001-02-03 04:05:06 +0000');
    await theirs.admin('switch', '--os=tiny', refspec);
    await using sysroot = await Sysroot.open(ours.path);
    const result = await sysroot.switch(refspec, OS);
    expect(result).toMatchObject({ changed: true, version: 'next', deployment: sysroot.pending });
    expect(sysroot.pending?.origin).toEqual({ refspec: 'origin:tiny/next' });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    expect((await sysroot.upgrade(OS)).changed).toBe(false);
  });

  it('to another remote keeps the ref', async () => {
    const os = await tinyOs();
    const other = await tinyOs();
    await other.publish('theirs', { 'usr/share/theirs': 'x' });
    const { path } = await device(os);
    await ostree(
      `--repo=${path}/ostree/repo`,
      'remote',
      'add',
      '--no-gpg-verify',
      'other',
      `file://${other.repo}`,
    );
    await using sysroot = await Sysroot.open(path);
    const result = await sysroot.switch('other:', OS);
    expect(result).toMatchObject({ checksum: await head(other), version: 'theirs' });
    expect(sysroot.pending?.origin).toEqual({ refspec: `other:${REF}` });
    expect(await sysroot.repo.hasRef(REFSPEC)).toBe(false);
    expect((await sysroot.rollBack()).origin).toEqual({ refspec: REFSPEC });
  });

  it('rejects what is followed already, and what is not there; nothing changes', async () => {
    const os = await tinyOs();
    const { path } = await device(os);
    await using sysroot = await Sysroot.open(path);
    const before = await contents(path);
    await expect(sysroot.switch(REFSPEC, OS)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(sysroot.switch('origin:nope', OS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.switch('nope:', OS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.switch('origin:x', { stateroot: 'nope' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(sysroot.switch('origin:x')).rejects.toMatchObject({ code: 'NOT_BOOTED' });
    expect(await contents(path)).toEqual(before);
  });

  it.each(['', ':', ':x', 'a b', '../x', 'a:b:c', 'x\n'])('refuses %j', async (refspec) => {
    const { path } = await device(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.switch(refspec, OS)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});
