// A disk that is full in the middle of a deploy: the file system is in memory, and a file leaves a few pages of it free.
import { readdir, readFile, realpath, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { OstreeError, Sysroot } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { whyNotBooted } from '../support/booted.js';
import { cliFsck } from '../support/objects.js';
import { ostree, temporaryDirectory } from '../support/repo.js';
import { changeEtc, cliSysroot, type CliSysroot, REFSPEC, tinyOs } from '../support/sysroot.js';

const PAGE = 4096;
const KERNEL = 'usr/lib/modules/6.0.1/vmlinuz';
const OS = { stateroot: 'tiny' };

/** Mounts a file system of that size until the test ends. */
async function smallDisk(dir: string, size: number): Promise<void> {
  await execa('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'small', dir]);
  onTestFinished(async () => void (await execa('umount', ['--lazy', dir])));
}

/** Leaves that many pages of a disk free. */
async function fill(dir: string, pages: number): Promise<void> {
  const { bavail } = await statfs(dir);
  await writeFile(join(dir, 'filler'), Buffer.alloc((bavail - pages) * PAGE));
  expect((await statfs(dir)).bavail).toBe(pages);
}

/** What boots: the entries, what they name, and what the command says of it. */
async function bootable({ path, admin }: CliSysroot): Promise<Record<string, string>> {
  const state: Record<string, string> = { status: await admin('status') };
  const entries = join(path, 'boot/loader/entries');
  for (const name of (await readdir(entries)).sort()) {
    const text = (state[name] = await readFile(join(entries, name), 'utf8'));
    const kernel = /^linux (?<kernel>.*)$/m.exec(text)?.groups?.['kernel'] ?? '';
    state[`${name}: kernel`] = await readFile(join(path, 'boot', kernel), 'utf8');
    const root = await realpath(join(path, /ostree=(?<root>\S+)/.exec(text)?.groups?.['root'] ?? ''));
    for (const file of ['usr/bin/hello', KERNEL, 'usr/etc/conf', 'etc/conf', 'etc/keep', '../../var/kept'])
      state[`${name}: ${file}`] = await readFile(join(root, file), 'utf8');
  }
  return state;
}

/** A sysroot on a disk of 8 MB with version 1, and version 2 pulled; `boot` is the size of a disk for /boot alone. */
async function nearlyFull(boot?: number): Promise<{ sysroot: CliSysroot; versions: string[] }> {
  const os = await tinyOs();
  const path = await temporaryDirectory();
  await smallDisk(path, 8 << 20);
  await ostree('admin', 'init-fs', '--modern', path);
  if (boot !== undefined) await smallDisk(join(path, 'boot'), boot);
  const sysroot = cliSysroot(path);
  await sysroot.admin('os-init', 'tiny');
  const repo = `--repo=${path}/ostree/repo`;
  await ostree(repo, 'remote', 'add', '--no-gpg-verify', 'origin', `file://${os.repo}`);
  const first = await os.publish('1', { [KERNEL]: 'one'.repeat(200_000) });
  await sysroot.pull();
  await sysroot.admin('deploy', '--os=tiny', REFSPEC);
  await writeFile(join(path, 'ostree/deploy/tiny/var/kept'), 'kept');
  const [name = ''] = await readdir(join(path, 'ostree/deploy/tiny/deploy'));
  await changeEtc(join(path, 'ostree/deploy/tiny/deploy', name.slice(0, 66)), { conf: 'mine\n' });
  const second = await os.publish('2', { [KERNEL]: 'two'.repeat(200_000), 'usr/etc/new': 'new\n' });
  await sysroot.pull();
  return { sysroot, versions: [first, second] };
}

/** Deploys version 2 with so many pages free; whether it worked. The old state is whole if not. */
async function deployWith(pages: number, disk: string, sysroot: CliSysroot): Promise<boolean> {
  await fill(disk, pages);
  const before = await bootable(sysroot);
  await using opened = await Sysroot.open(sysroot.path);
  const outcome = await opened.deploy(REFSPEC, OS).then(
    () => 'deployed',
    (error: unknown) => (OstreeError.is(error) ? error.code : String(error)),
  );
  expect([pages, outcome]).toEqual([pages, expect.stringMatching(/^(NO_SPACE|deployed)$/)]);
  if (outcome !== 'deployed') {
    expect(await bootable(sysroot)).toEqual(before);
    await opened.reload();
    expect(opened.deployments.map(({ version }) => version)).toEqual(['1']);
    expect(await cliFsck(join(sysroot.path, 'ostree/repo'))).toBe(true);
  }
  await rm(join(disk, 'filler'));
  return outcome === 'deployed';
}

/** Deploys with ever more room, from none to enough, or to what `makeRoom` does. */
async function deployWithMoreAndMore(
  disk: string,
  sysroot: CliSysroot,
  steps: number[],
  makeRoom: () => Promise<unknown>,
): Promise<void> {
  let failures = 0;
  let done = false;
  for (const pages of steps) {
    done = await deployWith(pages, disk, sysroot);
    if (done) break;
    failures++;
  }
  expect(failures).toBeGreaterThan(2);
  if (!done) {
    await makeRoom();
    await using opened = await Sysroot.open(sysroot.path);
    await opened.deploy(REFSPEC, OS);
  }
  expect(await sysroot.admin('status')).toMatch(/Version: 2[^]*Version: 1/);
  expect(await cliFsck(join(sysroot.path, 'ostree/repo'))).toBe(true);
  const [entry = ''] = (await readdir(join(sysroot.path, 'boot/loader/entries'))).sort().reverse();
  const state = await bootable(sysroot);
  expect(state[`${entry}: kernel`]).toBe('two'.repeat(200_000));
  expect(state[`${entry}: etc/conf`]).toBe('mine\n');
  // What did not fit was cleaned up.
  expect(await readdir(join(sysroot.path, 'boot/ostree'))).toHaveLength(2);
  const deployed = await readdir(join(sysroot.path, 'ostree/deploy/tiny/deploy'));
  expect(deployed.filter((name) => !name.endsWith('.origin'))).toHaveLength(2);
}

describe.skipIf(whyNotBooted)('a deploy on a full disk', () => {
  it('fails with NO_SPACE wherever it runs out of room, leaves what boots alone, and works once there is room', async () => {
    const { sysroot } = await nearlyFull();
    // A page is a small file; the kernel has 147.
    const steps = [0, 1, 2, 3, 4, 5, 6, 8, 10, 20, 100, ...Array.from({ length: 16 }, (_, i) => 148 + i)];
    await deployWithMoreAndMore(sysroot.path, sysroot, steps, () => Promise.resolve());
  });

  it('does so where /boot is a small disk of its own', async () => {
    const { sysroot } = await nearlyFull(1 << 20);
    const boot = join(sysroot.path, 'boot');
    // The second kernel does not fit, however empty the disk is.
    await deployWithMoreAndMore(boot, sysroot, [0, 1, 2, 50, 100], () =>
      execa('mount', ['-o', 'remount,size=2M', boot]),
    );
  });
});
