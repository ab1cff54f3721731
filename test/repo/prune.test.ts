import { mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type PruneOptions, Repo } from 'ostree';
import { beforeAll, describe, expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { checksumsAt, cliFsck, copyRepo, objectFile } from '../support/objects.js';
import { type CliRepo, cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';

/** Everything a prune may delete. */
async function remains(repo: string): Promise<string[]> {
  const files = await readdir(repo, { recursive: true });
  return files.filter((name) => /^(objects\/.*\.|state\/.|deltas\/.|refs\/.)/.test(name)).sort();
}

const commitsOf = async (repo: string) => (await remains(repo)).filter((name) => name.endsWith('.commit'));

const AGE = new Date('2015-10-29T12:43:29Z');
const DATE = '2015-10-29 12:43:29 +0000';

let snapshot: CliRepo;

// Two branches with old and new commits, a remote's and a mirrored ref, deltas, orphans, a partial commit.
beforeAll(async () => {
  const cleanUps: (() => Promise<void>)[] = [];
  const atEnd = (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp);
  const source = await cliRepo('archive', atEnd);
  for (const branch of ['stable', 'dev']) {
    for (let day = 1; day <= 4; day++) {
      const files = { [`${branch}/old-${day}`]: `${branch} ${day}`, same: 'same' };
      await source.commit(branch, files, `--timestamp=1985-10-0${day} 00:00:00 +0000`);
    }
    for (let build = 1; build <= 3; build++)
      await source.commit(branch, { [`${branch}/new`]: `${build}`, same: 'same' });
  }
  for (let build = 1; build <= 4; build++)
    await source.commit('extra', { 'extra/new': `${build}`, same: 'same' });
  await source.commit('partial', { 'partial/file': 'partial' });
  snapshot = await cliRepo('archive', atEnd);
  await snapshot.ostree('pull-local', '--depth=-1', source.path, 'stable', 'dev');
  await snapshot.ostree('pull-local', '--commit-metadata-only', source.path, 'partial');
  await snapshot.ostree('pull-local', '--remote=origin', '--depth=2', source.path, 'extra');
  const orphan = await snapshot.commit('orphan', { orphan: 'nobody needs me' });
  await snapshot.ostree('refs', '--delete', 'orphan');
  await snapshot.ostree('static-delta', 'generate', '--inline', 'stable');
  await snapshot.ostree('static-delta', 'generate', '--inline', '--empty', `--to=${orphan}`);
  return () => Promise.all(cleanUps.map((cleanUp) => cleanUp()));
}, 120_000);

const policies: { name: string; options: PruneOptions; args: string[] }[] = [
  { name: 'only what nothing needs', options: {}, args: [] },
  { name: 'refs only', options: { refsOnly: true }, args: ['--refs-only'] },
  { name: 'refs only, depth 0', options: { refsOnly: true, depth: 0 }, args: ['--refs-only', '--depth=0'] },
  { name: 'refs only, depth 2', options: { refsOnly: true, depth: 2 }, args: ['--refs-only', '--depth=2'] },
  { name: 'depth without refs only', options: { depth: 0 }, args: ['--depth=0'] },
  { name: 'by age', options: { keepYoungerThan: AGE }, args: [`--keep-younger-than=${DATE}`] },
  {
    name: 'by age, but for a branch',
    options: { keepYoungerThan: AGE, retainDepth: { stable: -1 } },
    args: [`--keep-younger-than=${DATE}`, '--retain-branch-depth=stable=-1'],
  },
  {
    name: 'by age, and by depth for a branch',
    options: { keepYoungerThan: AGE, retainDepth: { stable: 5, 'origin:extra': 1 } },
    args: [
      `--keep-younger-than=${DATE}`,
      '--retain-branch-depth=stable=5',
      '--retain-branch-depth=origin:extra=1',
    ],
  },
  {
    name: 'by depth, but for a branch',
    options: { depth: 0, retainDepth: { stable: -1 } },
    args: ['--depth=0', '--retain-branch-depth=stable=-1'],
  },
  {
    name: 'one branch',
    options: { onlyBranches: ['dev'], depth: 1 },
    args: ['--only-branch=dev', '--depth=1'],
  },
  {
    name: 'one branch by age',
    options: { onlyBranches: ['stable'], keepYoungerThan: AGE },
    args: ['--only-branch=stable', `--keep-younger-than=${DATE}`],
  },
  {
    name: 'all branches, one of them less',
    options: {
      onlyBranches: ['dev', 'stable', 'origin:extra', 'partial'],
      depth: 0,
      retainDepth: { stable: 2 },
    },
    args: [
      '--only-branch=dev',
      '--only-branch=stable',
      '--only-branch=origin:extra',
      '--only-branch=partial',
      '--depth=0',
      '--retain-branch-depth=stable=2',
    ],
  },
  { name: 'commits only', options: { commitOnly: true }, args: ['--commit-only'] },
  {
    name: 'commits only, refs only',
    options: { commitOnly: true, refsOnly: true, depth: 1 },
    args: ['--commit-only', '--refs-only', '--depth=1'],
  },
  {
    name: 'commits only, one branch',
    options: { commitOnly: true, onlyBranches: ['dev'], depth: 0 },
    args: ['--commit-only', '--only-branch=dev', '--depth=0'],
  },
];

describe('prune', () => {
  it.each(policies)('keeps what the command keeps: $name', async ({ options, args }) => {
    const [ours, theirs] = [await copyRepo(snapshot.path), await copyRepo(snapshot.path)];
    const before = await remains(ours);
    await using repo = await Repo.open(ours);
    const dry = await repo.prune({ ...options, dryRun: true });
    expect(await remains(ours)).toEqual(before);

    const printed = await ostree(`--repo=${theirs}`, 'prune', ...args);
    const result = await repo.prune(options);
    expect(await remains(ours)).toEqual(await remains(theirs));
    expect(result).toEqual(dry);
    expect(printed).toMatch(new RegExp(`objects: ${result.total}\n`));
    expect(printed).toContain(
      result.pruned === 0 ? 'No unreachable objects' : `Deleted ${result.pruned} objects`,
    );
    const sizes = before.length - (await remains(ours)).length;
    expect(result.pruned).toBeLessThanOrEqual(sizes); // and deltas
    expect((await repo.fsck()).verdict).not.toBe('corrupt');
    expect(await cliFsck(theirs)).toBe(true);
    expect(await repo.prune(options)).toMatchObject({ pruned: 0, bytes: 0 });
  });

  // Of a reflink's payload, which the command has to be told to keep: a link of a file that stays, and of one that goes.
  it('keeps and deletes what the command does in bare-user, payload links with it', async () => {
    const cli = await cliRepo('bare-user');
    await cli.ostree('config', 'set', 'core.payload-link-threshold', '1');
    await cli.commit('main', { goes: 'goes', stays: 'stays', 'old/deep/file': 'old' });
    const targets = ['/goes', '/stays'].map((path) => checksumsAt(cli.path, 'main', path));
    const checksums = (await Promise.all(targets)).map(([checksum = '']) => checksum);
    await cli.commit('main', { stays: 'stays', 'new/file': 'new' });
    const repos = [await copyRepo(cli.path)];
    for (const [i, target] of checksums.entries()) {
      const digit = String(i);
      const path = join(cli.path, 'objects', digit.repeat(2));
      await mkdir(path, { recursive: true });
      const name = join(path, `${digit.repeat(62)}.payload-link`);
      await symlink(`../${target.slice(0, 2)}/${target.slice(2)}.file`, name);
    }
    repos.push(cli.path);
    for (const ours of repos) {
      const theirs = await copyRepo(ours);
      await using repo = await Repo.open(ours);
      const options = { refsOnly: true, depth: 0 };
      const dry = await repo.prune({ ...options, dryRun: true });
      const printed = await ostree(`--repo=${theirs}`, 'prune', '--refs-only', '--depth=0');
      const result = await repo.prune(options);
      expect(await remains(ours)).toEqual(await remains(theirs));
      expect((await remains(ours)).filter((name) => name.endsWith('link'))).toHaveLength(
        ours === cli.path ? 1 : 0,
      );
      expect(printed).toContain(`objects: ${result.total}\nDeleted ${result.pruned} objects`);
      expect(result).toEqual(dry);
      expect(await cliFsck(ours)).toBe(true);
    }
  });

  it('counts bytes as they are on disk', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { a: 'x'.repeat(10_000) });
    await cli.ostree('refs', '--delete', 'main');
    const { stdout } = await execa('find', [join(cli.path, 'objects'), '-name', '*.*', '-printf', '%s\n']);
    const sizes = stdout.split('\n').map(Number);
    await using repo = await Repo.open(cli.path);
    expect(await repo.prune({ refsOnly: true })).toEqual({
      total: sizes.length,
      pruned: sizes.length,
      bytes: sizes.reduce((a, b) => a + b),
    });
    expect(await repo.prune()).toEqual({ total: 0, pruned: 0, bytes: 0 });
  });

  it('keeps only the commit of a branch with a depth of 0', async () => {
    const path = await copyRepo(snapshot.path);
    const head = await ostree(`--repo=${path}`, 'rev-parse', 'stable');
    await using repo = await Repo.open(path);
    await repo.prune({ retainDepth: { stable: 0, dev: 0, 'origin:extra': 0, partial: 0 } });
    expect(await commitsOf(path)).toHaveLength(4);
    expect((await repo.fsck()).commits).toBe(3); // the fourth is partial
    expect(await repo.resolveRev('stable')).toBe(head);
  });

  it('keeps what mirrored refs name, by depth and by branch', async () => {
    const cli = await cliRepo('archive');
    const first = await cli.commit('main', { a: '1' });
    const second = await cli.commit('main', { a: '2' });
    await mkdir(join(cli.path, 'refs/mirrors/org.example.Os'), { recursive: true });
    await writeFile(join(cli.path, 'refs/mirrors/org.example.Os/main'), second);
    await cli.ostree('refs', '--delete', 'main');
    await cli.commit('other', { b: '1' });
    await using repo = await Repo.open(cli.path);
    await repo.prune({ onlyBranches: ['other'], depth: 0 });
    expect((await repo.fsck()).commits).toBe(3);
    await repo.prune({ refsOnly: true, depth: 0 });
    expect((await repo.fsck()).commits).toBe(2);
    await expect(repo.resolveRev(first)).resolves.toBe(first); // a checksum, whether it is here or not
    expect(await commitsOf(cli.path)).not.toContain(
      objectFile(cli.path, first, 'commit').slice(cli.path.length + 1),
    );
  });

  it('applies the depth of a branch once where the repository has a collection id', async () => {
    const cli = await cliRepo('archive');
    await cli.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
    for (let i = 0; i < 3; i++) await cli.commit('main', { a: `${i}` });
    await using repo = await Repo.open(cli.path);
    await repo.prune({ retainDepth: { main: 1 } });
    expect(await commitsOf(cli.path)).toHaveLength(2);
  });

  it('leaves alone what a parent repository has', async () => {
    const parent = await cliRepo('archive');
    await parent.commit('main', { a: 'alpha' });
    await parent.ostree('refs', '--delete', 'main');
    const child = await cliRepo('archive');
    await child.ostree('config', 'set', 'core.parent', parent.path);
    const commit = await child.commit('main', { a: 'alpha', b: 'beta' });
    const before = await remains(parent.path);
    await using repo = await Repo.open(child.path);
    expect((await repo.prune({ refsOnly: true })).pruned).toBe(0);
    await repo.setRef('main', null);
    expect((await repo.prune({ refsOnly: true })).pruned).toBeGreaterThan(0);
    expect(await remains(parent.path)).toEqual(before);
    expect(await remains(child.path)).not.toContain(
      `objects/${commit.slice(0, 2)}/${commit.slice(2)}.commit`,
    );
  });
});

