// What we commit, the `ostree` command would have committed, to the last bit.
import { execa } from 'execa';
import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type CommitOptions, Repo, type RepoMode, type TreeSource, Variant } from 'ostree';
import { beforeAll, describe, expect, it } from 'vitest';

import { checksumsAt } from '../support/objects.js';
import { ostree, temporaryDirectory } from '../support/repo.js';
import { isRoot, makeTree, type TreeDirectory, type TreeNode } from '../support/trees.js';

const MODES = ['archive', 'bare', 'bare-user', 'bare-user-only'] as const;
// Only root can store what others own.
const modes: readonly RepoMode[] = isRoot ? MODES : MODES.filter((mode) => mode !== 'bare');

const bytes = (text: string): Uint8Array => Buffer.from(text);
const file = (size: number, rest: object = {}): TreeNode => ({
  type: 'file',
  size,
  fill: size % 251,
  ...rest,
});

const RICH: TreeDirectory = {
  type: 'directory',
  mode: 0o755,
  entries: {
    empty: file(0),
    'one byte': file(1, { mode: 0o600 }),
    page: file(4096, { mode: 0o664, uid: 1, gid: 2 }),
    'under the buffer': file((1 << 20) - 1),
    'the buffer': file(1 << 20),
    'over the buffer': file((1 << 20) + 1),
    'several chunks': file(3 * (1 << 20) + 17),
    executable: file(10, { mode: 0o775 }),
    setuid: file(11, { mode: 0o6755 }),
    odd: file(12, { mode: 0o111, uid: 1000, gid: 1000 }),
    attributes: file(13, { xattrs: { 'user.b': bytes('2'), 'user.a': bytes('1'), 'user.none': bytes('') } }),
    trusted: file(14, { xattrs: { 'trusted.x': bytes('x'), 'user.z': Buffer.alloc(2000, 1) } }),
    hard: { type: 'hardlink', to: 'page' },
    link: { type: 'symlink', target: '../somewhere/é', uid: 7 },
    'long link': { type: 'symlink', target: 'x'.repeat(900) },
    'ünïcode 日本': file(15),
    '-dash': file(16),
    sticky: { type: 'directory', mode: 0o1777, entries: {} },
    group: {
      type: 'directory',
      mode: 0o2750,
      uid: 5,
      gid: 6,
      xattrs: { 'user.dir': bytes('yes') },
      entries: {
        deep: { type: 'directory', entries: { deeper: { type: 'directory', entries: { f: file(17) } } } },
      },
    },
  },
};

interface Variation {
  name: string;
  cli: string[];
  options: Partial<CommitOptions>;
  files?: Record<string, string>;
}

const VARIATIONS: Variation[] = [
  { name: 'no options', cli: [], options: {} },
  { name: 'an owner', cli: ['--owner-uid=5', '--owner-gid=0'], options: { owner: { uid: 5, gid: 0 } } },
  {
    name: 'canonical permissions',
    cli: ['--canonical-permissions'],
    options: { canonicalPermissions: true },
  },
  { name: 'read-only executables', cli: ['--mode-ro-executables'], options: { modeRoExecutables: true } },
  { name: 'no attributes', cli: ['--no-xattrs'], options: { xattrs: false } },
  {
    name: 'overrides',
    cli: ['--statoverride=overrides'],
    files: { overrides: '2048 /page\n=384 /odd\n=448 /group\n512 /\n' },
    options: {
      statOverride: {
        '/page': { add: 0o4000 },
        '/odd': { set: 0o600 },
        '/group': { set: 0o700 },
        '/': { add: 0o1000 },
      },
    },
  },
  {
    name: 'skips',
    cli: ['--skip-list=skips'],
    files: { skips: '/group/deep\n/page\n/long link\n' },
    options: { skip: ['/group/deep', '/page', '/long link'] },
  },
];

async function roots(repo: string, rev: string): Promise<string[]> {
  return await checksumsAt(repo, rev, '/');
}

