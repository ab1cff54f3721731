import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';

/** Unlocks, looks at what /usr is then, and at what the sysroot says. */
const UNLOCK = `
  await sysroot.unlock(sysroot.booted, args);
  const write = await fs.writeFile('/usr/written', 'mine').then(() => 'done', ({ code }) => code);
  return { write, unlocked: sysroot.booted.unlocked, versions: sysroot.deployments.map(({ version }) => version) };`;

describe.skipIf(whyNotBooted)(`unlock, ${booted}`, () => {
  it('makes /usr writable for development, for every process, until the next boot', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const seen = await boot.run(UNLOCK, { args: 'development' });
    expect(seen).toEqual({ write: 'done', unlocked: 'development', versions: ['1'] });
    expect(await boot.mountOf('/usr')).toContain('overlay');
    const next = await machine.boot();
    const after = await next
      .run(
        `
      const written = await fs.access('/sysroot/ostree/deploy/tiny/deploy/' + sysroot.booted.checksum + '.0/usr/written');
      return written;`,
      )
      .then(
        () => 'kept',
        ({ code }: { code: string }) => code,
      );
    expect(after).toBe('ENOENT');
    expect(await next.run(`return sysroot.booted.unlocked`)).toBe('none');
  });

  it('makes an overlay for a transient unlock that is mounted read-only', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const seen = await boot.run(UNLOCK, { args: 'transient' });
    expect(seen).toEqual({ write: 'EROFS', unlocked: 'transient', versions: ['1'] });
  });

  it('hotfixes for good, and leaves a deployment as shipped to roll back to', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const seen = await boot.run(UNLOCK, { args: 'hotfix' });
    expect(seen).toEqual({ write: 'done', unlocked: 'hotfix', versions: ['1', '1'] });
    const next = await machine.boot();
    const after = await next.run(`
      const { booted, rollback } = sysroot;
      const upper = '/sysroot' + booted.path + '/.usr-ovl-upper/written';
      return [booted.unlocked, rollback.unlocked, booted.origin.unlocked, await fs.readFile(upper, 'utf8')];`);
    expect(after).toEqual(['hotfix', 'none', 'hotfix', 'mine']);
    const status = await next.run(`return String(await sysroot.status())`);
    expect(status).toBe(`${await next.exec('ostree', 'admin', 'status')}\n`);
    expect(status).toContain('Unlocked: hotfix');
    const again = next.run(`await sysroot.unlock(sysroot.booted, 'development')`);
    await expect(again).rejects.toMatchObject({ code: 'EXISTS' });
  });

  it('works under a read-only /sysroot, and while the caller holds the lock', async () => {
    const machine = await device({ 'sysroot.readonly': 'true' });
    const boot = await machine.boot();
    const seen = await boot.run(
      `
      const lock = await sysroot.lock();
      try {
        ${UNLOCK}
      } finally {
        await lock.release();
      }`,
      { args: 'development' },
    );
    expect(seen).toMatchObject({ write: 'done', unlocked: 'development' });
  });

  it('refuses what is not booted, and what is gone', async () => {
    const machine = await device();
    const boot = await machine.boot();
    const codes = await boot.run(`
      const outcome = (promise) => promise.then(() => 'done', ({ code }) => code);
      const other = await sysroot.deploy(sysroot.booted.checksum);
      return [
        await outcome(sysroot.unlock(other, 'development')),
        await outcome(sysroot.unlock('tiny-0.0', 'development')),
      ];`);
    expect(codes).toEqual(['INVALID_ARGUMENT', 'NOT_FOUND']);
  });
});
