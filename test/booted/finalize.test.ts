import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';

describe.skipIf(whyNotBooted)(`finalizeState and lockFinalization, ${booted}`, () => {
  it('tell and decide whether what is staged will be finished', async () => {
    const machine = await device();
    await machine.publish('2');
    const boot = await machine.boot();
    const states = await boot.run(`
      const states = [];
      const look = async () => states.push(await sysroot.finalizeState());
      await look();
      await sysroot.upgrade({ stage: true });
      await look();
      await sysroot.lockFinalization();
      await sysroot.lockFinalization(true);
      await look();
      return states.map(({ staged, locked, failure }) => [staged && staged.version, locked, failure]);`);
    expect(states).toEqual([
      [null, false, null],
      ['2', false, null],
      ['2', true, null],
    ]);
    await boot.shutDown();
    const still = `return [sysroot.staged.version, (await sysroot.finalizeState()).locked]`;
    expect(await boot.run(still)).toEqual(['2', true]);
    await boot.run(`await sysroot.lockFinalization(false); await sysroot.lockFinalization(false)`);
    await boot.shutDown();
    expect(await (await machine.boot()).run(`return sysroot.booted.version`)).toBe('2');
  });

  it('see what deploy() locked', async () => {
    const boot = await (await device()).boot();
    const state = await boot.run(`
      await sysroot.deploy(sysroot.booted.checksum, { stage: true, lockFinalization: true });
      return await sysroot.finalizeState();`);
    expect(state).toMatchObject({ locked: true, staged: { version: '1', staged: true } });
  });

  it('tell why the last one could not be finished', async () => {
    const machine = await device();
    await machine.publish(
      '2',
      {},
      {
        edit: async (tree) => {
          await rm(join(tree, 'usr/etc/conf'));
          await mkdir(join(tree, 'usr/etc/conf'));
        },
      },
    );
    const boot = await machine.boot();
    await boot.run(`await sysroot.upgrade({ stage: true }); await fs.writeFile('/etc/conf', 'mine')`);
    await expect(boot.shutDown()).rejects.toThrow('cannot merge');
    const next = await machine.boot();
    const state = await next.run(`return [sysroot.booted.version, await sysroot.finalizeState()]`);
    expect(state).toEqual([
      '1',
      { staged: null, locked: false, failure: expect.stringMatching(/'conf', cannot merge/) },
    ]);
  });

  it('reject with NOT_FOUND when nothing is staged', async () => {
    const boot = await (await device()).boot();
    await expect(boot.run(`await sysroot.lockFinalization()`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
