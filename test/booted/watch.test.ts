import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';

describe.skipIf(whyNotBooted)(`watch, ${booted}`, () => {
  it('sees what other processes stage, pin and remove', async () => {
    const machine = await device();
    await machine.publish('2');
    const boot = await machine.boot();
    const seen = await boot.run(`
      const { execFile } = await import('node:child_process');
      const admin = (...args) => new Promise((resolve, reject) =>
        execFile('ostree', ['admin', ...args], (error) => (error ? reject(error) : resolve())));
      const steps = [['upgrade', '--stage'], ['pin', 'booted'], ['undeploy', '0']].reverse();
      const seen = [];
      for await (const { staged, booted } of sysroot.watch()) {
        seen.push([staged && staged.version, booted.pinned]);
        const step = steps.pop();
        if (!step) break;
        // The index, for the command of 2022.7 knows no other name.
        await admin(...step.map((arg) => (arg === 'booted' ? '1' : arg)));
      }
      return seen;`);
    expect(seen).toEqual([
      [null, false],
      ['2', false],
      ['2', true],
      [null, true],
    ]);
  });
});
