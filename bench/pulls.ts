// Pulls of a whole commit: over HTTP from nginx, and from a repository of this machine.
import { join } from 'node:path';

import { alternating, type Context, objects, ostree, same } from './context.js';
import { command, ours } from './measure.js';
import { serve } from './nginx.js';

async function destination(context: Context, name: string, url?: string): Promise<string> {
  const path = await context.freshRepo(name, 'bare-user');
  await ostree(path, 'config', 'set', 'core.fsync', 'false');
  if (url !== undefined) await ostree(path, 'remote', 'add', '--no-gpg-verify', 'origin', url);
  return path;
}

async function sameCommits(theirs: string, mine: string, ref: string, last: boolean): Promise<void> {
  same('the commits', await ostree(theirs, 'rev-parse', ref), await ostree(mine, 'rev-parse', ref));
  same('the objects', await objects(theirs), await objects(mine));
  if (last) await ostree(mine, 'fsck', '--quiet');
}

async function overHttp(context: Context): Promise<void> {
  const work = 'pull, http';
  if (!context.wants('archive to bare-user', work)) return;
  const { path } = await context.twoCommits('archive');
  const row = context.row(work, 'archive to bare-user');
  await context.settle(path);
  await using server = await serve(path, join(context.home, 'nginx'));
  for (let run = 0; run < context.runs; run++) {
    const theirs = await destination(context, 'http-theirs', server.url);
    const mine = await destination(context, 'http-mine', server.url);
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${theirs}`, 'pull', 'origin', 'bench'),
      () => ours('pull', { repo: mine }),
    );
    await sameCommits(theirs, mine, 'origin:bench', run === context.runs - 1);
  }
}

async function local(context: Context, trusted: boolean): Promise<void> {
  const kind = trusted ? 'trusted' : 'verified';
  const work = `pull, local, ${kind}`;
  if (!context.wants('bare-user', work)) return;
  const { path: source } = await context.twoCommits('bare-user');
  const row = context.row(work, 'bare-user');
  const options = trusted ? [] : ['--untrusted'];
  await context.settle(source);
  for (let run = 0; run < context.runs; run++) {
    const theirs = await destination(context, `${kind}-theirs`);
    const mine = await destination(context, `${kind}-mine`);
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${theirs}`, 'pull-local', ...options, source, 'bench'),
      () => ours('pullLocal', { repo: mine, source, trusted }),
    );
    await sameCommits(theirs, mine, 'bench', run === context.runs - 1);
  }
}

export async function pulls(context: Context): Promise<void> {
  await overHttp(context);
  await local(context, false);
  await local(context, true);
}
