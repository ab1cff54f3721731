// Two copies of one repository: the command works on one, this package on the other.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { expect, onTestFinished } from 'vitest';

import { copyRepo } from '../../support/objects.js';
import { type CliRepo, cliRepo, ostree } from '../../support/repo.js';

/** What one line of the document promises, as a test. By the command that the line is about. */
export type Rows = Record<string, () => Promise<void>>;

export interface Pair {
  ours: Repo;
  /** Runs `ostree --repo=…` on the other copy. */
  theirs: (...args: string[]) => Promise<string>;
  theirPath: string;
  /** The commits of main, the oldest first. */
  commits: string[];
  /** Fails unless both copies are in the same state. */
  same: () => Promise<void>;
}

export const TIME = '@1700000000';
export const FILES = { 'etc/hosts': 'localhost', 'usr/bin/tool': '#!/bin/sh', 'usr/share/doc': 'read me' };

/** Two commits of main in an archive. */
export async function twoCommits(mode = 'archive'): Promise<{ cli: CliRepo; commits: string[] }> {
  const cli = await cliRepo(mode);
  const metadata = [
    '--subject=first',
    '--body=text',
    '--add-metadata-string=version=1',
    `--timestamp=${TIME}`,
  ];
  const first = await cli.commit('main', FILES, ...metadata);
  const next = ['--subject=second', '--add-metadata-string=version=2', `--timestamp=${TIME}`];
  const second = await cli.commit('main', { ...FILES, 'etc/hosts': 'other', 'etc/new': 'new' }, ...next);
  return { cli, commits: [first, second] };
}

/** Refs, objects, deltas, config: everything that lasts. */
export async function stateOf(repo: string): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const name of (await readdir(repo, { recursive: true })).sort()) {
    if (/^(objects\/.*\.|deltas\/.*\/superblock|delta-indexes\/.*\.index|state\/.)/.test(name))
      state[name] = '';
    else if (/^(config|refs\/(heads|remotes|mirrors)\/.+|.*\.gpg)$/.test(name))
      state[name] = await readFile(join(repo, name), 'latin1').catch(() => 'directory');
  }
  return state;
}

/** `prepare` changes the repository before it is copied. */
export async function pair(prepare?: (cli: CliRepo) => Promise<unknown>, mode?: string): Promise<Pair> {
  const { cli, commits } = await twoCommits(mode);
  await prepare?.(cli);
  const theirPath = await copyRepo(cli.path);
  const ours = await Repo.open(cli.path);
  onTestFinished(() => ours.close());
  return {
    ours,
    theirs: (...args) => ostree(`--repo=${theirPath}`, ...args),
    theirPath,
    commits,
    same: async () => expect(await stateOf(cli.path)).toEqual(await stateOf(theirPath)),
  };
}

export const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
