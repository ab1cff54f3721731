// Objects of a repository as files, for tests that damage them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import { ostree } from './repo.js';

/** A copy of a repository, in a directory that goes with the test. */
export async function copyRepo(path: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ostree-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const copy = join(dir, 'repo');
  // cp of coreutils: that of Node loses extended attributes.
  await execa('cp', ['-a', path, copy]);
  return copy;
}

/** The file of an object: `objectFile(repo, checksum, 'dirtree')`. */
export function objectFile(repo: string, checksum: string, extension: string): string {
  return join(repo, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.${extension}`);
}

/** The checksums of what is at a path of a commit: of a file, or of a directory's dirtree and dirmeta. */
export async function checksumsAt(repo: string, rev: string, path: string): Promise<string[]> {
  const line = await ostree(`--repo=${repo}`, 'ls', '-d', '-C', rev, path);
  return line.match(/\b[0-9a-f]{64}\b/g) ?? [];
}

/** Whether `ostree fsck` finds nothing wrong. It marks commits as partial, so give it a copy. */
export async function cliFsck(repo: string, ...args: string[]): Promise<boolean> {
  const { exitCode } = await execa('ostree', [`--repo=${repo}`, 'fsck', '-q', ...args], { reject: false });
  return exitCode === 0;
}

/** Sets an extended attribute, or removes it. */
export async function setXattr(path: string, name: string, value: Uint8Array | null): Promise<void> {
  const script =
    value === null
      ? 'os.removexattr(sys.argv[1], sys.argv[2])'
      : 'os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))';
  const hex = Buffer.from(value ?? []).toString('hex');
  await execa('python3', ['-c', `import os, sys\n${script}`, path, name, hex]);
}
