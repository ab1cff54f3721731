// What we check out, the `ostree` command would have checked out, to the last bit.
import { execa } from 'execa';
import { lstat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type CheckoutOptions, OstreeError, Repo, type RepoMode } from 'ostree';
import { beforeAll, describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../support/repo.js';
import { type Snapshot, snapshot } from '../support/snapshot.js';
import { isRoot, makeTree, type TreeDirectory, type TreeNode } from '../support/trees.js';

const MODES = ['archive', 'bare', 'bare-user', 'bare-user-only'] as const;
// Only root can store what others own.
const modes: readonly RepoMode[] = isRoot ? MODES : MODES.filter((mode) => mode !== 'bare');
// And only root can give it to them.
const userModes = isRoot ? [false, true] : [true];

const bytes = (text: string): Uint8Array => Buffer.from(text);
const file = (size: number, rest: object = {}): TreeNode => ({
  type: 'file',
  size,
  fill: size % 251,
  ...rest,
});
const dir = (entries: Record<string, TreeNode>, rest: object = {}): TreeDirectory => ({
  type: 'directory',
  entries,
  ...rest,
});

const MANY = Object.fromEntries(Array.from({ length: 530 }, (_, i) => [`f${i}`, file(i % 3)]));

const RICH = dir({
  empty: file(0),
  'empty and odd': file(0, { mode: 0o400, uid: 3 }),
  small: file(10),
  page: file(4096, { mode: 0o664, uid: 1, gid: 2 }),
  large: file((1 << 20) + 17),
  setuid: file(11, { mode: 0o6755 }),
  unreadable: file(12, { mode: 0o222 }),
  executable: file(13, { mode: 0o775 }),
  attributes: file(14, { xattrs: { 'user.b': bytes('2'), 'user.a': bytes('1') } }),
  trusted: file(15, { xattrs: { 'trusted.x': bytes('x') } }),
  link: { type: 'symlink', target: '../somewhere/é', uid: 7 },
  'ünïcode 日本': file(16),
  many: dir(MANY),
  sticky: dir({}, { mode: 0o1777 }),
  closed: dir({ inside: file(17), deeper: dir({ f: file(18) }, { mode: 0o500 }) }, { mode: 0o550 }),
  group: dir(
    { a: dir({ b: dir({ c: file(19), l: { type: 'symlink', target: 'c' } }) }) },
    { mode: 0o2750, uid: 5, gid: 6, xattrs: { 'user.dir': bytes('yes') } },
  ),
});

/** What is in the destination before: the same, other, and more than the commit has. */
const BEFORE = dir(
  {
    empty: file(3),
    small: file(10),
    page: file(4096, { mode: 0o664, uid: 1, gid: 2 }),
    executable: file(99, { mode: 0o700 }),
    link: { type: 'symlink', target: 'elsewhere' },
    mine: file(5),
    many: dir({ f1: file(50), extra: file(51) }, { mode: 0o711 }),
    group: dir({ a: dir({ mine: file(6) }) }, { mode: 0o700 }),
  },
  { mode: 0o770 },
);

/** What agrees with the commit, as far as a commit of any mode can agree with it. */
const AGREEING = dir({ mine: file(5), group: dir({ a: dir({ mine: file(6) }) }, { mode: 0o700 }) });

const WHITEOUTS = dir({
  '-before': file(1),
  '.wh.-before': file(0),
  '.wh.empty': file(0),
  '.wh.group': file(0),
  '.wh.nothing': file(0),
  link: file(2),
  many: dir({ '.wh..wh..opq': file(0), only: file(3) }),
  mine: { type: 'symlink', target: 'small' },
  group: dir({ fresh: file(4) }),
});

const OVERLAY = dir({
  '.ostree-wh.gone': file(0, { mode: 0o640, uid: 1 }),
  '.ostree-wh.empty': file(0, { mode: 0o644 }),
  plain: file(1),
});

interface Variation {
  name: string;
  cli: string[];
  options: CheckoutOptions;
  commit?: 'rich' | 'whiteouts' | 'overlay';
  before?: TreeDirectory;
}

const VARIATIONS: Variation[] = [
  { name: 'no options', cli: [], options: {} },
  { name: 'copies', cli: ['-C'], options: { forceCopy: true } },
  { name: 'hardlinks alone', cli: ['-H'], options: { requireHardlinks: true } },
  { name: 'tame directories', cli: ['-M'], options: { bareUserOnlyDirs: true } },
  { name: 'copies of empty files', cli: ['-z'], options: { forceCopyZeroSized: true } },
  { name: 'a destination that is there', cli: [], options: {}, before: BEFORE },
  { name: 'union', cli: ['--union'], options: { overwrite: 'union-files' }, before: BEFORE },
  { name: 'union into nothing', cli: ['--union'], options: { overwrite: 'union-files' } },
  {
    name: 'union, copying',
    cli: ['--union', '-C'],
    options: { overwrite: 'union-files', forceCopy: true },
    before: BEFORE,
  },
  { name: 'add', cli: ['--union-add'], options: { overwrite: 'add-files' }, before: BEFORE },
  {
    name: 'add, copying',
    cli: ['--union-add', '-C'],
    options: { overwrite: 'add-files', forceCopy: true },
    before: BEFORE,
  },
  {
    name: 'identical, which it is not',
    cli: ['--union-identical', '-H'],
    options: { overwrite: 'union-identical', requireHardlinks: true },
    before: BEFORE,
  },
  {
    name: 'identical, which it is',
    cli: ['--union-identical', '-H'],
    options: { overwrite: 'union-identical', requireHardlinks: true },
    before: AGREEING,
  },
  { name: 'a directory of it', cli: ['--subpath=/group/a'], options: { subpath: '/group/a' } },
  { name: 'a file of it', cli: ['--subpath=/group/a/b/c'], options: { subpath: '/group/a/b/c' } },
  { name: 'a link of it', cli: ['--subpath=link'], options: { subpath: 'link' } },
  {
    name: 'a file into a directory',
    cli: ['--subpath=/small', '--union'],
    options: { subpath: '/small', overwrite: 'union-files' },
    before: BEFORE,
  },
  {
    name: 'nothing where there is none',
    cli: ['--subpath=/no', '--allow-noent'],
    options: { subpath: '/no', allowNoent: true },
  },
  { name: 'no such subpath', cli: ['--subpath=/no'], options: { subpath: '/no' } },
  {
    name: 'skips',
    cli: ['--skip-list=skips'],
    options: { skip: ['/many', '/group/a/b/c', '/link', '/closed/', '/not there'] },
  },
  {
    name: 'whiteouts',
    cli: ['--whiteouts', '--union'],
    options: { whiteouts: true, overwrite: 'union-files' },
    commit: 'whiteouts',
    before: BEFORE,
  },
  {
    name: 'whiteouts into nothing',
    cli: ['--whiteouts'],
    options: { whiteouts: true },
    commit: 'whiteouts',
  },
  {
    name: 'whiteouts, adding',
    cli: ['--whiteouts', '--union-add'],
    options: { whiteouts: true, overwrite: 'add-files' },
    commit: 'whiteouts',
    before: BEFORE,
  },
  { name: 'whiteouts as they are', cli: [], options: {}, commit: 'whiteouts' },
  ...(['none', 'union-files', 'add-files'] as const).map((overwrite) => ({
    name: `overlay whiteouts, ${overwrite}`,
    cli: [
      '--process-passthrough-whiteouts',
      ...{ none: [], 'union-files': ['--union'], 'add-files': ['--union-add'] }[overwrite],
    ],
    options: { passthroughWhiteouts: true, overwrite },
    commit: 'overlay' as const,
    ...(overwrite === 'none' ? {} : { before: BEFORE }),
  })),
];

interface Outcome {
  ok: boolean;
  tree: Snapshot | null;
}

async function outcome(destination: string, ok: boolean): Promise<Outcome> {
  const there = await lstat(destination).catch(() => null);
  // What an error leaves behind depends on what came first.
  return { ok, tree: there && ok ? await snapshot(destination) : null };
}

describe.each(modes)('in %s', (mode) => {
  let dirs: string;
  let repoPath: string;
  beforeAll(async () => {
    const cleanUps: (() => Promise<void>)[] = [];
    dirs = await temporaryDirectory((cleanUp) => cleanUps.push(cleanUp));
    repoPath = join(dirs, 'repo');
    await execa('ostree', [`--repo=${repoPath}`, 'init', `--mode=${mode}`]);
    for (const [name, tree] of Object.entries({ rich: RICH, whiteouts: WHITEOUTS, overlay: OVERLAY })) {
      await makeTree(join(dirs, name), tree);
      await execa('ostree', [
        `--repo=${repoPath}`,
        'commit',
        `--branch=${name}`,
        `--tree=dir=${join(dirs, name)}`,
      ]);
    }
    await makeTree(join(dirs, 'before'), BEFORE);
    await makeTree(join(dirs, 'agreeing'), AGREEING);
    await writeFile(join(dirs, 'skips'), '/many/\n/group/a/b/c\n/link\n/closed/\n/not there\n');
    return async () => {
      await execa('chmod', ['-R', 'u+rwX', dirs]);
      for (const cleanUp of cleanUps) await cleanUp();
    };
  });

  // Of bare-user-only, everything is the user's anyway.
  describe.each(mode === 'bare-user-only' ? [false] : userModes)('with userMode %s', (userMode) => {
    it.each(VARIATIONS)('is the same with $name', async ({ cli, options, commit = 'rich', before }) => {
      const work = await temporaryDirectory();
      const [theirs, ours] = [join(work, 'theirs'), join(work, 'ours')];
      if (before)
        for (const to of [theirs, ours])
          await execa('cp', ['-a', join(dirs, before === BEFORE ? 'before' : 'agreeing'), to]);

      const args = [
        ...cli,
        ...(userMode ? ['-U'] : []),
        ...(cli.includes('--allow-noent') ? [] : ['--disable-cache']),
      ];
      const { exitCode } = await execa(
        'ostree',
        [`--repo=${repoPath}`, 'checkout', ...args, commit, theirs],
        {
          reject: false,
          cwd: dirs,
        },
      );
      await using repo = await Repo.open(repoPath);
      const error = await repo.checkout(commit, ours, { ...options, userMode }).then(
        (result) => {
          expect(result.hardlinked + result.copied + result.kept).toBe(result.files + result.symlinks);
        },
        (reason: unknown) => reason,
      );
      if (error !== undefined) expect(error).toBeInstanceOf(OstreeError);
      const expected = await outcome(theirs, exitCode === 0);
      expect(await outcome(ours, error === undefined), String(error)).toEqual(expected);
      await execa('chmod', ['-R', 'u+rwX', work]);
    });
  });
});