describe('a tree with everything', () => {
  let dir: string;
  beforeAll(async () => {
    const cleanUps: (() => Promise<void>)[] = [];
    dir = await temporaryDirectory((cleanUp) => cleanUps.push(cleanUp));
    await makeTree(join(dir, 'tree'), RICH);
    for (const { files = {} } of VARIATIONS)
      for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
    return async () => {
      for (const cleanUp of cleanUps) await cleanUp();
    };
  });

  describe.each(modes)('in %s', (mode) => {
    it.each(VARIATIONS)('is the same commit with $name', async ({ cli, options }) => {
      const theirs = join(await temporaryDirectory(), 'repo');
      await ostree(`--repo=${theirs}`, 'init', `--mode=${mode}`);
      const shared = [
        '--branch=main',
        '--subject=A subject',
        '--body=Body',
        '--timestamp=2024-02-03 04:05:06 +0000',
      ];
      const { stdout: expected } = await execa(
        'ostree',
        [`--repo=${theirs}`, 'commit', ...shared, ...cli, '--tree=dir=tree'],
        { cwd: dir },
      );

      const ours = join(await temporaryDirectory(), 'repo');
      await using repo = await Repo.create(ours, { mode });
      const result = await repo.commit({
        tree: join(dir, 'tree'),
        branch: 'main',
        subject: 'A subject',
        body: 'Body',
        timestamp: new Date('2024-02-03T04:05:06Z'),
        ...options,
      });
      expect([result.rootContents, result.rootMetadata]).toEqual(await roots(theirs, 'main'));
      expect(result.checksum).toBe(expected);
      await ostree(`--repo=${ours}`, 'fsck', '-q');
    });

    it('is the same tree again once it is checked out', async () => {
      const path = join(await temporaryDirectory(), 'repo');
      await using repo = await Repo.create(path, { mode });
      await repo.commit({ tree: join(dir, 'tree'), branch: 'main' });
      const out = join(await temporaryDirectory(), 'out');
      const keepsOwners = isRoot && (mode === 'archive' || mode === 'bare');
      await ostree(`--repo=${path}`, 'checkout', ...(keepsOwners ? [] : ['-U']), 'main', out);
      expect(await contents(out)).toEqual(await contents(join(dir, 'tree')));
      if (keepsOwners) expect(await metadata(out)).toEqual(await metadata(join(dir, 'tree')));
    });
  });
});

/** Of every file: its path, type, link target and the checksum of its data. */
async function contents(dir: string): Promise<string[]> {
  const { stdout } = await execa('find', ['.', '-printf', '%p %y %l\n'], { cwd: dir });
  const sums = await execa('find', ['.', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], { cwd: dir });
  return [...stdout.split('\n'), ...sums.stdout.split('\n')].toSorted();
}

/** Of every file: its path, mode, owner and extended attributes. */
async function metadata(dir: string): Promise<string[]> {
  const { stdout } = await execa('find', ['.', '-printf', '%p %m %U %G\n'], { cwd: dir });
  const script = `
import os
for root, dirs, files in os.walk('.'):
    for path in [os.path.join(root, name) for name in dirs + files] + ([root] if root == '.' else []):
        for name in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, name, follow_symlinks=False)
            if value: print(path, name, value.hex())
`;
  const xattrs = await execa('python3', ['-c', script], { cwd: dir });
  return [...stdout.split('\n'), ...xattrs.stdout.split('\n')].toSorted();
}

