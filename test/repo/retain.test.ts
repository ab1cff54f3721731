import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo, type RetainPolicy, type RetainResult } from 'ostree';
import { describe, expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { cliFsck, copyRepo, objectFile } from '../support/objects.js';
import { cliRepo, type CliRepo } from '../support/repo.js';

const DAY = 86_400_000;

async function remains(repo: string): Promise<string[]> {
  const files = await readdir(repo, { recursive: true });
  return files.filter((name) => /^(objects\/.*\.|deltas\/.|delta-indexes\/.*\.|refs\/.)/.test(name)).sort();
}

/** Bytes of the files of a repository that retain() may remove. */
async function sizeOf(repo: string): Promise<number> {
  const files = await readdir(repo, { recursive: true });
  const sizes = files.filter((name) => /^(objects|deltas)\//.test(name));
  const stats = await Promise.all(sizes.map((name) => stat(join(repo, name))));
  return stats.filter((file) => file.isFile()).reduce((sum, file) => sum + file.size, 0);
}

interface History {
  cli: CliRepo;
  /** By branch, the oldest first: `ages` days old. */
  commits: Record<string, string[]>;
}

/** Branches of commits that are so many days old. */
async function history(ages: Record<string, number[]>, collectionId?: string): Promise<History> {
  const cli = await cliRepo('archive');
  if (collectionId) await cli.ostree('config', 'set', 'core.collection-id', collectionId);
  const commits: Record<string, string[]> = {};
  for (const [branch, days] of Object.entries(ages)) {
    const list: string[] = [];
    commits[branch] = list;
    for (const day of days) {
      const time = Math.floor((Date.now() - day * DAY) / 1000);
      const files = { same: 'same', [`${branch}/file`]: `${branch} ${day}` };
      list.push(await cli.commit(branch, files, `--timestamp=@${time}`));
    }
  }
  return { cli, commits };
}

/** Which commits are there, by branch and place: `main 2`. */
async function present(cli: CliRepo, commits: Record<string, string[]>): Promise<string[]> {
  const names: string[] = [];
  for (const [branch, list] of Object.entries(commits))
    for (const [i, commit] of list.entries())
      if (await stat(objectFile(cli.path, commit, 'commit')).catch(() => null)) names.push(`${branch} ${i}`);
  return names;
}

const AGES = { main: [40, 30, 20, 10, 0], 'os/stable': [90, 60, 30], 'os/dev': [3, 2, 1] };

const policies: { name: string; keep: RetainPolicy; kept: string[] }[] = [
  {
    name: 'everything that refs name',
    keep: {},
    kept: Object.entries(AGES).flatMap(([branch, ages]) => ages.map((_, i) => `${branch} ${i}`)),
  },
  { name: 'heads', keep: { depth: 0 }, kept: ['main 4', 'os/stable 2', 'os/dev 2'] },
  {
    name: 'by age, and every head',
    keep: { age: 15 * DAY },
    kept: ['main 3', 'main 4', 'os/stable 2', 'os/dev 0', 'os/dev 1', 'os/dev 2'],
  },
  {
    name: 'what either says',
    keep: { depth: 1, age: 25 * DAY },
    kept: ['main 2', 'main 3', 'main 4', 'os/stable 1', 'os/stable 2', 'os/dev 0', 'os/dev 1', 'os/dev 2'],
  },
  {
    name: 'by branch, the first pattern that matches',
    keep: { depth: 0, branches: { 'os/stable': true, 'os/*': { depth: 1 }, '**': { depth: 2 } } },
    kept: ['main 2', 'main 3', 'main 4', 'os/stable 0', 'os/stable 1', 'os/stable 2', 'os/dev 1', 'os/dev 2'],
  },
  {
    name: 'a pattern from the first part of the name',
    keep: { branches: { stable: { depth: 0 }, 'os/d?v': { depth: 0 } } },
    kept: [
      ...AGES.main.map((_, i) => `main ${i}`),
      ...AGES['os/stable'].map((_, i) => `os/stable ${i}`),
      'os/dev 2',
    ],
  },
];

describe('retain', () => {
  it.each(policies)('keeps $name', async ({ keep, kept }) => {
    const { cli, commits } = await history(AGES);
    await using repo = await Repo.open(cli.path);
    const before = await sizeOf(cli.path);
    const list = await remains(cli.path);
    const planned = await repo.retain({ keep, dryRun: true });
    expect(await remains(cli.path)).toEqual(list);
    const result = await repo.retain({ keep });
    expect(result).toEqual({ ...planned, dryRun: false });
    expect(await present(cli, commits)).toEqual(kept);
    expect(result.kept).toHaveLength(kept.length);
    expect(result.bytes).toBe(before - (await sizeOf(cli.path)));
    expect(await cliFsck(cli.path)).toBe(true);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(await repo.retain({ keep })).toMatchObject({ bytes: 0, commits: [], deltas: [] });
  });

  it('keeps what the command keeps by the same rules', async () => {
    const { cli } = await history(AGES);
    const theirs = await copyRepo(cli.path);
    await using repo = await Repo.open(cli.path);
    const result = await repo.retain({ keep: { depth: 1, branches: { main: true } } });
    const printed = await execa('ostree', [
      `--repo=${theirs}`,
      'prune',
      '--refs-only',
      '--depth=1',
      '--retain-branch-depth=main=-1',
    ]);
    expect(await remains(cli.path)).toEqual(await remains(theirs));
    const count = ({ commits, metadata, files }: RetainResult['removed']) =>
      commits.count + metadata.count + files.count;
    expect(printed.stdout).toContain(`Deleted ${count(result.removed)} objects`);
  });

  it('counts what goes, by kind', async () => {
    const { cli, commits } = await history({ main: [2, 1] });
    const [first = '', second = ''] = commits['main'] ?? [];
    await using repo = await Repo.open(cli.path);
    await repo.setDetachedMetadata(first, { note: 'x'.repeat(1000) });
    await repo.deltas.generate({ to: first, from: null });
    const size = async (path: string) => (await stat(path)).size;
    const commit = await size(objectFile(cli.path, first, 'commit'));
    const meta = await size(objectFile(cli.path, first, 'commitmeta'));
    const result = await repo.retain({ keep: { depth: 0 } });
    expect(result).toMatchObject({
      commits: [first],
      deltas: [first],
      kept: [second],
      removed: {
        commits: { count: 1, bytes: commit + meta },
        metadata: { count: 2 }, // the root, and main/
        files: { count: 1 },
        deltas: { count: 1 },
      },
    });
    expect(result.removed.deltas.bytes).toBeGreaterThan(0);
  });

  it('removes deltas to commits that are no longer the head of a branch, and their index', async () => {
    const { cli, commits } = await history({ main: [3, 2, 1] });
    const [first = '', second = '', third = ''] = commits['main'] ?? [];
    await using repo = await Repo.open(cli.path);
    const names = [];
    for (const [from, to] of [
      [first, second],
      [second, third],
      [null, third],
    ] as const)
      names.push((await repo.deltas.generate({ from, to })).name);
    await repo.deltas.reindex();
    const wide = await repo.retain({ keep: { deltas: 'commits' }, dryRun: true });
    expect(wide.deltas).toEqual([]);
    const { deltas, removed } = await repo.retain({ keep: {} });
    expect(deltas).toEqual([names[0]]);
    expect(removed).toMatchObject({ commits: { count: 0, bytes: 0 }, deltas: { count: 1 } });
    expect((await repo.deltas.list()).map(({ name }) => name).sort()).toEqual(names.slice(1).sort());
    expect(await repo.deltas.indexes()).toEqual([third]);
    const { stdout } = await execa('ostree', [`--repo=${cli.path}`, 'static-delta', 'list']);
    expect(stdout.split('\n').sort()).toEqual(names.slice(1).sort());
  });

  it('removes what no ref names', async () => {
    const { cli, commits } = await history({ main: [1], gone: [1] });
    await cli.ostree('refs', '--delete', 'gone');
    await using repo = await Repo.open(cli.path);
    expect(await repo.retain({ keep: {} })).toMatchObject({ commits: commits['gone'] });
    expect(await present(cli, commits)).toEqual(['main 0']);
  });

  it('takes rules for refs of remotes and mirrored collections', async () => {
    const { cli: source, commits } = await history({ main: [3, 2, 1] }, 'org.example.Os');
    const cli = await cliRepo('archive');
    await cli.ostree('pull-local', '--remote=origin', '--depth=-1', source.path, 'main');
    await using repo = await Repo.open(cli.path);
    const keep = { branches: { 'origin:*': { depth: 1 } } };
    await repo.retain({ keep });
    expect(await present(cli, commits)).toEqual(['main 1', 'main 2']);
    const mirror = await cliRepo('archive');
    await using mirrored = await Repo.open(mirror.path);
    await mirrored.pull(`file://${source.path}`, {
      collectionRefs: [{ collectionId: 'org.example.Os', ref: 'main' }],
      mirror: true,
      depth: -1,
    });
    await mirrored.retain({ keep: { branches: { main: { depth: 0 } } } });
    expect(await present(mirror, commits)).toEqual(['main 2']);
  });

  it('loses nothing that is written meanwhile', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { base: 'base' });
    await using repo = await Repo.open(cli.path);
    await using writer = await Repo.open(cli.path);
    const heads = new Map<string, string>();
    let writing = true;
    const write = async (branch: string) => {
      for (let i = 0; i < 12; i++) {
        const files = [
          { path: 'shared', content: `${i % 3}` }, // comes, goes and comes again
          { path: 'own', content: `${branch} ${i}` },
        ];
        heads.set(branch, (await writer.commit({ branch, tree: { files } })).checksum);
      }
    };
    const both = Promise.all([write('left'), write('right')]).finally(() => (writing = false));
    let rounds = 0;
    while (writing) {
      await repo.retain({ keep: { depth: 0 } });
      rounds++;
    }
    await both;
    await repo.retain({ keep: { depth: 0 } });
    expect(rounds).toBeGreaterThan(0);
    for (const [branch, head] of heads) expect(await repo.resolveRev(branch)).toBe(head);
    expect((await repo.fsck()).verdict).toBe('ok');
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it('loses nothing that another process writes meanwhile, its deltas neither', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { base: 'base' });
    await using repo = await Repo.open(cli.path);
    let writing = true;
    const write = async (): Promise<string> => {
      let head = '';
      for (let i = 0; i < 8; i++) {
        head = await cli.commit('main', { shared: `${i % 3}`, own: `${i}` });
        await cli.ostree('static-delta', 'generate', '--empty', '--inline', `--to=${head}`);
      }
      return head;
    };
    const written = write().finally(() => (writing = false));
    let rounds = 0;
    while (writing) {
      await repo.retain({ keep: { depth: 0 } });
      rounds++;
    }
    const head = await written;
    expect(rounds).toBeGreaterThan(0);
    expect(await repo.retain({ keep: { depth: 0 } })).toMatchObject({ kept: [head] });
    expect(await repo.resolveRev('main')).toBe(head);
    expect((await repo.deltas.list()).map(({ name }) => name)).toEqual([head]);
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it('waits for the locks of others, and stops when aborted', async () => {
    const { cli } = await history({ main: [2, 1] });
    await using repo = await Repo.open(cli.path);
    const list = await remains(cli.path);
    const release = await holdLock(cli.path, 'F_RDLCK');
    expect(await repo.retain({ keep: { depth: 0 }, dryRun: true })).toMatchObject({ dryRun: true });
    const controller = new AbortController();
    const reason = new Error('enough');
    const waiting = repo.retain({ keep: { depth: 0 }, signal: controller.signal });
    await repo.resolveRev('main');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await remains(cli.path)).toEqual(list);
    await release();
  });

  it('fails, having deleted nothing, where it cannot tell what is needed', async () => {
    const { cli, commits } = await history({ main: [2, 1] });
    const theirs = objectFile(cli.path, commits['main']?.[1] ?? '', 'commit');
    await execa('truncate', ['-s', '10', theirs]);
    const list = await remains(cli.path);
    await using repo = await Repo.open(cli.path);
    await expect(repo.retain({ keep: { depth: 0 } })).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(await remains(cli.path)).toEqual(list);
    await repo.transaction(async (txn) => {
      await expect(txn.repo.retain({ keep: {} })).rejects.toMatchObject({ code: 'LOCKED' });
    });
  });

  it('deletes nothing where a directory of a delta has another name, which libostree would misread', async () => {
    const { cli } = await history({ main: [2, 1] });
    const odd = join(cli.path, 'deltas/ab/c');
    await mkdir(odd, { recursive: true });
    await writeFile(join(odd, 'superblock'), '');
    const list = await remains(cli.path);
    await using repo = await Repo.open(cli.path);
    const corrupt = { code: 'CORRUPT', path: 'deltas/ab/c' };
    await expect(repo.retain({ keep: { depth: 0 } })).rejects.toMatchObject(corrupt);
    await expect(repo.prune({ refsOnly: true, depth: 0 })).rejects.toMatchObject(corrupt);
    expect(await remains(cli.path)).toEqual(list);
  });

  it('refuses bad arguments', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const tries: [unknown, object][] = [
      [undefined, type],
      [{}, type],
      [{ keep: 1 }, type],
      [{ keep: {}, dryRun: 1 }, type],
      [{ keep: { depth: 'x' } }, type],
      [{ keep: { depth: -2 } }, value],
      [{ keep: { age: -1 } }, value],
      [{ keep: { days: 3 } }, value],
      [{ keep: { branches: { main: false } } }, type],
      [{ keep: { branches: { main: { age: 1.5 } } } }, value],
      [{ keep: { branches: { '': {} } } }, value],
      [{ keep: { branches: { main: { deltas: 'heads' } } } }, value],
      [{ keep: { deltas: 'all' } }, value],
    ];
    for (const [options, error] of tries)
      await expect(repo.retain(options as never)).rejects.toMatchObject(error);
    await repo.close();
    await expect(repo.retain({ keep: {} })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
