import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type DeployOptions, KernelArgs, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { ostree, temporaryDirectory } from '../support/repo.js';
import { changeEtc, type CliSysroot, contents, REFSPEC, tinyOs, twins } from '../support/sysroot.js';

const OS = { stateroot: 'tiny' };

/** Deploys in one twin with the command and in the other with deploy(): both must look the same. */
async function compare(
  options: Partial<DeployOptions>,
  args: string[],
  prepare?: (sysroot: CliSysroot) => Promise<unknown>,
): Promise<Sysroot> {
  const os = await tinyOs();
  const [theirs, ours] = await twins(os, async (sysroot) => {
    await prepare?.(sysroot);
  });
  await theirs.admin('deploy', '--os=tiny', ...args, REFSPEC);
  const sysroot = await Sysroot.open(ours.path);
  const deployment = await sysroot.deploy(REFSPEC, { ...OS, ...options });
  expect(sysroot.deployments).toContain(deployment);
  expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  await sysroot.close();
  return sysroot;
}

async function changedTwice(sysroot: CliSysroot): Promise<void> {
  await sysroot.admin(
    'deploy',
    '--os=tiny',
    '--karg=root=/dev/vda',
    '--karg-append=console=a',
    '--karg-append=console=b',
    REFSPEC,
  );
  const deploy = join(sysroot.path, 'ostree/deploy/tiny/deploy');
  const [name] = (await readdir(deploy)).filter((entry) => entry.endsWith('.0'));
  await changeEtc(join(deploy, String(name)), { conf: 'mine\n', added: 'mine\n' });
}