describe('what a commit says', () => {
  it('is the same commit with metadata, bindings and parents', async () => {
    const dir = await temporaryDirectory();
    await makeTree(join(dir, 'tree'), {
      type: 'directory',
      entries: {
        usr: {
          type: 'directory',
          entries: {
            lib: {
              type: 'directory',
              entries: {
                modules: {
                  type: 'directory',
                  entries: { '6.1.0': { type: 'directory', entries: { vmlinuz: file(5) } } },
                },
              },
            },
          },
        },
      },
    });
    const theirs = join(dir, 'theirs');
    const ours = join(dir, 'ours');
    for (const path of [theirs, ours])
      await ostree(`--repo=${path}`, 'init', '--mode=archive', '--collection-id=org.example.Os');
    await using repo = await Repo.open(ours);
    const timestamp = new Date('2020-01-01T00:00:00Z');
    const commit = (...args: string[]) =>
      ostree(
        `--repo=${theirs}`,
        'commit',
        '--timestamp=2020-01-01 00:00:00 +0000',
        ...args,
        join(dir, 'tree'),
      );
    const tree = join(dir, 'tree');

    const steps: [string[], Partial<CommitOptions>][] = [
      [['--branch=os/main'], { branch: 'os/main' }],
      [
        [
          '--branch=os/main',
          '--bind-ref=os/zz',
          '--bind-ref=os/aa',
          '--add-metadata-string=version=7',
          '--add-metadata-string=x=y',
          '--add-metadata=n=uint32 5',
          '--add-metadata=l=["a", "b"]',
        ],
        {
          branch: 'os/main',
          bindRefs: ['os/zz', 'os/aa'],
          version: '7',
          metadata: { x: 'y', n: new Variant('u', 5), l: ['a', 'b'] },
        },
      ],
      [
        ['--branch=os/main', '--bootable', '--add-metadata-string=version=8'],
        { branch: 'os/main', bootable: true, version: '8' },
      ],
      [['--branch=os/main', '--no-bindings'], { branch: 'os/main', bindings: false }],
      [['--orphan'], {}],
      [['--orphan', '--bind-ref=x'], { bindRefs: ['x'] }],
      [
        ['--orphan', '--add-metadata-string=ostree.collection-binding=org.example.Other'],
        { metadata: { 'ostree.collection-binding': 'org.example.Other' } },
      ],
      [
        ['--branch=os/main', '--add-detached-metadata-string=a=b'],
        { branch: 'os/main', detachedMetadata: { a: 'b' } },
      ],
    ];
    for (const [args, options] of steps) {
      const expected = await commit(...args);
      const { checksum } = await repo.commit({ tree, timestamp, ...options });
      expect(checksum, args.join(' ')).toBe(expected);
    }
    const detached = ['show', '--print-detached-metadata-key=a', 'os/main'];
    expect(await ostree(`--repo=${ours}`, ...detached)).toBe(await ostree(`--repo=${theirs}`, ...detached));
  });
});

// Names as they are met, and any others that a file can have. A line break would end the command's lists.
const names = fc.oneof(
  fc.constantFrom('a', 'b', 'dir', 'x y', '.hidden', '-f', 'usr', 'Ä'),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((name) => !/[/\n\0\p{Cs}]/u.test(name) && name !== '.' && name !== '..'),
);
const xattrs = fc.dictionary(
  fc.constantFrom('user.a', 'user.b', 'user.z', 'trusted.t'),
  fc.uint8Array({ maxLength: 40 }),
  { maxKeys: 3 },
);
const common = {
  mode: fc.constantFrom(0o644, 0o755, 0o4755, 0o2711, 0o1777, 0o600, 0o775, 0o444, 0),
  uid: fc.constantFrom(0, 1, 1000),
  gid: fc.constantFrom(0, 5),
  xattrs,
};
const sizes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(4095, 4096, 65_536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1) },
);
const { directory } = fc.letrec<{ node: TreeNode; directory: TreeDirectory }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ type: fc.constant('file' as const), size: sizes, fill: fc.nat(255), ...common }),
    fc.record({ type: fc.constant('symlink' as const), target: names, uid: common.uid }),
    fc.record({ type: fc.constant('hardlink' as const), to: names }),
    tie('directory'),
  ),
  directory: fc.record({
    type: fc.constant('directory' as const),
    entries: fc.dictionary(names, tie('node'), { maxKeys: 6 }),
    ...common,
  }),
}));

const options = fc.record({
  owner: fc.option(
    fc.record({ uid: fc.constantFrom(0, 7), gid: fc.constantFrom(0, 9) }, { requiredKeys: [] }),
    { nil: undefined },
  ),
  canonicalPermissions: fc.boolean(),
  modeRoExecutables: fc.boolean(),
  xattrs: fc.boolean(),
});

/** The paths of a tree, and whether each is a directory. */
function paths(tree: TreeDirectory, prefix = ''): { path: string; isDirectory: boolean; isLink: boolean }[] {
  return Object.entries(tree.entries).flatMap(([name, node]) => [
    {
      path: `${prefix}/${name}`,
      isDirectory: node.type === 'directory',
      isLink: node.type === 'symlink',
    },
    ...(node.type === 'directory' ? paths(node, `${prefix}/${name}`) : []),
  ]);
}

describe('any tree, with any options', () => {
  it('has the root that the command gives it', { timeout: 300_000 }, async () => {
    const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);
    console.log(`FC_SEED=${seed}`);
    const property = fc.asyncProperty(
      fc.constantFrom(...modes),
      fc.array(directory, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('none', 'base', 'ref'),
      options,
      fc.array(
        fc.record({ at: fc.nat(), kind: fc.constantFrom('skip', 'add', 'set'), bits: fc.nat(0o7777) }),
        {
          maxLength: 3,
        },
      ),
      sameAsTheCommand,
    );
    await fc.assert(property, { seed, numRuns: Number(process.env['FC_RUNS'] ?? 25) });
  });
});

