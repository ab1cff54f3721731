import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { type Deployment, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { ostree } from '../support/repo.js';
import { type CliSysroot, contents, type Os, REFSPEC, tinyOs, twins } from '../support/sysroot.js';

/** Two sysroots with versions 1, 2 and 3 deployed, the last first. */
async function threeDeployed(): Promise<[CliSysroot, CliSysroot]> {
  const os = await tinyOs();
  const pair = await twins(os);
  for (const version of ['1', '2', '3']) {
    if (version !== '1') await os.publish(version);
    for (const sysroot of pair) {
      await sysroot.pull();
      await sysroot.admin('deploy', '--os=tiny', '--retain', REFSPEC);
    }
  }
  return pair;
}

function versions(sysroot: Sysroot): (string | null)[] {
  return sysroot.deployments.map(({ version }) => version);
}

function at(sysroot: Sysroot, index: number): Deployment {
  const deployment = sysroot.deployments[index];
  if (!deployment) throw new Error(`no deployment ${index}`);
  return deployment;
}

async function deployed(os: Os): Promise<string> {
  const { path, pull, admin } = await os.sysroot();
  await pull();
  await admin('deploy', '--os=tiny', REFSPEC);
  return path;
}

describe('makeDefault and rollBack', () => {
  it('change the order, as the boot loader sees it, and that of nothing else', async () => {
    const [{ path }] = await threeDeployed();
    await using sysroot = await Sysroot.open(path);
    const third = at(sysroot, 2);
    await sysroot.makeDefault(third);
    expect(versions(sysroot)).toEqual(['1', '3', '2']);
    expect(sysroot.pending?.id).toBe(third.id);
    const entries = join(path, 'boot/loader/entries');
    expect(await readFile(join(entries, 'ostree-3-tiny.conf'), 'utf8')).toContain('Tiny 1');
    expect(await readFile(join(entries, 'ostree-2-tiny.conf'), 'utf8')).toContain('Tiny 3');
    const back = await sysroot.rollBack();
    expect(back.version).toBe('3');
    expect(sysroot.pending).toBe(back);
    expect(versions(sysroot)).toEqual(['3', '1', '2']);
    await sysroot.makeDefault(back.id);
    expect(versions(sysroot)).toEqual(['3', '1', '2']);
  });

  it('roll back and forth between two, with what the command then sees', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    await sysroot.deploy(REFSPEC, { stateroot: 'tiny', kernelArgs: ['first'] });
    await os.publish('2');
    await pull();
    await sysroot.deploy(REFSPEC, { stateroot: 'tiny', kernelArgs: ['second'] });
    for (const version of ['1', '2', '1']) {
      expect((await sysroot.rollBack()).version).toBe(version);
      expect(await admin('status')).toBe(String(await sysroot.status()).trimEnd());
    }
    expect(sysroot.pending?.kernelArgs).toEqual(['first']);
  });

  it('roll back within the stateroot that boots next', async () => {
    const os = await tinyOs();
    const path = await deployed(os);
    await using sysroot = await Sysroot.open(path);
    await sysroot.initStateroot('other');
    await sysroot.deploy(REFSPEC, { stateroot: 'other' });
    expect(sysroot.deployments.map(({ stateroot }) => stateroot)).toEqual(['other', 'tiny']);
    expect(sysroot.rollback).toBeNull();
    await expect(sysroot.rollBack()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('undeploy', () => {
  it.each([0, 1, 2])('removes deployment %i as the command does', async (index) => {
    const [theirs, ours] = await threeDeployed();
    await theirs.admin('undeploy', String(index));
    await using sysroot = await Sysroot.open(ours.path);
    const gone = at(sysroot, index);
    await sysroot.undeploy(gone);
    expect(sysroot.deployments).toHaveLength(2);
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    expect(await ostree(`--repo=${ours.path}/ostree/repo`, 'fsck')).toContain('no errors found');
  });

  it('removes the last one as well, as the command does', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, (sysroot) => sysroot.admin('deploy', '--os=tiny', REFSPEC));
    await theirs.admin('undeploy', '0');
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.undeploy(at(sysroot, 0));
    expect(sysroot.deployments).toEqual([]);
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('rejects with NOT_SUPPORTED where libostree would end the process: the last one, with GRUB', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.config.set('sysroot.bootloader', 'grub2');
    await expect(sysroot.undeploy(at(sysroot, 0))).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(sysroot.deployments).toHaveLength(1);
  });
});

describe('a deployment that is gone', () => {
  it('is NOT_FOUND for every method, though another one has its place', async () => {
    const [{ path, admin }] = await threeDeployed();
    await using sysroot = await Sysroot.open(path);
    const gone = at(sysroot, 1);
    await admin('undeploy', '1');
    const before = await contents(path);
    const missing = { code: 'NOT_FOUND' };
    for (const which of [gone, gone.id]) {
      await expect(sysroot.makeDefault(which)).rejects.toMatchObject(missing);
      await expect(sysroot.undeploy(which)).rejects.toMatchObject(missing);
      await expect(sysroot.pin(which)).rejects.toMatchObject(missing);
      await expect(sysroot.setOrigin(which, REFSPEC)).rejects.toMatchObject(missing);
      await expect(sysroot.kernelArgs(which).get()).rejects.toMatchObject(missing);
      await expect(sysroot.kernelArgs(which).edit({ append: ['a'] })).rejects.toMatchObject(missing);
    }
    expect(await contents(path)).toEqual(before);
  });

  it.each([undefined, null, 0, {}, { id: 5 }])('is a TypeError when it is %j', async (which) => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
    await expect(sysroot.makeDefault(which as never)).rejects.toMatchObject(wrong);
    await expect(sysroot.undeploy(which as never)).rejects.toMatchObject(wrong);
    await expect(sysroot.pin(which as never)).rejects.toMatchObject(wrong);
    await expect(sysroot.setOrigin(which as never, REFSPEC)).rejects.toMatchObject(wrong);
    expect(() => sysroot.kernelArgs(which as never)).toThrow(TypeError);
  });
});

describe('pin', () => {
  it('pins and unpins as the command does, and keeps a deployment through others', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, (sysroot) => sysroot.admin('deploy', '--os=tiny', REFSPEC));
    await theirs.admin('pin', '0');
    await using sysroot = await Sysroot.open(ours.path);
    const first = at(sysroot, 0);
    await sysroot.pin(first);
    await sysroot.pin(first, true);
    expect(sysroot.deployments[0]?.pinned).toBe(true);
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    for (let i = 0; i < 3; i++) await sysroot.deploy(REFSPEC, { stateroot: 'tiny', noMerge: true });
    expect(sysroot.deployments.map(({ id }) => id)).toContain(first.id);
    await sysroot.pin(first, false);
    expect(sysroot.deployments.some(({ pinned }) => pinned)).toBe(false);
    await sysroot.deploy(REFSPEC, { stateroot: 'tiny', noMerge: true });
    expect(sysroot.deployments.map(({ id }) => id)).not.toContain(first.id);
  });

  it('rejects with NOT_FOUND where there is no origin file, which libostree would call a success', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const deployment = at(sysroot, 0);
    await rm(`${deployment.path}.origin`);
    await sysroot.cleanup();
    expect(sysroot.deployments[0]?.origin).toBeNull();
    await expect(sysroot.pin(deployment)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(String(await sysroot.status())).toContain('    origin: none\n');
    await sysroot.setOrigin(deployment, REFSPEC);
    await sysroot.pin(deployment);
    expect(sysroot.deployments[0]).toMatchObject({ pinned: true, origin: { refspec: REFSPEC } });
  });

  it('refuses what is no boolean', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    await expect(sysroot.pin(at(sysroot, 0), 1 as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
  });
});

describe('setOrigin', () => {
  it('writes what the command writes', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, (sysroot) => sysroot.admin('deploy', '--os=tiny', REFSPEC));
    await theirs.admin('set-origin', '--index=0', 'origin', 'file:///nowhere', 'other/ref');
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.setOrigin(at(sysroot, 0), 'origin:other/ref');
    expect(sysroot.deployments[0]?.origin).toEqual({ refspec: 'origin:other/ref' });
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
  });

  it('keeps a pin, and drops the commit that an upgrade was told to take', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const first = at(sysroot, 0);
    const origin = { refspec: REFSPEC, 'override-commit': first.checksum };
    const deployment = await sysroot.deploy(REFSPEC, { stateroot: 'tiny', origin });
    await sysroot.pin(deployment);
    await sysroot.setOrigin(deployment, 'origin:other');
    expect(sysroot.deployments[0]).toMatchObject({ pinned: true });
    expect(sysroot.deployments[0]?.origin).toEqual({
      refspec: 'origin:other',
      'libostree-transient.pinned': 'true',
    });
  });

  it.each(['', ':', 'origin:', ':ref', 'a:b:c', 'a b', 'x\n', '../x'])('refuses %j', async (refspec) => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const wrong = sysroot.setOrigin(at(sysroot, 0), refspec);
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('a change that took effect', () => {
  it('resolves, with a warning, though the clean-up behind it had to be given up', async () => {
    const os = await tinyOs();
    const path = await deployed(os);
    await using sysroot = await Sysroot.open(path);
    await sysroot.repo.config.set('core.lock-timeout-secs', 0);
    await sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    const endOther = await holdLock(join(path, 'ostree/repo'), 'F_RDLCK');
    const warned = once(process, 'warning');
    await sysroot.undeploy(at(sysroot, 1));
    expect(sysroot.deployments).toHaveLength(1);
    const [warning] = await warned;
    expect(warning).toMatchObject({ code: 'OSTREE_CLEANUP' });
    await endOther();
    await sysroot.cleanup();
  });
});

describe('cleanup', () => {
  it('removes what the command removes', async () => {
    const os = await tinyOs();
    const [theirs, ours] = await twins(os, async (sysroot) => {
      await sysroot.admin('deploy', '--os=tiny', REFSPEC);
      const checksum = await ostree(`--repo=${sysroot.path}/ostree/repo`, 'rev-parse', REFSPEC);
      const stray = join(sysroot.path, 'ostree/deploy/tiny/deploy', `${checksum}.7`);
      await ostree(`--repo=${sysroot.path}/ostree/repo`, 'checkout', checksum, stray);
    });
    expect(Object.keys(await contents(ours.path)).some((name) => name.includes('.7/'))).toBe(true);
    await theirs.admin('cleanup');
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.cleanup();
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    expect(Object.keys(await contents(ours.path)).some((name) => name.includes('.7/'))).toBe(false);
  });

  it('waits for other work of this process on the repository', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const lock = await sysroot.repo.lock('shared');
    let done = false;
    const cleaning = sysroot.cleanup().then(() => (done = true));
    await sysroot.status();
    expect(done).toBe(false);
    await lock.release();
    await cleaning;
  });

  it('fails at once inside a transaction on the repository, which it would wait for', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    const inside = sysroot.repo.transaction(() => sysroot.cleanup());
    await expect(inside).rejects.toMatchObject({ code: 'LOCKED', details: { holder: 'this-process' } });
    await sysroot.repo.transaction(() => sysroot.pin(at(sysroot, 0)));
    expect(sysroot.deployments[0]?.pinned).toBe(true);
  });

  it('ends its wait with the reason of the signal', async () => {
    const path = await deployed(await tinyOs());
    await using sysroot = await Sysroot.open(path);
    await using _ = await sysroot.repo.lock('shared');
    const controller = new AbortController();
    const cleaning = sysroot.cleanup({ signal: controller.signal });
    const reason = new Error('enough');
    await sysroot.status();
    controller.abort(reason);
    await expect(cleaning).rejects.toBe(reason);
  });
});
