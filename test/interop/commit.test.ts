// What we commit, the `ostree` command would have committed, to the last bit.
import { execa } from 'execa';
import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type CommitOptions, Repo, type RepoMode, Variant } from 'ostree';
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

/** The sizes at which a dirtree's own framing takes one byte more: of an entry, of the lists, of the whole. */
describe('directories around the sizes at which their encoding changes', () => {
  const counts = [0, 1, 2, 3, 4, 5, 6, 7, 300, 1400, 1600, 1700];
  it.each(['files', 'directories'] as const)('are the same with so many %s', async (kind) => {
    const tree = join(await temporaryDirectory(), 'tree');
    const names = (length: number): string[] =>
      [length - 1, length, length + 1].map((size) => 'n'.repeat(size));
    await mkdir(tree);
    await writeFile(join(tree, 'empty'), '');
    const add = async (path: string): Promise<void> => {
      if (kind === 'files') await link(join(tree, 'empty'), path);
      else await mkdir(path);
    };
    for (const count of counts) {
      const dir = join(tree, String(count));
      await mkdir(dir);
      for (let i = 0; i < count; i++) await add(join(dir, `name-${i}`));
    }
    // An entry of a file is the name and 33 bytes, of a directory the name and 65.
    for (const [i, name] of [...names(255 - 33 - 1), ...names(255 - 65 - 2)].entries()) {
      await mkdir(join(tree, `long-${i}`));
      await add(join(tree, `long-${i}`, name));
    }
    const theirs = join(await temporaryDirectory(), 'repo');
    await ostree(`--repo=${theirs}`, 'init', '--mode=bare-user');
    await ostree(`--repo=${theirs}`, 'commit', '--branch=main', `--tree=dir=${tree}`);
    await using repo = await Repo.create(join(await temporaryDirectory(), 'repo'), { mode: 'bare-user' });
    const { rootContents, rootMetadata } = await repo.commit({ tree, fsync: false });
    expect([rootContents, rootMetadata]).toEqual(await roots(theirs, 'main'));
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
