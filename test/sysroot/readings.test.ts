// What the documented options and arguments of a Sysroot can be taken to mean, where there is more than one way.
import { inspect } from 'node:util';

import { Sysroot } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { ostree } from '../support/repo.js';
import { type Os, REFSPEC, tinyOs } from '../support/sysroot.js';

const OS = { stateroot: 'tiny' };

async function deployed(): Promise<{ os: Os; sysroot: Sysroot }> {
  const os = await tinyOs();
  const { path, pull, admin } = await os.sysroot();
  await pull();
  await admin('deploy', '--os=tiny', '--karg=root=/dev/vda', REFSPEC);
  const sysroot = await Sysroot.open(path);
  onTestFinished(() => sysroot.close());
  return { os, sysroot };
}

describe('switch', () => {
  it('fetches first, and deploys later', async () => {
    const { os, sysroot } = await deployed();
    const checksum = await os.publish('2', {}, '--branch=tiny/next');
    const before = sysroot.deployments.map(({ id }) => id);
    const pulled = await sysroot.switch('tiny/next', { ...OS, pullOnly: true });
    expect(pulled).toEqual({ changed: true, checksum, version: '2', deployment: null });
    expect(sysroot.deployments.map(({ id }) => id)).toEqual(before);
    expect(await sysroot.repo.hasRef(REFSPEC)).toBe(true);
    await sysroot.repo.remotes.remove('origin');
    await sysroot.repo.remotes.add('origin', 'file:///gone', { gpgVerify: false });
    const { deployment } = await sysroot.switch('tiny/next', { ...OS, deployOnly: true });
    expect(deployment).toMatchObject({ checksum, origin: { refspec: 'origin:tiny/next' } });
    expect(await sysroot.repo.hasRef(REFSPEC)).toBe(false);
  });

  it('takes another commit than the latest, until the next upgrade', async () => {
    const { os, sysroot } = await deployed();
    const older = await os.publish('2', {}, '--branch=tiny/next');
    await os.publish('3', {}, '--branch=tiny/next');
    const { deployment } = await sysroot.switch('tiny/next', { ...OS, overrideCommit: older });
    expect(deployment).toMatchObject({ checksum: older, origin: { refspec: 'origin:tiny/next' } });
    expect(await sysroot.upgrade(OS)).toMatchObject({ changed: true, version: '3' });
  });

  it('refuses an older commit only where it is told to', async () => {
    const { os, sysroot } = await deployed();
    await os.publish('old', {}, '--branch=tiny/next', '--timestamp=2001-02-03 04:05:06 +0000');
    const newer = sysroot.switch('tiny/next', { ...OS, allowDowngrade: false });
    await expect(newer).rejects.toMatchObject({ code: 'DOWNGRADE' });
    expect(await sysroot.switch('tiny/next', { ...OS, allowDowngrade: true })).toMatchObject({
      version: 'old',
    });
    await expect(sysroot.switch('tiny/x', { pullOnly: true, deployOnly: true })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

it('kernel arguments are edited one by one, too', async () => {
  const { sysroot } = await deployed();
  const edit = { append: 'quiet', appendIfMissing: 'rw', replace: ['root=/dev/vdb'] };
  const args = await sysroot.kernelArgs(sysroot.deployments[0]?.id ?? '').edit(edit);
  expect(args).toEqual(['root=/dev/vdb', 'quiet', 'rw']);
  const kernelArgs = { append: 'debug', delete: 'quiet' };
  const deployment = await sysroot.deploy(REFSPEC, { ...OS, kernelArgs });
  expect(deployment.kernelArgs).toEqual(['root=/dev/vdb', 'rw', 'debug']);
  await expect(sysroot.kernelArgs(deployment).edit({ append: 'a b' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});

it('lockFinalization() takes its options in the place of what it locks by itself', async () => {
  const { sysroot } = await deployed();
  const reason = new Error('enough');
  await expect(sysroot.lockFinalization({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await expect(sysroot.lockFinalization({})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(sysroot.lockFinalization({ locked: true } as object)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  });
});

it('what status() resolves to prints as the command does, by console.log() too', async () => {
  const { sysroot } = await deployed();
  const status = await sysroot.status();
  const theirs = await ostree('admin', `--sysroot=${sysroot.path}`, 'status');
  expect(inspect(status)).toBe(theirs);
  expect(inspect({ status }, { depth: 0 })).toContain(theirs.trim().slice(0, 20));
  expect(inspect(Object.create(Object.getPrototypeOf(status) as object))).toBe('[SysrootStatus]');
});

it('a signal ends the wait for close() and release()', async () => {
  const { sysroot } = await deployed();
  const reason = new Error('enough');
  const aborted = { signal: AbortSignal.abort(reason) };
  const lock = await sysroot.lock({ timeout: Infinity });
  await expect(lock.release(aborted)).rejects.toBe(reason);
  await expect(sysroot.close(aborted)).rejects.toBe(reason);
  await sysroot.cleanup();
  await lock.release({ signal: new AbortController().signal });
  await sysroot.close({ signal: new AbortController().signal });
  await expect(sysroot.status()).rejects.toMatchObject({ code: 'CLOSED' });
});
