// What every group of rows works with: the tree, the places, and which rows are wanted.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { execa } from 'execa';

import { keepWarm, type Measured, ours } from './measure.js';
import { newRow, type Row } from './row.js';
import { changeSome, forgetFiles, warm } from './trees.js';

/** For so many milliseconds ext4 spares the inode of a deleted file, once that is written to the disk. */
const DELETED = 61_000;

/** A repository with two commits of `bench`, the newer with 1 % of the files changed. */
export interface TwoCommits {
  path: string;
  old: string;
  new: string;
}

export class Context {
  readonly rows: Row[] = [];
  #paths = 0;
  #left: string[] = [];
  #discarded = -Infinity;
  readonly #pairs = new Map<string, TwoCommits>();

  constructor(
    readonly home: string,
    readonly tree: string,
    readonly runs: number,
    readonly quick: boolean,
    readonly python: string | undefined,
    readonly only: RegExp,
    /** Of large trees: what one side leaves in the kernel's tables, the other is not to search. */
    readonly apart = false,
  ) {}

  /** Whether any of these is wanted. */
  wants(mode: string, ...works: string[]): boolean {
    return works.some((work) => this.only.test(`${mode} ${work}`));
  }

  /** Of a group that is measured together, some may not have been wanted. */
  get measured(): Row[] {
    return this.rows.filter(({ ours }) => ours.length > 0);
  }

  row(work: string, mode: string, floor?: string): Row {
    process.stderr.write(`${mode} ${work} …\n`);
    const row = newRow(work, mode, floor);
    this.rows.push(row);
    return row;
  }

  /** A path where nothing was. */
  fresh(name: string): string {
    const path = join(this.home, `${name}-${this.#paths++}`);
    this.#left.push(path);
    return path;
  }

  async freshRepo(name: string, mode: string): Promise<string> {
    const path = this.fresh(name);
    await execa('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
    return path;
  }

  /** What the rows so far have left behind. Not between the runs of a row: settle() has to come after it. */
  async discard(): Promise<void> {
    keepWarm([]);
    await execa('rm', ['-rf', ...this.#left.splice(0)]);
    await execa('sync');
    this.#discarded = performance.now();
  }

  /**
   * The kernel remembers no other files than these: it looks the longer for one the more it remembers, where its
   * tables do not grow with them. Only root may ask for that. Nor does it remember what was deleted: for a minute
   * ext4 gives no inode of a deleted file to another one, and looks through all of these for each that is created.
   */
  async settle(...paths: string[]): Promise<void> {
    await sleep(Math.max(0, this.#discarded + DELETED - performance.now()));
    await forgetFiles();
    // A million files take minutes to read; the first of them may be gone again when the last one is read.
    if (this.apart) for (const path of paths) await warm(path);
    else keepWarm(paths);
  }

  /** Made once a mode, and what it holds is the command's to judge. */
  async twoCommits(mode: string): Promise<TwoCommits> {
    const made = this.#pairs.get(mode);
    if (made) return made;
    const path = await this.freshRepo(`pair-${mode}`, mode);
    this.#left.pop(); // it is for the rows to come
    const commit = async () =>
      (await ours('commit', { repo: path, tree: this.tree })).result?.['checksum'] as string;
    const old = await commit();
    await changeSome(this.tree);
    const pair = { path, old, new: await commit() };
    await ostree(path, 'fsck', '--quiet');
    this.#pairs.set(mode, pair);
    return pair;
  }
}

/** Each side comes first in turn. */
export async function alternating(
  run: number,
  row: Row,
  theirs: () => Promise<Measured>,
  mine: () => Promise<Measured>,
): Promise<void> {
  const sides = [async () => row.command.push(await theirs()), async () => row.ours.push(await mine())];
  for (const side of run % 2 ? sides.toReversed() : sides) await side();
}

/** The names of a repository's objects. */
export async function objects(repo: string): Promise<string[]> {
  const { stdout } = await execa('find', [`${repo}/objects`, '-type', 'f', '-printf', '%P\\n'], {
    maxBuffer: 1 << 30,
  });
  return stdout.split('\n').sort();
}

export async function ostree(repo: string, ...args: string[]): Promise<string> {
  return (await execa('ostree', [`--repo=${repo}`, ...args], { maxBuffer: 1 << 30 })).stdout;
}

export function same(what: string, left: unknown, right: unknown): void {
  if (JSON.stringify(left) !== JSON.stringify(right))
    throw new Error(
      `${what} differ: ${JSON.stringify(left)?.slice(0, 300)} / ${JSON.stringify(right)?.slice(0, 300)}`,
    );
}
