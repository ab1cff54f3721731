import { once } from 'node:events';

import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';

import { booted, type Boot, device, outcomeOf, whyNotBooted } from '../support/booted.js';

/** A process of the device that holds the lock, until the result is called. */
async function holder(boot: Boot): Promise<() => Promise<void>> {
  const child = execa(
    ...boot.node(`
      const lock = await sysroot.lock();
      console.log('held');
      await new Promise((resolve) => process.stdin.resume().once('end', resolve));
      await lock.release();`),
    { reject: false },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    outcomeOf(await child);
  };
}

describe.skipIf(whyNotBooted)(`The lock, ${booted}`, () => {
  it('is held against other processes, which are told so', async () => {
    const boot = await (await device()).boot();
    const release = await holder(boot);
    await expect(boot.run(`await sysroot.lock({ timeout: 50 })`)).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'other-process' },
    });
    await release();
    expect(await boot.run(`await (await sysroot.lock({ timeout: 50 })).release(); return 'had'`)).toBe('had');
  });

  it('makes a change wait for the process that has it', async () => {
    const boot = await (await device()).boot();
    const release = await holder(boot);
    const waiting = boot.run<boolean>(`
      console.log('waits');
      await sysroot.pin(sysroot.booted);
      return sysroot.booted.pinned;`);
    // Reading needs no lock.
    expect(await boot.run(`return (await sysroot.status()).booted.pinned`)).toBe(false);
    await release();
    expect(await waiting).toBe(true);
  });

  it('makes the command wait, too', async () => {
    const boot = await (await device()).boot();
    const release = await holder(boot);
    const waiting = boot.exec('ostree', 'admin', 'pin', '0');
    await release();
    expect(await waiting).toContain('pinned');
  });

  it('lets two processes that deploy at the same time both have their deployment', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const deploy = `return (await sysroot.deploy(sysroot.booted.checksum, { retain: true })).id`;
    const ids = await Promise.all([boot.run(deploy), boot.run(deploy), boot.run(deploy)]);
    expect(new Set(ids).size).toBe(3);
    const there = await boot.run<string[]>(`return sysroot.deployments.map(({ id }) => id)`);
    expect(there).toHaveLength(4);
    expect(there).toEqual(expect.arrayContaining(ids));
    const next = await machine.boot();
    expect(await next.run(`return sysroot.booted.id`)).toBe(there[0]);
  });

  it('goes with a process that is killed', async () => {
    const boot = await (await device()).boot();
    const killed = boot.run(`await sysroot.lock(); process.kill(process.pid, 'SIGKILL')`);
    await expect(killed).rejects.toThrow('ended with');
    expect(await boot.run(`await (await sysroot.lock({ timeout: 0 })).release(); return 'had'`)).toBe('had');
  });
});
