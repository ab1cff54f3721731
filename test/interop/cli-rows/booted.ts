// `ostree admin` on a system that runs: the same done on two machines with one disk, which were copies of each other.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { expect } from 'vitest';

import { type Boot, device, Device } from '../../support/booted.js';
import { temporaryDirectory } from '../../support/repo.js';
import { contents } from '../../support/sysroot.js';
import { has } from './newer.js';
import type { Rows } from './pair.js';

interface Machine {
  device: Device;
  boot: Boot;
}

/** Two that run version 1 and know where to get version 2. */
async function machines(): Promise<[ours: Machine, theirs: Machine]> {
  const made = await device();
  await made.publish('2', { 'usr/etc/new': 'shipped 2\n', 'usr/lib/modules/6.0.1/vmlinuz': 'another' });
  const copy = join(await temporaryDirectory(), 'device');
  await execa('cp', ['-a', made.dir, copy]);
  const start = async (machine: Device) => ({ device: machine, boot: await machine.boot() });
  return [await start(made), await start(new Device(copy))];
}

/** Everything on the disk, what is staged, and what is mounted over /usr. libostree makes up the names of some directories. */
async function stateOf({ device, boot }: Machine): Promise<unknown> {
  const made = (text: string) => text.replaceAll(/ostree-unlock-ovl\.\w{6}/g, 'ostree-unlock-ovl.XXXXXX');
  const disk = Object.entries(await contents(device.sysroot)).map(([path, what]) => [made(path), made(what)]);
  const staged = await boot.read('/run/ostree/staged-deployment');
  const mount = await usr(boot);
  // Where the disk lies on this machine is not the same.
  return { disk, staged, usr: { ...mount, options: made(mount.options).replaceAll(device.dir, '') } };
}

async function usr(boot: Boot): Promise<{ type: string; options: string }> {
  const line = (await boot.mountOf('/usr')) ?? '';
  const [, type = '', options = ''] = / - (\S+) \S+ (\S+)$/.exec(line) ?? [];
  return { type, options: `${line.split(' ')[5]} ${options}` };
}

async function same(ours: Machine, theirs: Machine): Promise<void> {
  expect(await stateOf(ours)).toEqual(await stateOf(theirs));
}

/** Reboots both; what runs then is the result. */
async function reboot(...both: Machine[]): Promise<string[]> {
  const versions: string[] = [];
  for (const machine of both) {
    machine.boot = await machine.device.boot();
    versions.push(await machine.boot.run<string>(`return sysroot.booted.version`));
  }
  return versions;
}

export const bootedRows: Rows = {
  'ostree admin unlock': async () => {
    for (const [mode, option] of [
      ['development', []],
      ['transient', ['--transient']],
      ['hotfix', ['--hotfix']],
    ] as const) {
      const [ours, theirs] = await machines();
      await ours.boot.run(`await sysroot.unlock(sysroot.booted, args)`, { args: mode });
      await theirs.boot.exec('ostree', 'admin', 'unlock', ...option);
      await same(ours, theirs);
      expect((await usr(ours.boot)).type).toBe('overlay');
    }
  },
  'ostree admin finalize-staged': async () => {
    const [ours, theirs] = await machines();
    await ours.boot.run(`
      await sysroot.upgrade({ stage: true });
      const { staged, locked } = await sysroot.finalizeState();
      if (locked || staged.version !== '2') throw new Error('not staged');`);
    await theirs.boot.exec('ostree', 'admin', 'upgrade', '--stage');
    await same(ours, theirs);
    expect(await ours.boot.read('/run/ostree/staged-deployment')).not.toBeNull();
    for (const { boot } of [ours, theirs])
      await boot.run(`await fs.writeFile('/etc/conf', 'late'); await fs.rm('/etc/keep')`);
    // The service runs the command whoever staged.
    for (const { boot } of [ours, theirs]) await boot.shutDown();
    await same(ours, theirs);
    expect(await reboot(ours, theirs)).toEqual(['2', '2']);
  },
  'ostree admin lock-finalization': async () => {
    const [ours, theirs] = await machines();
    await ours.boot.run(`await sysroot.upgrade({ stage: true }); await sysroot.lockFinalization();`);
    // The command of this name is new in libostree 2023.8; before, what is staged is locked as it is staged.
    const admin = (...args: string[]) => theirs.boot.exec('ostree', 'admin', ...args);
    if (await has('lock-finalization')) {
      await admin('upgrade', '--stage');
      await admin('lock-finalization');
    } else {
      await admin('upgrade', '--pull-only');
      await admin('deploy', '--stage', '--lock-finalization', 'origin:tiny/os');
    }
    for (const { boot } of [ours, theirs])
      expect(await boot.run(`return (await sysroot.finalizeState()).locked`)).toBe(true);
    await same(ours, theirs);
    for (const { boot } of [ours, theirs]) await boot.shutDown();
    await same(ours, theirs);
    expect(await reboot(ours, theirs)).toEqual(['1', '1']);
  },
  'ostree admin boot-complete': async () => {
    const machine = await device();
    const toDirectory = async (tree: string) => {
      await rm(join(tree, 'usr/etc/conf'));
      await mkdir(join(tree, 'usr/etc/conf'));
    };
    await machine.publish('2', {}, { edit: toDirectory });
    const boot = await machine.boot();
    await boot.run(`await sysroot.upgrade({ stage: true }); await fs.writeFile('/etc/conf', 'mine')`);
    await expect(boot.shutDown()).rejects.toThrow('cannot merge');
    const next = await machine.boot();
    const look = `return (await sysroot.finalizeState()).failure`;
    const failure = await next.run<string>(look);
    expect(failure).toContain('cannot merge');
    // What its service sets.
    const command = next.command(['ostree', 'admin', 'boot-complete'], { INVOCATION_ID: 'test' });
    const { stderr } = await execa(...command, { reject: false });
    expect(stderr).toContain(failure.trim());
    expect(await next.run(look)).toBeNull();
  },
  'ostree admin prepare-soft-reboot': async () => {
    const [ours, theirs] = await machines();
    for (const { boot } of [ours, theirs]) await boot.run(`await sysroot.upgrade()`);
    const outcome = await ours.boot.run<string>(`
      return await sysroot.softReboot(sysroot.pending).then(() => 'done', ({ code }) => code);`);
    if (await has('prepare-soft-reboot')) {
      const prepared = theirs.boot.exec('ostree', 'admin', 'prepare-soft-reboot', '0');
      expect(outcome === 'done').toBe(await prepared.then(Boolean, () => false));
    } else expect(outcome).toBe('NOT_SUPPORTED');
    await same(ours, theirs);
  },
};
