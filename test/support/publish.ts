// Repositories to be published, and what tells whether one was.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { onTestFinished } from 'vitest';

import { type CliRepo, cliRepo } from './repo.js';

export interface Published {
  cli: CliRepo;
  repo: Repo;
  /** Of `os/main`, the older one first. */
  commits: [string, string];
}

/** Two commits of os/main, and one of os/other. */
export async function sample(mode = 'archive'): Promise<Published> {
  const cli = await cliRepo(mode);
  const large = randomBytes(300_000);
  const one = await cli.commit('os/main', { large, 'dir/a': 'a', 'dir/sub/b': 'b', empty: '' });
  const two = await cli.commit('os/main', { large, 'dir/a': 'A', 'dir/sub/b': 'b', more: 'more' });
  await cli.commit('os/other', { other: 'other' });
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { cli, repo, commits: [one, two] };
}

/** A server on a free port of the loopback interface, for one test. */
export async function listen(listener: RequestListener): Promise<{ url: string; port: number }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, port: address.port };
}

const SERVED = /^(?:objects|deltas|delta-indexes|refs\/heads|refs\/mirrors)\/|^summary(?:\.sig)?$/;

/** What of a repository those who pull can see: the content of each file, by its path. */
export async function servedFiles(path: string): Promise<Record<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files: Record<string, string> = {};
  for (const entry of entries) {
    const name = join(entry.parentPath, entry.name).slice(path.length + 1);
    if (entry.isFile() && SERVED.test(name))
      files[name] = (await readFile(join(path, name))).toString('base64');
  }
  return Object.fromEntries(Object.entries(files).sort());
}

/** How many of the files are objects. */
export function objectCount(files: Record<string, string>): number {
  return Object.keys(files).filter((path) => /^objects\/.*\.(?:filez|dirtree|dirmeta|commit)$/.test(path))
    .length;
}