describe('prune of one commit', () => {
  it('deletes it, leaving a tombstone, as the command does', async () => {
    const commit = await ostree(`--repo=${snapshot.path}`, 'rev-parse', 'stable^^');
    const [ours, theirs] = [await copyRepo(snapshot.path), await copyRepo(snapshot.path)];
    await using repo = await Repo.open(ours);
    await repo.prune({ deleteCommit: commit });
    await ostree(`--repo=${theirs}`, 'prune', `--delete-commit=${commit}`);
    expect(await remains(ours)).toEqual(await remains(theirs));
    expect(await remains(ours)).toContain(
      `objects/${commit.slice(0, 2)}/${commit.slice(2)}.tombstone-commit`,
    );
    expect(await readFile(join(ours, 'config'), 'utf8')).toBe(await readFile(join(theirs, 'config'), 'utf8'));
  });

  it('deletes its static deltas instead, as the command does', async () => {
    const commit = await ostree(`--repo=${snapshot.path}`, 'rev-parse', 'stable');
    const [ours, theirs] = [await copyRepo(snapshot.path), await copyRepo(snapshot.path)];
    await using repo = await Repo.open(ours);
    await repo.prune({ deleteCommit: commit, staticDeltas: true });
    await ostree(`--repo=${theirs}`, 'prune', '--static-deltas-only', `--delete-commit=${commit}`);
    expect(await remains(ours)).toEqual(await remains(theirs));
    expect(await ostree(`--repo=${ours}`, 'static-delta', 'list')).not.toContain(commit);
  });

  it('refuses one that a ref names, and changes nothing', async () => {
    const path = await copyRepo(snapshot.path);
    const before = await remains(path);
    await using repo = await Repo.open(path);
    const commit = await repo.resolveRev('stable');
    await expect(repo.prune({ deleteCommit: commit })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: `Commit '${commit}' is referenced by 'stable'`,
      ref: 'stable',
    });
    expect(await remains(path)).toEqual(before);
    expect(await repo.config.get('core.tombstone-commits')).toBeNull();
  });

  it('rejects with NOT_FOUND for one that is not here', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.prune({ deleteCommit: 'a'.repeat(64) })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('prune of a damaged repository', () => {
  it.each(['a missing', 'a changed'])('deletes nothing on the word of %s directory', async (how) => {
    const path = await copyRepo(snapshot.path);
    const [dirtree = ''] = await checksumsAt(path, 'stable', '/stable');
    const file = objectFile(path, dirtree, 'dirtree');
    const data = await readFile(file);
    await rm(file);
    data[20] = (data[20] ?? 0) ^ 1; // in a checksum
    if (how === 'a changed') await writeFile(file, data);
    const before = await remains(path);
    await using repo = await Repo.open(path);
    await expect(repo.prune({ refsOnly: true })).rejects.toMatchObject({
      code: how === 'a missing' ? 'NOT_FOUND' : 'CORRUPT',
      checksum: dirtree,
    });
    expect(await remains(path)).toEqual(before);
  });

  it('deletes nothing when a ref is damaged', async () => {
    const path = await copyRepo(snapshot.path);
    await writeFile(join(path, 'refs/heads/stable'), 'rubbish');
    const before = await remains(path);
    await using repo = await Repo.open(path);
    await expect(repo.prune({ refsOnly: true })).rejects.toMatchObject({ code: 'CORRUPT', ref: 'stable' });
    expect(await remains(path)).toEqual(before);
  });
});

describe('prune beside others', () => {
  it('rejects with LOCKED inside a lock of its own process, and runs through that lock', async () => {
    const path = await copyRepo(snapshot.path);
    await using repo = await Repo.open(path);
    await using lock = await repo.lock('exclusive');
    expect((await lock.repo.prune({ refsOnly: true })).pruned).toBeGreaterThan(0);
  });

  it('waits for another process, and can be aborted meanwhile', async () => {
    const path = await copyRepo(snapshot.path);
    const before = await remains(path);
    await using repo = await Repo.open(path);
    const release = await holdLock(path, 'F_RDLCK');
    const reason = new Error('enough');
    const controller = new AbortController();
    const aborted = repo.prune({ refsOnly: true, signal: controller.signal });
    await repo.resolveRev('stable');
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(await repo.prune({ refsOnly: true, dryRun: true })).toMatchObject({ total: expect.any(Number) });
    expect(await remains(path)).toEqual(before);
    const waiting = repo.prune({ refsOnly: true });
    await release();
    expect((await waiting).pruned).toBeGreaterThan(0);
  });

  it('leaves whole what another process commits meanwhile', { timeout: 180_000 }, async () => {
    const cli = await cliRepo('bare-user');
    await cli.commit('main', { same: 'same', first: '1' });
    const tree = join(await temporaryDirectory(), 'tree');
    await writeTree(
      tree,
      Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}/${i}`, `${i % 7}`])),
    );
    // Each commit has files that an earlier one, which is about to be pruned, had too.
    const script = `
      i=0
      while [ -e "$2/go" ]; do
        i=$((i+1)); echo $((i%3)) > "$2/tree/changing"
        ostree --repo="$1" commit --fsync=false --branch=main --tree=dir="$2/tree" > "$2/log" || exit 1
        ostree --repo="$1" commit --fsync=false --branch=b$((i%4)) --tree=dir="$2/tree/$((i%30))" > "$2/log" || exit 1
        echo $i > "$2/rounds"
      done`;
    const work = join(tree, '..');
    await writeFile(join(work, 'go'), '');
    const writer = execa('sh', ['-c', script, 'writer', cli.path, work]);
    await using repo = await Repo.open(cli.path);
    let pruned = 0;
    const rounds = async () => Number(await readFile(join(work, 'rounds'), 'utf8').catch(() => 0));
    for (let i = 0; i < 30 || (await rounds()) < 8; i++)
      pruned += (await repo.prune({ refsOnly: true, depth: i % 2 })).pruned;
    await rm(join(work, 'go'));
    await writer;
    expect(pruned).toBeGreaterThan(0);
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok' });
    expect(await cliFsck(cli.path)).toBe(true);
  });
});

describe('prune refuses', () => {
  it.each<[string, PruneOptions, string]>([
    ['a depth below -1', { depth: -2 }, 'ERR_INVALID_ARG_VALUE'],
    ['a depth that is no number', { depth: '1' as never }, 'ERR_INVALID_ARG_TYPE'],
    ['a depth by branch below -1', { retainDepth: { main: -2 } }, 'ERR_INVALID_ARG_VALUE'],
    ['a date that is none', { keepYoungerThan: new Date('x') }, 'ERR_INVALID_ARG_VALUE'],
    ['an age that is no date', { keepYoungerThan: 'yesterday' as never }, 'ERR_INVALID_ARG_TYPE'],
    ['no branches', { onlyBranches: [] }, 'ERR_INVALID_ARG_VALUE'],
    ['a commit that is no checksum', { deleteCommit: 'main' }, 'ERR_INVALID_ARG_VALUE'],
    ['deleteCommit with dryRun', { deleteCommit: 'a'.repeat(64), dryRun: true }, 'ERR_INVALID_ARG_VALUE'],
    [
      'a number, which could be an age or a time',
      { keepYoungerThan: 86_400_000 as never },
      'ERR_INVALID_ARG_TYPE',
    ],
    ['a flag that is none', { refsOnly: 1 as never }, 'ERR_INVALID_ARG_TYPE'],
    ['a branch that is not there', { onlyBranches: ['nope'] }, 'NOT_FOUND'],
  ])('%s', async (_, options, code) => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.prune(options)).rejects.toMatchObject({ code });
  });

  it('work once closed', async () => {
    const cli = await cliRepo();
    const repo = await Repo.open(cli.path);
    await repo.close();
    await expect(repo.prune()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
