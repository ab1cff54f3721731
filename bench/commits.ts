// Commits: new, again unchanged, again with the cache, and with 1 % of the files changed.
import { execa } from 'execa';
import type { CommitStats } from 'ostree';

import { alternating, type Context, ostree, same } from './context.js';
import { bindings, command, type Measured, ours } from './measure.js';
import { changeSome } from './trees.js';

const WORKS = {
  new: 'commit, new',
  again: 'commit again, unchanged',
  cached: 'commit again, with a cache',
  changed: 'commit, 1 % changed, with a cache',
};

function commitCommand(repo: string, tree: string): Promise<Measured> {
  const options = ['--disable-fsync', '--branch=bench', '--timestamp=@0', `--tree=dir=${tree}`];
  return command('ostree', `--repo=${repo}`, 'commit', ...options);
}

async function sameRoots(mode: string, ...repos: string[]): Promise<void> {
  const roots = await Promise.all(repos.map((repo) => ostree(repo, 'ls', '-C', '-d', 'bench', '/')));
  for (const root of roots) same(`${mode}: the roots`, root, roots[0]);
}

/** The floor of what a commit with a cache can take: git looks at the same files. */
class GitFloor {
  readonly #env: Record<string, string>;
  #readable = true;
  constructor(context: Context) {
    this.#env = { GIT_DIR: `${context.home}/git`, GIT_WORK_TREE: context.tree };
  }
  async add(): Promise<number> {
    if (!this.#readable) return NaN;
    return (
      await command('env', ...Object.entries(this.#env).map((pair) => pair.join('=')), 'git', 'add', '-A')
    ).wall;
  }
  async prepare(): Promise<void> {
    const run = (...args: string[]) => execa('git', args, { env: this.#env, reject: false });
    if ((await run('rev-parse', '--git-dir')).exitCode !== 0) await run('init', '--quiet');
    await run('config', 'core.compression', '0');
    this.#readable = (await run('add', '-A')).exitCode === 0;
  }
}

export async function commits(context: Context, mode: string): Promise<void> {
  if (!context.wants(mode, ...Object.values(WORKS))) return;
  const { tree, runs, python } = context;
  const git = new GitFloor(context);
  const rows = {
    new: context.row(WORKS.new, mode),
    again: context.row(WORKS.again, mode),
    cached: context.row(WORKS.cached, mode, 'git add -A'),
    changed: context.row(WORKS.changed, mode, 'git add -A'),
  };
  await context.settle(tree);
  for (let run = 0; run < runs; run++) {
    const theirs = await context.freshRepo('theirs', mode);
    const mine = await context.freshRepo('mine', mode);
    const sides = [
      async () => {
        rows.new.command.push(await commitCommand(theirs, tree));
        rows.again.command.push(await commitCommand(theirs, tree));
      },
      async () => {
        rows.new.ours.push(await ours('commit', { repo: mine, tree }));
        rows.again.ours.push(await ours('commit', { repo: mine, tree }));
        await ours('commit', { repo: mine, tree, cache: true });
        rows.cached.ours.push(await ours('commit', { repo: mine, tree, cache: true }));
      },
    ];
    for (const side of run % 2 ? sides.toReversed() : sides) {
      if (context.apart) await context.settle(tree);
      await side();
    }
    rows.cached.command = rows.again.command;
    if (!context.apart) {
      await git.prepare();
      rows.cached.floor?.times.push(await git.add());
    }
    // Python's bindings run the command's own code: in archives they would say the same after a minute.
    if (python && mode === 'bare-user') {
      const bound = await context.freshRepo('bound', mode);
      rows.new.python.push(await bindings(python, 'commit', { repo: bound, tree }));
      rows.again.python.push(await bindings(python, 'commit', { repo: bound, tree }));
      await sameRoots(mode, theirs, mine, bound);
    } else await sameRoots(mode, theirs, mine);
    if (context.wants(mode, WORKS.changed)) {
      const changed = await changeSome(tree);
      await alternating(
        run,
        rows.changed,
        () => commitCommand(theirs, tree),
        () => ours('commit', { repo: mine, tree, cache: true }),
      );
      const stats = rows.changed.ours.at(-1)?.result?.['stats'] as CommitStats;
      same('the files that changed', stats.contentWritten, changed);
      rows.changed.floor?.times.push(await git.add());
      await sameRoots(mode, theirs, mine);
    }
    if (run === runs - 1) await ostree(mine, 'fsck', '--quiet');
  }
}
