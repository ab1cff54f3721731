// What reads or removes a repository's objects: fsck, diff, prune.
import { execa } from 'execa';

import { alternating, type Context, objects, ostree, same } from './context.js';
import { command, ours } from './measure.js';

export async function fsck(context: Context, mode: string): Promise<void> {
  if (!context.wants(mode, 'fsck')) return;
  const { path } = await context.twoCommits(mode);
  const row = context.row('fsck', mode);
  await context.settle(path);
  for (let run = 0; run < context.runs; run++) {
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${path}`, 'fsck', '--quiet'), // fails unless all is well
      () => ours('fsck', { repo: path }),
    );
    same('the verdicts', row.ours.at(-1)?.result?.['verdict'], 'ok');
  }
}

export async function diff(context: Context, mode: string): Promise<void> {
  if (!context.wants(mode, 'diff of two commits')) return;
  const { path, old, new: head } = await context.twoCommits(mode);
  const row = context.row('diff of two commits', mode);
  await context.settle(path);
  const lines = (await ostree(path, 'diff', old, head)).trim().split('\n').length;
  for (let run = 0; run < context.runs; run++) {
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${path}`, 'diff', old, head),
      () => ours('diff', { repo: path, from: old, to: head }),
    );
    same('the numbers of differences', row.ours.at(-1)?.result?.['lines'], lines);
  }
}

/** The same copy of a repository twice: hard links do, for both only unlink. */
async function prunedCopies(
  context: Context,
  mode: string,
  work: string,
  prepare: (repo: string) => Promise<unknown>,
) {
  if (!context.wants(mode, work)) return;
  const { path } = await context.twoCommits(mode);
  const row = context.row(work, mode);
  await context.settle(path); // which has the copies' files
  for (let run = 0; run < context.runs; run++) {
    const copies = [context.fresh('theirs'), context.fresh('mine')] as const;
    for (const copy of copies) {
      await execa('cp', ['-al', path, copy]);
      await execa('cp', ['-a', '--remove-destination', `${path}/config`, copy]);
      await prepare(copy);
    }
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${copies[0]}`, 'prune', '--refs-only', '--depth=0'),
      () => ours('prune', { repo: copies[1] }),
    );
    same('what is left', await objects(copies[0]), await objects(copies[1]));
  }
}

export async function prune(context: Context, mode: string): Promise<void> {
  await prunedCopies(context, mode, 'prune of one commit of two', () => Promise.resolve());
  await prunedCopies(context, mode, 'prune of everything', (repo) =>
    ostree(repo, 'refs', '--delete', 'bench'),
  );
}
