import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { booted, type Boot, device, type Device, whyNotBooted } from '../support/booted.js';
import { ostree } from '../support/repo.js';

/** Whether /sysroot can be written to by the main thread, whose mounts are those of the system. */
const TRY = `
  const writable = () => fs.writeFile('/sysroot/probe', '').then(() => true, (error) => error.code);`;

describe.skipIf(whyNotBooted)(`A read-only /sysroot, ${booted}`, () => {
  let machine: Device;
  let boot: Boot;
  let second: string;

  beforeEach(async () => {
    machine = await device({ 'sysroot.readonly': 'true' });
    second = await machine.publish('2');
    boot = await machine.boot();
  });

  /** As every other process sees it. */
  async function mountedReadOnly(): Promise<boolean> {
    return / ro,/.test((await boot.mountOf('/sysroot')) ?? '');
  }

  it('is the state of the system, whatever opens the sysroot', async () => {
    const seen = await boot.run(
      `${TRY} return [sysroot.booted.version, sysroot.repo.writable, await writable()]`,
    );
    expect(seen).toEqual(['1', true, 'EROFS']);
    expect(await mountedReadOnly()).toBe(true);
  });

  it('keeps no change from working, and stays read-only for all others', async () => {
    const seen = await boot.run(`
      ${TRY}
      const changes = {
        pull: () => sysroot.repo.pull('origin', { refs: ['tiny/os'] }),
        commit: () => sysroot.repo.commit({ tree: '/etc', branch: 'local/etc' }),
        transaction: () => sysroot.repo.transaction((txn) => txn.setRef('local/ref', sysroot.booted.checksum)),
        setRef: () => sysroot.repo.setRef('local/other', sysroot.booted.checksum),
        prune: () => sysroot.repo.prune({ refsOnly: true }),
        'remotes.add': () => sysroot.repo.remotes.add('other', 'https://example.com/repo'),
        'config.set': () => sysroot.repo.config.set('core.min-free-space-percent', '5'),
        deploy: () => sysroot.deploy(sysroot.booted.checksum),
        'kernelArgs.edit': () => sysroot.kernelArgs(sysroot.pending).edit({ append: ['quiet'] }),
        pin: () => sysroot.pin(sysroot.booted),
        setOrigin: () => sysroot.setOrigin(sysroot.pending, 'origin:other'),
        makeDefault: () => sysroot.makeDefault(sysroot.booted),
        undeploy: () => sysroot.undeploy(sysroot.rollback),
        upgrade: () => sysroot.upgrade({ stage: true }),
        initStateroot: () => sysroot.initStateroot('other'),
        cleanup: () => sysroot.cleanup(),
      };
      // The threads of libuv's pool are there before anything is written.
      const seen = { nothing: await writable() };
      for (const [name, change] of Object.entries(changes)) {
        await change().catch((error) => { throw new Error(name, { cause: error }); });
        seen[name] = await writable();
      }
      return Object.entries(seen).filter(([, outcome]) => outcome !== 'EROFS');`);
    expect(seen).toEqual([]);
    expect(await mountedReadOnly()).toBe(true);
  });

  it('has what was written', async () => {
    await boot.run(`
      await Promise.all([
        sysroot.repo.pull('origin', { refs: ['tiny/os'] }),
        sysroot.repo.commit({ tree: '/etc', branch: 'local/a' }),
        sysroot.repo.commit({ tree: '/etc', branch: 'local/b' }),
      ]);
      await sysroot.repo.remotes.add('other', 'https://example.com/repo');`);
    const repo = `--repo=${machine.sysroot}/ostree/repo`;
    expect(await ostree(repo, 'rev-parse', 'origin:tiny/os')).toBe(second);
    expect(await ostree(repo, 'diff', 'local/a', 'local/b')).toBe('');
    expect(await ostree(repo, 'fsck')).toContain('no errors found');
    // A booted system keeps its remotes in /etc.
    expect((await boot.exec('ostree', 'remote', 'list')).split('\n').sort()).toEqual(['origin', 'other']);
  });

  it('is upgraded and finished at shutdown', async () => {
    await boot.run(`await sysroot.upgrade({ stage: true })`);
    await boot.shutDown();
    boot = await machine.boot();
    expect(await boot.run(`${TRY} return [sysroot.booted.version, await writable()]`)).toEqual([
      '2',
      'EROFS',
    ]);
  });

  it('is written to by two sysroots of one process, and by a Worker', async () => {
    const seen = await boot.run(`${TRY}
      const { Worker } = await import('node:worker_threads');
      const other = await ostree.Sysroot.open();
      await other.repo.commit({ tree: '/etc', branch: 'local/other' });
      await other.close();
      const source = \`
        import { Sysroot } from 'ostree';
        const sysroot = await Sysroot.open();
        await sysroot.repo.commit({ tree: '/etc', branch: 'local/worker' });
        await sysroot.close();\`;
      const worker = new Worker(source, { eval: true });
      await new Promise((resolve, reject) => worker.once('error', reject).once('exit', resolve));
      return [(await sysroot.repo.listRefs()).map(({ ref }) => ref).sort(), await writable()];`);
    expect(seen).toEqual([expect.arrayContaining(['local/other', 'local/worker']), 'EROFS']);
    const config = await readFile(join(machine.sysroot, 'ostree/repo/config'), 'utf8');
    expect(config).toContain('readonly=true');
  });
});