describe('deploy', () => {
  it('does what the command does in an empty sysroot', async () => {
    const sysroot = await compare({}, []);
    expect(sysroot.pending).toMatchObject({ version: '1', kernelArgs: [], origin: { refspec: REFSPEC } });
  });

  it('takes /etc and kernel arguments over from the deployment before', async () => {
    const sysroot = await compare({}, [], changedTwice);
    expect(sysroot.deployments).toHaveLength(2);
    expect(sysroot.pending?.kernelArgs).toEqual(['root=/dev/vda', 'console=a', 'console=b']);
    expect(await readFile(`${sysroot.pending?.path}/etc/conf`, 'utf8')).toBe('mine\n');
    expect(await readFile(`${sysroot.pending?.path}/etc/added`, 'utf8')).toBe('mine\n');
  });

  it.each<[string, Partial<DeployOptions>, string[]]>([
    ['noMerge', { noMerge: true }, ['--no-merge']],
    ['notAsDefault', { notAsDefault: true }, ['--not-as-default']],
    ['retain', { retain: true }, ['--retain']],
    ['retainPending', { retainPending: true }, ['--retain-pending']],
    ['retainRollback', { retainRollback: true }, ['--retain-rollback']],
    [
      'kernelArgs, a whole list',
      { kernelArgs: ['a=1', 'b', 'a=2'] },
      ['--karg-none', '--karg-append=a=1', '--karg-append=b', '--karg-append=a=2'],
    ],
    ['kernelArgs, an object', { kernelArgs: new KernelArgs(['a=1']) }, ['--karg-none', '--karg-append=a=1']],
    ['kernelArgs, none', { kernelArgs: { none: true } }, ['--karg-none']],
    [
      'kernelArgs, replaced and appended',
      { kernelArgs: { replace: ['root=/dev/vdb', 'console=c'], append: ['console=d'] } },
      ['--karg=root=/dev/vdb', '--karg=console=c', '--karg-append=console=d'],
    ],
    ['kernelArgs, deleted', { kernelArgs: { delete: ['console=a'] } }, ['--karg-delete=console=a']],
    [
      'kernelArgs of the running kernel',
      { kernelArgs: { procCmdline: true, append: ['x'] } },
      ['--karg-proc-cmdline', '--karg-append=x'],
    ],
  ])('does what the command does with %s', async (_, options, args) => {
    const sysroot = await compare(options, args, async (twin) => {
      await changedTwice(twin);
      await twin.admin('deploy', '--os=tiny', REFSPEC);
    });
    expect(sysroot.deployments.length).toBe(
      options.noMerge ? 1 : options.retain ? 3 : sysroot.deployments.length,
    );
  });

  it('adds an initramfs of the caller to that of the tree', async () => {
    const initrd = join(await temporaryDirectory(), 'extra.img');
    await writeFile(initrd, 'extra');
    const sysroot = await compare({ overlayInitrds: [initrd] }, [`--overlay-initrd=${initrd}`]);
    expect(sysroot.pending?.overlayInitrds).toEqual([
      expect.stringMatching(/^\/ostree\/initramfs-overlays\/[0-9a-f]{64}\.img$/),
    ]);
  });

  it('follows what it is told to: a refspec, or every key of an origin file', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const first = await sysroot.deploy(REFSPEC, { ...OS, origin: 'origin:other/ref' });
    expect(first.origin).toEqual({ refspec: 'origin:other/ref' });
    const origin = { refspec: 'origin:third', 'packages.requested': 'a;b;' };
    const second = await sysroot.deploy(first.checksum, { ...OS, origin });
    expect(second.origin).toEqual(origin);
    const file = await readFile(`${second.path}.origin`, 'utf8');
    expect(file).toContain('[packages]\nrequested=a;b;\n');
    expect(second.deploySerial).toBe(1);
  });

  it('deploys a second time what is deployed, and gives it another id', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await sysroot.deploy(REFSPEC, OS)).id);
    expect(new Set(ids).size).toBeGreaterThan(1);
    expect(sysroot.deployments.map(({ id }) => id)).toEqual(ids.slice(-2).reverse());
    await ostree(`--repo=${path}/ostree/repo`, 'fsck', '--quiet');
  });

  it('tells what it is doing', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const phases = new Set<string>();
    await sysroot.deploy(REFSPEC, { ...OS, onProgress: ({ phase }) => phases.add(phase) });
    expect(phases.size).toBeGreaterThan(0);
    for (const phase of phases) expect(['prepare', 'checkout', 'write', 'cleanup']).toContain(phase);
  });

  it('leaves nothing behind when it fails or is cancelled', async () => {
    const os = await tinyOs();
    await os.publish('2', { 'etc/conf': 'both /etc and /usr/etc\n' });
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const before = await contents(path);
    await expect(sysroot.deploy(REFSPEC, OS)).rejects.toMatchObject({ code: 'FAILED' });
    await expect(
      sysroot.deploy(REFSPEC, { ...OS, signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no');
    const thrown = new Error('from the callback');
    const throwing = sysroot.deploy(REFSPEC, {
      ...OS,
      onProgress() {
        throw thrown;
      },
    });
    await expect(throwing).rejects.toSatisfy((error) => error === thrown || /usr\/etc/.test(String(error)));
    await admin('cleanup');
    const after = await contents(path);
    for (const entry of [
      'ostree/deploy/tiny/deploy',
      'ostree/repo/refs/heads/ostree',
      'ostree/repo/refs/heads/ostree/0',
      'ostree/repo/refs/heads/ostree/0/0',
    ])
      delete after[entry];
    expect(after).toEqual(before);
  });

  it('rejects with NOT_FOUND what is not there', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    const before = await contents(path);
    await expect(sysroot.deploy('origin:nope', OS)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'origin:nope',
    });
    await expect(sysroot.deploy('0'.repeat(64), OS)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.deploy(REFSPEC, { stateroot: 'nope' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.deploy(REFSPEC, { ...OS, overlayInitrds: ['/nope'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nope',
    });
    await expect(sysroot.deploy(REFSPEC, { ...OS, kernelArgs: { delete: ['nope'] } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(Object.keys(await contents(path)).filter((name) => name.endsWith('.0'))).toEqual([]);
    expect(before['ostree/deploy/tiny/deploy']).toBeUndefined();
  });

  it('rejects with NOT_BOOTED what needs a booted system', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.deploy(REFSPEC)).rejects.toMatchObject({ code: 'NOT_BOOTED' });
    await expect(sysroot.deploy(REFSPEC, { ...OS, stage: true })).rejects.toMatchObject({
      code: 'NOT_BOOTED',
    });
    await expect(
      sysroot.deploy(REFSPEC, { ...OS, stage: true, lockFinalization: true }),
    ).rejects.toMatchObject({ code: 'NOT_BOOTED' });
  });

  it('rejects with NOT_SUPPORTED where libostree would end the process: zipl on a sysroot that is not booted', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.config.set('sysroot.bootloader', 'zipl');
    await expect(sysroot.deploy(REFSPEC, OS)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await sysroot.repo.config.set('sysroot.bootloader', 'none');
    await sysroot.deploy(REFSPEC, OS);
  });

  it.each<[unknown, string]>([
    [{ stateroot: '../x' }, 'ERR_INVALID_ARG_VALUE'],
    [{ stateroot: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ kernelArgs: ['a b'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ kernelArgs: ['a\ninitrd /evil'] }, 'ERR_INVALID_ARG_VALUE'],
    [{ kernelArgs: 'quiet' }, 'ERR_INVALID_ARG_TYPE'],
    [{ kernelArgs: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ kernelArgs: { apend: ['quiet'] } }, 'ERR_INVALID_ARG_VALUE'],
    [{ kernelArgs: { append: 3 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ kernelArgs: { none: true, delete: ['a'] } }, 'ERR_INVALID_ARG_VALUE'],
    [{ kernelArgs: { none: true, procCmdline: true } }, 'ERR_INVALID_ARG_VALUE'],
    [{ noMerge: true, kernelArgs: { delete: ['a'] } }, 'ERR_INVALID_ARG_VALUE'],
    [{ origin: { 'a=b': 'c' } }, 'ERR_INVALID_ARG_VALUE'],
    [{ origin: { refspec: 5 } }, 'ERR_INVALID_ARG_TYPE'],
    [{ overlayInitrds: 'x' }, 'ERR_INVALID_ARG_TYPE'],
    [{ retain: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ stage: true, retain: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ stage: true, notAsDefault: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ lockFinalization: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ onProgress: 5 }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %j', async (options, code) => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.deploy(REFSPEC, { ...OS, ...(options as object) })).rejects.toMatchObject({ code });
  });

  it('refuses a revision that is none', async () => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.deploy('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(sysroot.deploy(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});
