// The trees that are committed: this machine's files, and made ones.
import { randomFillSync } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

/** This machine's own files, by hard links where the file system allows. */
export async function systemTree(path: string, quick: boolean): Promise<void> {
  await mkdir(path);
  const sources = quick ? ['/usr/share/doc', '/usr/sbin'] : ['/usr/share', '/usr/bin'];
  const { exitCode } = await execa('cp', ['-al', ...sources, path], { reject: false });
  if (exitCode !== 0) await execa('cp', ['-a', ...sources, path]);
}

/** So many files of 10 to 509 bytes, no two alike, 100 to a directory. */
export async function smallFiles(
  path: string,
  count: number,
  size = (i: number) => 10 + (i % 500),
): Promise<void> {
  await mkdir(path);
  for (let first = 0; first < count; first += 100) {
    const directory = join(path, String(Math.floor(first / 10_000)), String((first / 100) % 100));
    await mkdir(directory, { recursive: true });
    const numbers = Array.from({ length: Math.min(100, count - first) }, (_, i) => first + i);
    await Promise.all(numbers.map((i) => writeFile(join(directory, `f${i}`), ''.padEnd(size(i), `${i} `))));
  }
}

async function fill(file: FileHandle, bytes: number): Promise<void> {
  const block = Buffer.allocUnsafe(1 << 20);
  for (let left = bytes; left > 0; left -= block.length) {
    // Half of it is noise, half compresses well.
    randomFillSync(block, 0, block.length / 2).fill('ostree ', block.length / 2);
    await file.write(block, 0, Math.min(left, block.length));
  }
}

/** A few huge files without holes. */
export async function hugeFiles(path: string, count: number, bytes: number): Promise<void> {
  await mkdir(path);
  for (let i = 0; i < count; i++) {
    await using file = await open(join(path, `huge${i}`), 'w');
    await fill(file, bytes);
  }
}

async function find(tree: string, ...args: string[]): Promise<string> {
  return (await execa('find', [tree, '-mindepth', '1', ...args], { maxBuffer: 1 << 30 })).stdout;
}

/**
 * Every hundredth file is another from now on, as when a package is upgraded: a new inode with a line more. Not by
 * `opendir()` of node:fs, which with `recursive` leaves out most of a large tree.
 */
export async function changeSome(tree: string): Promise<number> {
  const files = (await find(tree, '-type', 'f', '-print0')).split('\0').slice(0, -1).sort();
  const chosen = files.filter((_, i) => i % 100 === 0);
  for (const [i, path] of chosen.entries()) {
    const { mode, mtime } = await lstat(path);
    // Never into the file itself, which may be a hard link to this machine's own.
    const content = Buffer.concat([await readFile(path), Buffer.from(`changed ${i} ${Date.now()}\n`)]);
    await writeFile(`${path}.new`, content, { mode: mode & 0o7777 });
    await utimes(`${path}.new`, mtime, mtime);
    await rename(`${path}.new`, path);
  }
  return chosen.length;
}

export async function describe(tree: string): Promise<{ entries: number; bytes: number }> {
  const bytes = Number((await execa('du', ['-sb', tree])).stdout.split('\t')[0]);
  return { entries: (await find(tree, '-printf', '.')).length, bytes };
}

/** Only root may. */
export async function forgetFiles(): Promise<void> {
  await execa('sync');
  if (process.getuid?.() === 0) await writeFile('/proc/sys/vm/drop_caches', '3').catch(() => undefined);
}

/** Into the page cache, by several readers: from a disk one file after the other takes long. */
export async function warm(path: string): Promise<void> {
  const files = execa('find', [path, '-type', 'f', '-print0'], { buffer: false });
  await files.pipe('xargs', ['-0', '-r', '-n', '1000', '-P', '8', 'cat'], { stdout: 'ignore' });
}
