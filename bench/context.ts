// What every group of rows works with: the tree, the places, and which rows are wanted.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

import { ours } from './measure.js';
import { newRow, type Row } from './row.js';
import { changeSome } from './trees.js';

/** A repository with two commits of `bench`, the newer with 1 % of the files changed. */
export interface TwoCommits {
  path: string;
  old: string;
  new: string;
}

export class Context {
  readonly rows: Row[] = [];
  readonly #pairs = new Map<string, TwoCommits>();

  constructor(
    readonly home: string,
    readonly tree: string,
    readonly runs: number,
    readonly quick: boolean,
    readonly python: string | undefined,
    readonly only: RegExp,
    /** Whether the command commits what it has again, which takes ext4 a millisecond a file and more. */
    readonly commandAgain = true,
  ) {}

  /** Whether any of these is wanted. */
  wants(mode: string, ...works: string[]): boolean {
    return works.some((work) => this.only.test(`${mode} ${work}`));
  }

  row(work: string, mode: string, floor?: string): Row {
    const row = newRow(work, mode, floor);
    this.rows.push(row);
    return row;
  }

  /** A path where nothing is. */
  async clean(name: string): Promise<string> {
    const path = join(this.home, name);
    await execa('rm', ['-rf', path]);
    return path;
  }

  async freshRepo(name: string, mode: string): Promise<string> {
    const path = await this.clean(name);
    await execa('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
    return path;
  }

  /** Made once a mode, and what it holds is the command's to judge. */
  async twoCommits(mode: string): Promise<TwoCommits> {
    const made = this.#pairs.get(mode);
    if (made) return made;
    const path = await this.freshRepo(`pair-${mode}`, mode);
    const commit = async () =>
      (await ours('commit', { repo: path, tree: this.tree })).result?.['checksum'] as string;
    const old = await commit();
    await changeSome(this.tree);
    const pair = { path, old, new: await commit() };
    await ostree(path, 'fsck', '--quiet');
    this.#pairs.set(mode, pair);
    return pair;
  }

  async dispose(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }
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
