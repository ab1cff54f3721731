// Checkouts: by hard links, copied from an archive, and updated in place.
import { execa } from 'execa';

import { alternating, type Context, same } from './context.js';
import { bindings, command, ours } from './measure.js';

/** Only root may give files to others. */
const unprivileged = process.getuid?.() !== 0;

/** Everything but the content. Hard links to the same objects are the same content; empty files are none. */
async function listing(path: string, inodes: boolean): Promise<string[]> {
  const format = '%P %y %m %U %G %l';
  const linked = ['!', '-type', 'd', '-size', '+0'];
  const { stdout } = await execa(
    'find',
    [path, ...linked, '-printf', `${format} ${inodes ? '%i' : '%s'}\\n`, '-o', '-printf', `${format}\\n`],
    { maxBuffer: 1 << 30 },
  );
  return stdout
    .split('\n')
    .map((line) => (inodes && / l /.test(line) ? line.replace(/ \d+$/, '') : line))
    .sort();
}

async function sameTrees(left: string, right: string, inodes: boolean): Promise<void> {
  same('the checkouts', await listing(left, inodes), await listing(right, inodes));
  await execa('diff', ['-rq', '--no-dereference', left, right]);
}

async function floor(how: string, tree: string, to: string): Promise<number> {
  return (await command('cp', how, tree, to)).wall;
}

async function hardLinks(context: Context): Promise<void> {
  const mode = 'bare-user';
  if (!context.wants(mode, 'checkout, hard links')) return;
  const { path: repo } = await context.twoCommits(mode);
  const row = context.row('checkout, hard links', mode, 'cp -al');
  await context.settle(repo, context.tree);
  for (let run = 0; run < context.runs; run++) {
    const theirs = context.fresh('out-theirs');
    const mine = context.fresh('out-mine');
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${repo}`, 'checkout', '-U', '-H', 'bench', theirs),
      () => ours('checkout', { repo, destination: mine, userMode: true, hardlinks: true }),
    );
    await sameTrees(theirs, mine, true);
    row.floor?.times.push(await floor('-al', context.tree, context.fresh('out-floor')));
    if (!context.python) continue;
    const destination = context.fresh('out-bound');
    const args = { repo, destination, userMode: true, hardlinks: true };
    row.python.push(await bindings(context.python, 'checkout', args));
  }
}

async function copies(context: Context): Promise<void> {
  const mode = 'archive';
  if (!context.wants(mode, 'checkout, copied')) return;
  const { path: repo } = await context.twoCommits(mode);
  const row = context.row('checkout, copied', mode, 'cp -a');
  await context.settle(repo, context.tree);
  const user = unprivileged ? ['-U'] : [];
  for (let run = 0; run < context.runs; run++) {
    const theirs = context.fresh('out-theirs');
    const mine = context.fresh('out-mine');
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${repo}`, 'checkout', ...user, '--disable-cache', 'bench', theirs),
      () => ours('checkout', { repo, destination: mine, userMode: unprivileged }),
    );
    await sameTrees(theirs, mine, false);
    row.floor?.times.push(await floor('-a', context.tree, context.fresh('out-floor')));
  }
}

async function updates(context: Context): Promise<void> {
  const mode = 'bare-user';
  if (!context.wants(mode, 'update in place, 1 % changed')) return;
  const { path: repo, old, new: head } = await context.twoCommits(mode);
  const row = context.row('update in place, 1 % changed', mode);
  await context.settle(repo, context.tree);
  for (let run = 0; run < context.runs; run++) {
    const theirs = context.fresh('out-theirs');
    const mine = context.fresh('out-mine');
    const options = { repo, destination: mine, userMode: true, hardlinks: true };
    await ours('checkout', { ...options, rev: old });
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${repo}`, 'checkout', '-U', '-H', head, theirs),
      () => ours('checkout', { ...options, rev: head, from: old }),
    );
    await sameTrees(theirs, mine, true);
  }
}

export async function checkouts(context: Context): Promise<void> {
  await hardLinks(context);
  await updates(context);
  await copies(context);
}
