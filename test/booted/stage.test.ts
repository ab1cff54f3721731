import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { booted, type Boot, device, type Device, exists, whyNotBooted } from '../support/booted.js';

/** The boot loader's entries by their titles, what boots first first. */
async function entries(machine: Device): Promise<{ title: string; options: string }[]> {
  const dir = join(machine.sysroot, 'boot/loader/entries');
  const texts = await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), 'utf8')));
  const field = (text: string, key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? '';
  return texts
    .sort((a, b) => Number(field(b, 'version')) - Number(field(a, 'version')))
    .map((text) => ({ title: field(text, 'title'), options: field(text, 'options') }));
}

const titles = async (machine: Device) => (await entries(machine)).map(({ title }) => title.split(' (')[0]);

async function upgradable(): Promise<{ machine: Device; boot: Boot; second: string }> {
  const machine = await device();
  const second = await machine.publish('2', { 'usr/etc/new': 'shipped 2\n' });
  return { machine, second, boot: await machine.boot() };
}

describe.skipIf(whyNotBooted)(booted, () => {
  it('stages an upgrade, which becomes bootable at shutdown with /etc as it is then', async () => {
    const { machine, boot, second } = await upgradable();
    const result = await boot.run(`
      const phases = [];
      const result = await sysroot.upgrade({ stage: true, onProgress: ({ phase }) => phases.push(phase) });
      await fs.writeFile('/etc/late', 'after staging');
      return { ...result, phases: [...new Set(phases)], same: result.deployment === sysroot.staged };`);
    expect(result).toMatchObject({
      changed: true,
      checksum: second,
      same: true,
      deployment: { staged: true, version: '2', bootSerial: -1 },
    });
    expect((result as { phases: string[] }).phases).toContain('checkout');
    expect(await titles(machine)).toEqual(['Tiny 1']);
    await boot.shutDown();
    expect(await titles(machine)).toEqual(['Tiny 2', 'Tiny 1']);
    const next = await machine.boot();
    const etc = await next.run(`
      return [sysroot.booted.checksum, await fs.readFile('/etc/late', 'utf8'), await fs.readFile('/etc/new', 'utf8')]`);
    expect(etc).toEqual([second, 'after staging', 'shipped 2\n']);
  });

  it('stages a deployment with kernel arguments, in place of what was staged before', async () => {
    const { machine, boot } = await upgradable();
    const staged = await boot.run(`
      await sysroot.upgrade({ stage: true });
      const kernelArgs = { append: ['quiet'] };
      const before = sysroot.staged.id;
      const d = await sysroot.deploy(sysroot.booted.checksum, { stage: true, kernelArgs, origin: 'origin:tiny/os' });
      return { d, before, ids: sysroot.deployments.map(({ id }) => id) };`);
    const { d, before, ids } = staged as { d: { id: string }; before: string; ids: string[] };
    expect(d).toMatchObject({ staged: true, kernelArgs: ['root=/dev/vda', 'rw', 'quiet'], version: '1' });
    expect(ids).not.toContain(before);
    await boot.shutDown();
    expect((await entries(machine))[0]?.options).toMatch(/^root=\/dev\/vda rw ostree=\S+ quiet$/);
  });

  it('keeps overlay initramfs images with what is staged', async () => {
    const { machine, boot } = await upgradable();
    await boot.run(`
      await fs.writeFile('/run/overlay.img', 'overlay');
      await sysroot.deploy(sysroot.booted.checksum, { stage: true, overlayInitrds: ['/run/overlay.img'] });`);
    await boot.shutDown();
    const next = await machine.boot();
    const overlays = await next.run<string[]>(`return sysroot.booted.overlayInitrds`);
    expect(overlays).toHaveLength(1);
    expect(await readFile(join(machine.sysroot, 'boot', overlays[0] ?? ''), 'utf8')).toBe('overlay');
  });

  it('drops what is staged when it is undeployed, or when something else becomes the default', async () => {
    const { boot } = await upgradable();
    const left = await boot.run(`
      await sysroot.upgrade({ stage: true });
      await sysroot.undeploy(sysroot.staged);
      const once = sysroot.deployments.length;
      await sysroot.upgrade({ stage: true });
      await sysroot.makeDefault(sysroot.booted);
      return [once, sysroot.deployments.length, sysroot.staged];`);
    expect(left).toEqual([1, 1, null]);
    expect(await boot.exec('ostree', 'admin', 'status')).not.toContain('staged');
  });

  it('stages again what is staged already, as the command does', async () => {
    const { boot } = await upgradable();
    const serials = await boot.run(`
      const { deployment } = await sysroot.upgrade({ stage: true });
      const again = await sysroot.upgrade({ stage: true });
      return [deployment.deploySerial, again.deployment.deploySerial, sysroot.deployments.length];`);
    expect(serials).toEqual([0, 1, 2]);
    await boot.exec('ostree', 'admin', 'upgrade', '--stage');
    const after = await boot.run(`return [sysroot.staged.deploySerial, sysroot.deployments.length]`);
    expect(after).toEqual([2, 2]);
  });

  it('refuses to pin what is staged, and to change its kernel arguments', async () => {
    const { boot } = await upgradable();
    const codes = await boot.run(`
      await sysroot.upgrade({ stage: true });
      const code = async (promise) => promise.then(() => 'done', (error) => error.code);
      const { staged } = sysroot;
      return [await code(sysroot.pin(staged)), await code(sysroot.kernelArgs(staged).edit({ append: ['x'] }))];`);
    expect(codes).toEqual(['NOT_SUPPORTED', 'NOT_SUPPORTED']);
  });

  it('finishes nothing while finalization is locked', async () => {
    const { machine, boot } = await upgradable();
    await boot.run(`
      await sysroot.upgrade({ pullOnly: true });
      await sysroot.deploy('origin:tiny/os', { stage: true, lockFinalization: true });`);
    await boot.shutDown();
    expect(await titles(machine)).toEqual(['Tiny 1']);
    const next = await machine.boot();
    expect(await next.run(`return [sysroot.booted.version, sysroot.staged]`)).toEqual(['1', null]);
  });

  it('forgets what was staged when the machine dies before it is finished', async () => {
    const { machine, boot } = await upgradable();
    const staged = await boot.run<string>(`return (await sysroot.upgrade({ stage: true })).deployment.path`);
    const next = await machine.boot();
    expect(await next.run(`return [sysroot.booted.version, sysroot.deployments.length]`)).toEqual(['1', 1]);
    await next.run(`await sysroot.cleanup()`);
    expect(await exists(join(machine.sysroot, staged))).toBe(false);
    // The origin is where it was: the same upgrade is made again.
    const again = await next.run(`return (await sysroot.upgrade({ stage: true })).deployment.version`);
    expect(again).toBe('2');
  });
});

