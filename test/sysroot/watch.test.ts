import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { Sysroot, type SysrootStatus } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { type CliSysroot, REFSPEC, tinyOs } from '../support/sysroot.js';

async function deployed(): Promise<CliSysroot> {
  const sysroot = await (await tinyOs()).sysroot();
  await sysroot.pull();
  await sysroot.admin('deploy', '--os=tiny', REFSPEC);
  return sysroot;
}

describe('watch', () => {
  it('gives the state now, and again after each change by the command', async () => {
    const { path, admin } = await deployed();
    await using sysroot = await Sysroot.open(path);
    const seen: string[] = [];
    for await (const status of sysroot.watch()) {
      seen.push(String(status));
      expect(String(status)).toBe(`${await admin('status')}\n`);
      expect(sysroot.deployments).toBe(status.deployments);
      if (seen.length === 1) await admin('pin', '0');
      else if (seen.length === 2) await admin('deploy', '--os=tiny', '--retain', REFSPEC);
      else if (seen.length === 3) break;
    }
    expect(new Set(seen).size).toBe(3);
  });

  it('sees changes of its own sysroot, and nothing where nothing changed', async () => {
    const { path } = await deployed();
    await using sysroot = await Sysroot.open(path);
    const pins: boolean[] = [];
    for await (const { deployments } of sysroot.watch()) {
      const [deployment] = deployments;
      if (!deployment) throw new Error('no deployment');
      pins.push(deployment.pinned);
      if (pins.length === 1) {
        await sysroot.cleanup();
        await sysroot.pin(deployment, false);
        await sysroot.pin(deployment, true);
      } else break;
    }
    expect(pins).toEqual([false, true]);
  });

  it('ends with the reason of the signal, and with CLOSED', async () => {
    const { path } = await deployed();
    const sysroot = await Sysroot.open(path);
    const controller = new AbortController();
    const watches = [sysroot.watch({ signal: controller.signal }), sysroot.watch()] as const;
    const next = async (watch: AsyncGenerator<SysrootStatus>) => {
      await watch.next();
      return watch.next();
    };
    const ends = [next(watches[0]), next(watches[1])] as const;
    const outcomes = Promise.allSettled(ends);
    await sysroot.reload();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(ends[0]).rejects.toBe(reason);
    await sysroot.close();
    await expect(ends[1]).rejects.toMatchObject({ code: 'CLOSED' });
    await outcomes;
    await expect(sysroot.watch().next()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('return() ends a next() that waits', async () => {
    const { path } = await deployed();
    await using sysroot = await Sysroot.open(path);
    const watch = sysroot.watch();
    await watch.next();
    const waiting = watch.next();
    await sysroot.status();
    expect(await watch.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('says NOT_FOUND where there is nothing to watch', async () => {
    const { path } = await deployed();
    await using sysroot = await Sysroot.open(path);
    const directory = join(path, 'ostree/deploy');
    await rename(directory, `${directory}-away`);
    await expect(sysroot.watch().next()).rejects.toMatchObject({ code: 'NOT_FOUND', path: directory });
  });

  it('keeps the process running, unless persistent is false', async () => {
    const { path } = await deployed();
    const source = (options: string) => `
      import { Sysroot } from 'ostree';
      const sysroot = await Sysroot.open(process.argv[1]);
      const watch = sysroot.watch(${options});
      await watch.next();
      watch.next().catch(() => {});
      process.on('exit', () => console.log('ends'));`;
    const ended = await runModule(source('{ persistent: false }'), [path]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'ends' });
    const stays = await runModule(
      `${source('')}
      const { setTimeout: delay } = await import('node:timers/promises');
      await delay(300, undefined, { ref: false }).then(() => (console.log('stays'), process.exit(0)));`,
      [path],
    );
    expect(stays).toMatchObject({ exitCode: 0, stdout: 'stays\nends' });
  });

  it('refuses wrong arguments at once', async () => {
    const { path } = await deployed();
    await using sysroot = await Sysroot.open(path);
    expect(() => sysroot.watch({ persistent: 1 as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => sysroot.watch({ signal: {} as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
  });
});
