// A file system that is frozen for a moment: libostree does that to /boot whenever it has written deployments, and what
// takes snapshots of virtual machines does it to all. Nothing can be mounted again meanwhile.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { execa, execaSync } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';
import { temporaryDirectory } from '../support/repo.js';

const whyNot = ((): string | undefined => {
  if (whyNotBooted !== undefined) return whyNotBooted;
  const { failed, stderr } = execaSync('losetup', ['--find'], { reject: false });
  return failed ? `there are no loop devices: ${stderr}` : undefined;
})();

if (whyNot !== undefined) console.warn(`Skipped, for no file system can be frozen here: ${whyNot}`);

/** A directory on a file system of its own, which freezes nothing else. */
async function ownDisk(): Promise<string> {
  const dir = await temporaryDirectory();
  const [image, mounted] = [join(dir, 'image'), join(dir, 'mounted')];
  await mkdir(mounted);
  await execa('truncate', ['--size=64M', image]);
  await execa('mkfs.ext4', ['-q', image]);
  await execa('mount', ['-o', 'loop', image, mounted]);
  onTestFinished(async () => {
    await execa('fsfreeze', ['--unfreeze', mounted], { reject: false });
    await execa('umount', ['--lazy', mounted]);
  });
  expect((await stat(mounted)).dev).not.toBe((await stat(dir)).dev);
  return mounted;
}

describe.skipIf(whyNot)(`a read-only /sysroot that is frozen, ${booted}`, () => {
  it('is waited for as it is opened, and then is writable', async () => {
    const machine = await device({ 'sysroot.readonly': 'true' }, await ownDisk());
    const boot = await machine.boot();
    const seen = await boot.run(`
      const { execFileSync } = await import('node:child_process');
      let thawed = false;
      execFileSync('fsfreeze', ['--freeze', '/sysroot']);
      setTimeout(() => {
        execFileSync('fsfreeze', ['--unfreeze', '/sysroot']);
        thawed = true;
      }, 300);
      const other = await ostree.Sysroot.open();
      const waited = thawed;
      await other.repo.commit({ tree: '/etc', branch: 'local/etc' });
      await other.close();
      return waited;`);
    expect(seen).toBe(true);
  });

  it('is not waited for when that is cancelled', async () => {
    const machine = await device({ 'sysroot.readonly': 'true' }, await ownDisk());
    const boot = await machine.boot();
    const seen = await boot.run(`
      const { execFileSync } = await import('node:child_process');
      execFileSync('fsfreeze', ['--freeze', '/sysroot']);
      const outcome = await ostree.Sysroot.open('/', { signal: AbortSignal.timeout(100) }).then(
        (other) => other.close().then(() => 'opened'),
        ({ name }) => name,
      );
      execFileSync('fsfreeze', ['--unfreeze', '/sysroot']);
      return outcome;`);
    expect(seen).toBe('TimeoutError');
  });
});