type PathRule = { at: number; kind: string; bits: number };

async function sameAsTheCommand(
  mode: RepoMode,
  trees: TreeDirectory[],
  use: string,
  given: Pick<CommitOptions, 'owner' | 'canonicalPermissions' | 'modeRoExecutables' | 'xattrs'>,
  rules: PathRule[],
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ostree-property-'));
  try {
    const repos = { theirs: join(dir, 'theirs'), ours: join(dir, 'ours') };
    for (const path of Object.values(repos)) await ostree(`--repo=${path}`, 'init', `--mode=${mode}`);
    const { canonicalPermissions, modeRoExecutables, xattrs: keep } = given;
    const owner = canonicalPermissions ? undefined : given.owner;
    const cli = ['--branch=main', '--fsync=false'];
    if (owner?.uid !== undefined) cli.push(`--owner-uid=${owner.uid}`);
    if (owner?.gid !== undefined) cli.push(`--owner-gid=${owner.gid}`);
    if (canonicalPermissions) cli.push('--canonical-permissions');
    if (modeRoExecutables) cli.push('--mode-ro-executables');
    if (!keep) cli.push('--no-xattrs');

    const tree: TreeSource[] = [];
    for (const [i, spec] of trees.entries()) {
      await makeTree(join(dir, `tree-${i}`), spec);
      tree.push(join(dir, `tree-${i}`));
      cli.push(`--tree=dir=${join(dir, `tree-${i}`)}`);
    }
    let base: string | undefined;
    if (use !== 'none') {
      await makeTree(join(dir, 'before'), trees.at(-1) as TreeDirectory);
      await writeFile(join(dir, 'before', 'only before'), 'x');
      for (const path of Object.values(repos))
        await ostree(`--repo=${path}`, 'commit', '--branch=before', join(dir, 'before'));
      if (use === 'base') {
        base = 'before';
        cli.push('--base=before');
      } else {
        tree.push({ ref: 'before' });
        cli.push('--tree=ref=before');
      }
    }

    // The command uses a rule up where it first applies, so there is one source, and no rule below a skipped one;
    // nor can it add to the mode of a directory.
    const skip: string[] = [];
    const statOverride: Record<string, { add?: number; set?: number }> = {};
    const candidates = tree.length === 1 ? paths(trees[0] as TreeDirectory) : [];
    for (const { at, kind, bits } of rules) {
      const candidate = candidates[at % candidates.length];
      if (!candidate || skip.length > 0 || candidate.path in statOverride) continue;
      if (kind === 'skip') skip.push(candidate.path);
      else if (!candidate.isLink && !(kind === 'add' && candidate.isDirectory))
        statOverride[candidate.path] = { [kind]: bits };
    }
    const below = (path: string) => skip.some((skipped) => path.startsWith(`${skipped}/`));
    for (const path of Object.keys(statOverride)) if (below(path)) delete statOverride[path];
    const lines = Object.entries(statOverride).map(([path, { add, set }]) =>
      set === undefined ? `${add} ${path}\n` : `=${set} ${path}\n`,
    );
    await writeFile(join(dir, 'overrides'), lines.join(''));
    await writeFile(join(dir, 'skips'), skip.map((path) => `${path}\n`).join(''));
    if (lines.length > 0) cli.push(`--statoverride=${join(dir, 'overrides')}`);
    if (skip.length > 0) cli.push(`--skip-list=${join(dir, 'skips')}`);

    const theirs = await execa('ostree', [`--repo=${repos.theirs}`, 'commit', ...cli], { reject: false });
    await using repo = await Repo.open(repos.ours, { fsync: false });
    const ours = repo.commit({
      tree,
      base,
      owner,
      canonicalPermissions,
      modeRoExecutables,
      xattrs: keep,
      skip,
      statOverride,
    });
    if (theirs.failed) {
      await expect(ours, theirs.stderr).rejects.toMatchObject({
        code: expect.stringMatching(/^(IS|NOT)_DIRECTORY$/) as string,
      });
      expect(theirs.stderr).toMatch(/Can't replace/);
      return;
    }
    const { rootContents, rootMetadata, checksum } = await ours;
    expect([rootContents, rootMetadata]).toEqual(await roots(repos.theirs, 'main'));
    await repo.setRef('main', checksum);
    await ostree(`--repo=${repos.ours}`, 'fsck', '-q');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
