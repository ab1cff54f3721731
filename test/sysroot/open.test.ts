import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { OstreeError, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { ostree, temporaryDirectory } from '../support/repo.js';
import { contents, REF, REFSPEC, tinyOs } from '../support/sysroot.js';

describe('Sysroot.init', () => {
  it.each([
    [0, []],
    [1, ['--modern']],
  ] as const)('makes with epoch %i what the command makes', async (epoch, args) => {
    const dir = await temporaryDirectory();
    const theirs = join(dir, 'theirs');
    const ours = join(dir, 'ours');
    await mkdir(theirs);
    await ostree('admin', 'init-fs', ...args, theirs);
    await using sysroot = await Sysroot.init(ours, { epoch });
    expect(sysroot).toMatchObject({ path: ours, deployments: [], booted: null, pending: null });
    expect(await contents(ours)).toEqual(await contents(theirs));
  });

  it('keeps /ostree to its owner with epoch 2', async () => {
    const path = join(await temporaryDirectory(), 'sysroot');
    await using _ = await Sysroot.init(path, { epoch: 2 });
    expect((await contents(path))['ostree']).toBe('dir 40700');
  });

  it('leaves a sysroot as it is', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    const before = await contents(path);
    await using sysroot = await Sysroot.init(path, { epoch: 1 });
    expect(sysroot.deployments).toHaveLength(1);
    expect(await contents(path)).toEqual(before);
  });

  it('refuses bad arguments', async () => {
    await expect(Sysroot.init('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(Sysroot.init(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(Sysroot.init('/tmp/x', { epoch: 3 as 2 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});

describe('initStateroot', () => {
  it('makes what the command makes', async () => {
    const os = await tinyOs();
    const theirs = await os.sysroot();
    const ours = await os.sysroot();
    await theirs.admin('os-init', 'other');
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.initStateroot('other');
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('rejects with EXISTS where there is one', async () => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.initStateroot('tiny')).rejects.toMatchObject({ code: 'EXISTS' });
  });

  it.each(['', '.', '..', 'a/b', 'a b', 'a\nb', 'x'.repeat(129)])('refuses the name %j', async (name) => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.initStateroot(name)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('Sysroot.open', () => {
  it('rejects with NOT_FOUND and the path when there is none', async () => {
    const dir = await temporaryDirectory();
    for (const path of [dir, join(dir, 'nothing')]) {
      const error = await Sysroot.open(path).catch((e: unknown) => e);
      expect(OstreeError.is(error, 'NOT_FOUND')).toBe(true);
      expect(error).toMatchObject({ path });
      expect((error as Error).message).toContain('Sysroot.init()');
    }
  });

  it('refuses bad arguments, and a signal that was aborted before', async () => {
    await expect(Sysroot.open('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(Sysroot.open('a\0b')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    const reason = new Error('enough');
    await expect(Sysroot.open('/nowhere', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('shows what the command deployed', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', '--karg=root=/dev/vda', '--karg=quiet', REFSPEC);
    const checksum = await ostree(`--repo=${os.repo}`, 'rev-parse', REF);
    await using sysroot = await Sysroot.open(path);
    const [deployment] = sysroot.deployments;
    expect(deployment).toEqual({
      id: `tiny-${checksum}.0`,
      index: 0,
      stateroot: 'tiny',
      checksum,
      deploySerial: 0,
      bootChecksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      bootSerial: 0,
      version: '1',
      origin: { refspec: REFSPEC },
      kernelArgs: ['root=/dev/vda', 'quiet'],
      overlayInitrds: [],
      booted: false,
      staged: false,
      pending: true,
      rollback: false,
      pinned: false,
      unlocked: 'none',
      path: `${path}/ostree/deploy/tiny/deploy/${checksum}.0`,
    });
    expect(sysroot).toMatchObject({ booted: null, staged: null, rollback: null });
    expect(sysroot.pending).toBe(deployment);
    expect(await readFile(`${deployment?.path}/etc/conf`, 'utf8')).toBe('shipped 1\n');
    expect(JSON.parse(JSON.stringify(deployment))).toEqual(deployment);
  });

  it('shows one frozen snapshot, which reload() replaces as a whole', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    await using sysroot = await Sysroot.open(path);
    const before = sysroot.deployments;
    expect(Object.isFrozen(before)).toBe(true);
    expect(Object.isFrozen(before[0])).toBe(true);
    expect(Object.isFrozen(before[0]?.kernelArgs)).toBe(true);
    expect(Object.isFrozen(before[0]?.origin)).toBe(true);
    await os.publish('2');
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    expect(sysroot.deployments).toBe(before);
    await sysroot.reload();
    expect(sysroot.deployments.map(({ version }) => version)).toEqual(['2', '1']);
    expect(sysroot.pending?.version).toBe('2');
    expect(sysroot.rollback?.version).toBe('1');
    expect(sysroot.rollback).toMatchObject({ rollback: true, pending: false, index: 1 });
    expect(before).toHaveLength(1);
  });

  it('survives a boot entry that cannot be read, and its repair', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    await using sysroot = await Sysroot.open(path);
    const entry = join(path, 'boot/loader/entries/ostree-1-tiny.conf');
    const text = await readFile(entry, 'utf8');
    await writeFile(entry, 'title nothing else\n');
    await admin('os-init', 'other').catch(() => '');
    await mkdir(join(path, 'ostree/deploy/touched'));
    await expect(sysroot.reload()).rejects.toMatchObject({ code: 'FAILED' });
    await expect(sysroot.status()).rejects.toMatchObject({ code: 'FAILED' });
    await expect(sysroot.cleanup()).rejects.toMatchObject({ code: 'FAILED' });
    await writeFile(entry, text);
    await mkdir(join(path, 'ostree/deploy/again'));
    await sysroot.reload();
    expect(sysroot.deployments).toHaveLength(1);
  });

  it.each(['abc.0', `${'a'.repeat(64)}.99999999999`])(
    'rejects with CORRUPT where a deployment is called %s',
    async (name) => {
      const os = await tinyOs();
      const { path } = await os.sysroot();
      await mkdir(join(path, 'ostree/deploy/tiny/deploy', name), { recursive: true });
      await expect(Sysroot.open(path)).rejects.toMatchObject({ code: 'CORRUPT' });
    },
  );
});

describe('close', () => {
  it('refuses calls afterwards, of the repository too; it is idempotent and leaves the snapshot', async () => {
    const { path } = await (await tinyOs()).sysroot();
    const sysroot = await Sysroot.open(path);
    await sysroot.close();
    await sysroot.close();
    await expect(sysroot.reload()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(sysroot.cleanup()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(sysroot.lock()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(sysroot.repo.resolveRev('x')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(sysroot.deployments).toEqual([]);
  });

  it('waits for a change in all its steps', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    const sysroot = await Sysroot.open(path);
    const deploying = sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    await sysroot.close();
    expect((await deploying).version).toBe('1');
  });

  it('cancels what runs when asked to', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    const sysroot = await Sysroot.open(path);
    const deploying = sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    await Promise.all([
      expect(deploying).rejects.toMatchObject({ code: 'CANCELLED' }),
      sysroot.close({ cancel: true }),
    ]);
  });
});

describe('sysroot.repo', () => {
  it('is the repository below, and writes what the command reads', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    expect(sysroot.repo).toMatchObject({ path: `${path}/ostree/repo`, mode: 'bare', writable: true });
    const checksum = await sysroot.repo.resolveRev(REFSPEC);
    await sysroot.repo.setRef('local/copy', checksum);
    await sysroot.repo.config.set('sysroot.bootloader', 'none');
    expect(await ostree(`--repo=${path}/ostree/repo`, 'rev-parse', 'local/copy')).toBe(checksum);
    expect(await ostree(`--repo=${path}/ostree/repo`, 'config', 'get', 'sysroot.bootloader')).toBe('none');
  });
});