describe.skipIf(whyNotBooted)(`upgrade, ${booted}`, () => {
  it('pullOnly fetches, and deployOnly deploys it without the server', async () => {
    const { boot, second } = await upgradable();
    const result = await boot.run(`
      const pulled = await sysroot.upgrade({ pullOnly: true });
      const count = sysroot.deployments.length;
      await sysroot.repo.remotes.setOptions('origin', { url: 'file:///nowhere' });
      return { pulled, count, deployed: await sysroot.upgrade({ deployOnly: true, stage: true }) };`);
    expect(result).toMatchObject({
      pulled: { changed: true, checksum: second, deployment: null },
      count: 1,
      deployed: { changed: true, deployment: { staged: true, checksum: second } },
    });
  });

  it('refuses what is older, unless allowDowngrade says so', async () => {
    const { machine, boot } = await upgradable();
    const old = await machine.publish('0.9', {}, { timestamp: new Date('2001-01-01') });
    await expect(boot.run(`await sysroot.upgrade({ stage: true })`)).rejects.toMatchObject({
      code: 'DOWNGRADE',
    });
    const checksum = await boot.run(
      `return (await sysroot.upgrade({ stage: true, allowDowngrade: true })).checksum`,
    );
    expect(checksum).toBe(old);
  });

  it('takes the commit that overrideCommit names, and keeps it until the next upgrade', async () => {
    const { machine, boot, second } = await upgradable();
    const third = await machine.publish('3');
    const result = await boot.run(`return await sysroot.upgrade({ stage: true, overrideCommit: args })`, {
      args: second,
    });
    expect(result).toMatchObject({ changed: true, checksum: second, deployment: { version: '2' } });
    await boot.shutDown();
    const next = await machine.boot();
    expect(await next.run(`return (await sysroot.upgrade({ stage: true })).checksum`)).toBe(third);
  });

  it('switches, staged, to another ref', async () => {
    const { machine, boot } = await upgradable();
    await machine.publish('other', {}, { branch: 'tiny/other' });
    await boot.run(`await sysroot.switch('tiny/other', { stage: true })`);
    await boot.shutDown();
    const next = await machine.boot();
    expect(await next.run(`return [sysroot.booted.version, sysroot.booted.origin.refspec]`)).toEqual([
      'other',
      'origin:tiny/other',
    ]);
  });
});
