// The example that makes a disk image, on a tree of a few files. It uses the built package.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { beforeAll, describe, expect, it } from 'vitest';

import { device, exists } from '../support/booted.js';
import { compileExamples, runExample } from '../support/example.js';
import { gpgKey } from '../support/gpg.js';
import { temporaryDirectory, writeTree } from '../support/repo.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('disk-image.ts needs root, so only its refusals are tested here');

/** What a program says of an image that nothing has mounted. */
async function debugfs(image: string, request: string): Promise<string> {
  const { stdout } = await execa('/usr/sbin/debugfs', ['-R', request, image]);
  return stdout;
}

/** A signed branch, and an empty directory to make the image in. */
async function vendor() {
  const machine = await device();
  const checksum = await machine.publish('1.0', {}, { branch: 'os/stable' });
  const key = await gpgKey();
  const repo = await Repo.open(machine.repo);
  await repo.sign(checksum, { type: 'gpg', keyId: key.keyId, homedir: key.path });
  await repo.close();
  const dir = await temporaryDirectory();
  await writeFile(join(dir, 'vendor.gpg'), key.publicKeyBytes);
  await writeTree(dir, { 'tmp/.keep': '', 'etc/hostname': 'device-1\n' });
  const args = [
    '--url',
    `file://${machine.repo}`,
    '--ref',
    'os/stable',
    '--gpg-key',
    join(dir, 'vendor.gpg'),
  ];
  return { dir, checksum, args, image: join(dir, 'disk.img'), tmp: join(dir, 'tmp') };
}

beforeAll(compileExamples);

describe.runIf(isRoot)('disk-image.ts', () => {
  it('makes a sound file system that a boot loader finds its entries in', async () => {
    const { dir, checksum, args, image, tmp } = await vendor();
    const more = ['--device-url', 'https://example.com/repo', '--etc', join(dir, 'etc'), '--size', '64M'];
    more.push('--karg', 'root=/dev/vda', '--karg', 'quiet', '--set', 'sysroot.readonly=true');
    const { stdout, stderr, exitCode } = await runExample('disk-image', [...args, ...more, image], tmp);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`${image}: version 1.0, deployment os-${checksum}.0`);

    await execa('/usr/sbin/e2fsck', ['-fn', image]);
    const loader = /Fast link dest: "([^"]+)"/.exec(await debugfs(image, 'stat /boot/loader'))?.[1];
    const entry = await debugfs(image, `cat /boot/${loader}/entries/ostree-1-os.conf`);
    expect(entry).toMatch(/^options root=\/dev\/vda quiet ostree=\/ostree\/boot\.1\/os\/\w+\/0$/m);
    const deployment = `/ostree/deploy/os/deploy/${checksum}.0`;
    expect(await debugfs(image, `cat ${deployment}/etc/hostname`)).toBe('device-1');
    expect(await debugfs(image, `cat ${deployment}.origin`)).toContain('refspec=origin:os/stable');
    const config = await debugfs(image, 'cat /ostree/repo/config');
    expect(config).toContain('url=https://example.com/repo');
    expect(config).toMatch(/readonly=true/);
    expect(await readdir(tmp)).toEqual(['.keep']);
  });

  it('refuses what is not signed by these keys, and leaves nothing behind', async () => {
    const { args, image, dir, tmp } = await vendor();
    const stranger = await gpgKey('Stranger <stranger@example.org>');
    await writeFile(join(dir, 'vendor.gpg'), stranger.publicKeyBytes);
    const { stderr, exitCode } = await runExample('disk-image', [...args, image], tmp);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("code: 'SIGNATURE'");
    expect(await exists(image)).toBe(false);
    expect(await readdir(tmp)).toEqual(['.keep']);
  });
});

describe('disk-image.ts', () => {
  it('names what is missing or unknown among its options', async () => {
    for (const [args, message] of [
      [['disk.img'], '--url, --ref and --gpg-key are needed'],
      [['--url', 'u', '--ref', 'r', '--gpg-key', 'k'], 'the name of one image is needed'],
      [['--url', 'u', '--ref', 'r', '--gpg-key', 'k', '--set', 'x', 'disk.img'], '--set x?'],
      [['--urls', 'u'], "'--urls'"],
    ] as const) {
      const { stderr, exitCode } = await runExample('disk-image', [...args], '/tmp');
      expect(exitCode).toBe(2);
      expect(stderr).toContain(message);
    }
    const { stdout, exitCode } = await runExample('disk-image', ['--help'], '/tmp');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--device-url URL');
  });
});
