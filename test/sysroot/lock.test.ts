import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { holdLockFile } from '../support/lock-holder.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

async function empty(): Promise<string> {
  return (await (await tinyOs()).sysroot()).path;
}

describe('sysroot.lock', () => {
  it('keeps another Sysroot of this process out, which learns who holds it', async () => {
    const path = await empty();
    await using first = await Sysroot.open(path);
    await using second = await Sysroot.open(path);
    const lock = await first.lock();
    await expect(second.lock({ timeout: 0 })).rejects.toMatchObject({
      code: 'LOCKED',
      path,
      details: { holder: 'this-process' },
    });
    await expect(second.lock({ timeout: 30 })).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release();
    await (await second.lock({ timeout: 0 })).release();
  });

  it('waits for another process, and gets it when that ends', async () => {
    const path = await empty();
    await using sysroot = await Sysroot.open(path);
    const endOther = await holdLockFile(join(path, 'ostree/lock'), 'F_WRLCK');
    await expect(sysroot.lock({ timeout: 0 })).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'other-process' },
    });
    const waiting = sysroot.lock();
    await endOther();
    await (await waiting).release();
  });

  it('keeps the command out until it is released', async () => {
    const path = await empty();
    await using sysroot = await Sysroot.open(path);
    const lock = await sysroot.lock();
    const command = spawn('ostree', ['admin', `--sysroot=${path}`, 'cleanup']);
    const ended = once(command, 'exit');
    const [output] = await once(command.stdout, 'data');
    expect(String(output)).toContain('Waiting for sysroot lock');
    expect(command.exitCode).toBeNull();
    await lock.release();
    expect(await ended).toEqual([0, null]);
  });

  it('lets what is done through the same Sysroot run under it, and counts', async () => {
    const os = await tinyOs();
    const { path, pull } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    await using other = await Sysroot.open(path);
    const outer = await sysroot.lock();
    {
      await using _ = await sysroot.lock({ timeout: 0 });
      await sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    }
    await expect(other.lock({ timeout: 0 })).rejects.toMatchObject({ code: 'LOCKED' });
    await outer.release();
    await outer.release();
    await (await other.lock({ timeout: 0 })).release();
  });

  it('is given to all who ask through one Sysroot at once', async () => {
    const path = await empty();
    await using sysroot = await Sysroot.open(path);
    await using other = await Sysroot.open(path);
    const locks = await Promise.all([sysroot.lock(), sysroot.lock(), sysroot.lock()]);
    for (const lock of locks) {
      await expect(other.lock({ timeout: 0 })).rejects.toMatchObject({ code: 'LOCKED' });
      await lock.release();
    }
    await (await other.lock({ timeout: 0 })).release();
  });

  it('ends its wait with the reason of the signal', async () => {
    const path = await empty();
    await using sysroot = await Sysroot.open(path);
    await using other = await Sysroot.open(path);
    await using _ = await other.lock();
    const controller = new AbortController();
    const waiting = sysroot.lock({ signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it('goes with the Sysroot when that is closed', async () => {
    const path = await empty();
    const sysroot = await Sysroot.open(path);
    const lock = await sysroot.lock();
    await sysroot.close();
    await using other = await Sysroot.open(path);
    await (await other.lock({ timeout: 0 })).release();
    await lock.release();
  });

  it('lets changes of two Sysroots take turns', async () => {
    const path = await empty();
    await using first = await Sysroot.open(path);
    await using second = await Sysroot.open(path);
    const names = Array.from({ length: 10 }, (_, i) => `os${i}`);
    await Promise.all(names.map((name, i) => (i % 2 ? first : second).initStateroot(name)));
    await first.cleanup();
    expect(first.deployments).toEqual([]);
  });

  it('refuses bad arguments', async () => {
    await using sysroot = await Sysroot.open(await empty());
    await expect(sysroot.lock({ timeout: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(sysroot.lock({ timeout: '1' as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(sysroot.lock(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});
