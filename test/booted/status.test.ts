import { describe, expect, it } from 'vitest';

import { type Boot, booted, device, whyNotBooted } from '../support/booted.js';

interface Seen {
  booted: string | null;
  staged: string | null;
  pending: string | null;
  rollback: string | null;
  versions: string[];
  status: string;
}

/** The version that each mark is on, once the status is seen to be what the command prints. */
async function seen(boot: Boot): Promise<Omit<Seen, 'status'>> {
  const { status, ...marks } = await boot.run<Seen>(`
    const status = await sysroot.status();
    const { deployments, ...marks } = status.toJSON();
    const versions = Object.fromEntries(Object.entries(marks).map(([mark, d]) => [mark, d && d.version]));
    return { ...versions, versions: deployments.map((d) => d.version), status: String(status) };`);
  expect(await boot.exec('ostree', 'admin', 'status')).toBe(status.trimEnd());
  return marks;
}

const NOTHING = { booted: null, staged: null, pending: null, rollback: null };

describe.skipIf(whyNotBooted)(booted, () => {
  it('marks what runs, what boots next and what is there to roll back to', async () => {
    const machine = await device();
    let boot = await machine.boot();
    expect(await seen(boot)).toEqual({ ...NOTHING, booted: '1', versions: ['1'] });

    await machine.publish('2');
    await boot.run(`await sysroot.upgrade()`);
    expect(await seen(boot)).toEqual({ ...NOTHING, booted: '1', pending: '2', versions: ['2', '1'] });

    boot = await machine.boot();
    expect(await seen(boot)).toEqual({ ...NOTHING, booted: '2', rollback: '1', versions: ['2', '1'] });

    // Somebody chose the other entry in the boot loader's menu.
    boot = await machine.boot({ entry: 1 });
    expect(await seen(boot)).toEqual({ ...NOTHING, booted: '1', pending: '2', versions: ['2', '1'] });
  });

  it('marks what is staged, until it is finished', async () => {
    const machine = await device();
    await machine.publish('2');
    let boot = await machine.boot();
    await boot.run(`await sysroot.upgrade({ stage: true })`);
    const staged = { ...NOTHING, booted: '1', staged: '2', pending: '2', versions: ['2', '1'] };
    expect(await seen(boot)).toEqual(staged);
    await boot.shutDown();
    boot = await machine.boot();
    expect(await seen(boot)).toEqual({ ...NOTHING, booted: '2', rollback: '1', versions: ['2', '1'] });
  });

  it('shows pins, origins that are gone and the deployments of other stateroots as the command does', async () => {
    const machine = await device();
    await machine.publish('2', {}, { metadata: { 'ostree.source-title': 'Built by hand' } });
    const boot = await machine.boot();
    await boot.run(`
      await sysroot.upgrade();
      await sysroot.pin(sysroot.pending);
      await sysroot.initStateroot('other');
      await sysroot.deploy('origin:tiny/os', { stateroot: 'other', retain: true, notAsDefault: true });`);
    const { versions, ...marks } = await seen(boot);
    expect(versions).toEqual(['2', '1', '2']);
    expect(marks).toEqual({ ...NOTHING, booted: '1', pending: '2' });
  });

  it('is not of a sysroot that lies elsewhere, whatever runs', async () => {
    const machine = await device();
    await machine.install();
    const boot = await machine.boot();
    const other = await boot.run(`
      const other = await ostree.Sysroot.open('/run/device/sysroot');
      try {
        return { booted: other.booted, count: other.deployments.length };
      } finally {
        await other.close();
      }`);
    expect(other).toEqual({ booted: null, count: 2 });
  });

  it('keeps /var over an upgrade', async () => {
    const machine = await device();
    await machine.publish('2');
    let boot = await machine.boot();
    await boot.run(`await fs.writeFile('/var/data', 'mine'); await sysroot.upgrade();`);
    boot = await machine.boot();
    const kept = await boot.run(`return [sysroot.booted.version, await fs.readFile('/var/data', 'utf8')]`);
    expect(kept).toEqual(['2', 'mine']);
  });
});
