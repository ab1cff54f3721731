// Small repositories that ask for endless work: trees that multiply or go very deep, parents that lead round in a
// circle, and a damaged commit that a summary would tell of.
import { appendFile, writeFile } from 'node:fs/promises';

import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, type ForgedTree, forgeFile, forgeTree } from '../support/forge.js';
import { objectFile } from '../support/objects.js';
import { probe } from '../support/probe.js';
import { cliRepo } from '../support/repo.js';

it('a tree whose paths multiply is TOO_LARGE for a delta that compares two commits', async () => {
  const { path } = await cliRepo();
  const meta = await forge(path, 'dirmeta', DIRMETA);
  let contents = await forgeTree(path, {});
  await forgeCommit(path, 'main', { contents });
  for (let level = 0; level < 60; level++) {
    const directories: [string, string, string][] = ['a', 'b'].map((name) => [name, contents, meta]);
    contents = await forgeTree(path, { directories });
  }
  await forgeCommit(path, 'wide', { contents });
  await using repo = await Repo.open(path);
  await expect(repo.deltas.generate({ from: 'main', to: 'wide' })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
  await expect(repo.deltas.generate({ from: 'wide', to: 'main' })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
  expect(await repo.deltas.generate({ from: null, to: 'wide' })).toMatchObject({ generated: true });
});

/** A commit whose paths double with every level; `leaf` is the directory below them all. */
async function wide(path: string, ref: string, levels: number, leaf: ForgedTree = {}): Promise<void> {
  const meta = await forge(path, 'dirmeta', DIRMETA);
  let contents = await forgeTree(path, leaf);
  for (let level = 0; level < levels; level++) {
    const directories: [string, string, string][] = ['a', 'b'].map((name) => [name, contents, meta]);
    contents = await forgeTree(path, { directories });
  }
  await forgeCommit(path, ref, { contents });
}

it('a tree whose paths multiply is TOO_LARGE for a commit that changes or merges them', async () => {
  const { path } = await cliRepo();
  const content = await forgeFile(path, {});
  await wide(path, 'wide', 60);
  await wide(path, 'other', 60, { files: [['file', content]] });
  const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => String(10_000 + i));
  const meta = await forge(path, 'dirmeta', DIRMETA);
  const full = await forgeTree(path, { files: numbered(4000).map((name) => [name, content]) });
  const contents = await forgeTree(path, { directories: numbered(3000).map((name) => [name, full, meta]) });
  await forgeCommit(path, 'broad', { contents });
  const owned = `{ owner: { uid: 1, gid: 1 }, branch: 'copy' }`;
  const outcomes = await probe({
    setUp: 'const repo = await Repo.open(given.path);',
    calls: {
      changed: `repo.commit({ tree: { ref: 'wide' }, ...${owned} })`,
      broad: `repo.commit({ tree: { ref: 'broad' }, ...${owned} })`,
      merged: `repo.commit({ tree: [{ ref: 'wide' }, { ref: 'other' }], branch: 'copy' })`,
      whole: `repo.commit({ tree: { ref: 'wide' }, branch: 'copy' })`,
    },
    given: { path },
    mostMemory: 600,
  });
  const refused = { changed: 'TOO_LARGE', broad: 'TOO_LARGE', merged: 'TOO_LARGE' };
  expect(outcomes).toEqual({ ...refused, whole: 'ok' });
});

it('a commit that follows many paths can be aborted', async () => {
  const { path } = await cliRepo();
  await wide(path, 'wide', 21);
  await using repo = await Repo.open(path);
  const controller = new AbortController();
  const reason = new Error('enough');
  let aborted = 0;
  setTimeout(() => {
    aborted = performance.now();
    controller.abort(reason);
  }, 300);
  const committing = repo.commit({
    tree: { ref: 'wide' },
    owner: { uid: 1, gid: 1 },
    branch: 'copy',
    signal: controller.signal,
  });
  await expect(committing).rejects.toBe(reason);
  expect(performance.now() - aborted).toBeLessThan(5_000);
});

it('a tree is too deep for a delta by its longest path, however short the shortest one is', async () => {
  const { path } = await cliRepo();
  const meta = await forge(path, 'dirmeta', DIRMETA);
  let contents = await forgeTree(path, {});
  const all: [string, string, string][] = [];
  for (let level = 0; level < 2100; level++) {
    all.unshift([`d${String(level).padStart(4, '0')}`, contents, meta]);
    contents = await forgeTree(path, { directories: [['d', contents, meta]] });
  }
  all.sort(([a], [b]) => (a < b ? -1 : 1));
  await forgeCommit(path, 'deep', { contents: await forgeTree(path, { directories: all }) });
  await using repo = await Repo.open(path);
  await expect(repo.deltas.generate({ from: null, to: 'deep' })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
  expect(await repo.fsck()).toMatchObject({ verdict: 'ok' });
  // The one that was made last.
  expect(await repo.prune({ dryRun: true })).toMatchObject({ pruned: 1 });
});

it('a repository that is its own parent is CORRUPT', async () => {
  const [{ path }, other] = [await cliRepo(), await cliRepo()];
  await appendFile(`${path}/config`, `parent=${path}/../repo\n`);
  await expect(Repo.open(path)).rejects.toMatchObject({ code: 'CORRUPT', path });
  await using repo = await Repo.open(other.path);
  await expect(repo.pullLocal(path)).rejects.toMatchObject({ code: 'CORRUPT' });
});

it('a damaged commit is CORRUPT where a summary would tell of it, and its ref can be deleted', async () => {
  const cli = await cliRepo();
  const good = await cli.commit('good', { a: '1' });
  const bad = await cli.commit('bad', { b: '2' });
  await writeFile(objectFile(cli.path, bad, 'commit'), 'garbage');
  await using repo = await Repo.open(cli.path);
  const corrupt = { code: 'CORRUPT', ref: 'bad', checksum: bad };
  await expect(repo.summary.regenerate()).rejects.toMatchObject(corrupt);
  await repo.config.set('core.auto-update-summary', true);
  await expect(repo.setRef('good2', good)).rejects.toMatchObject(corrupt);
  await repo.deleteRef('bad');
  await repo.setRef('good2', good);
  await expect(repo.setRef('bad', bad)).rejects.toMatchObject(corrupt);
  expect((await repo.summary.read()).refs.map(({ ref }) => ref)).toEqual(['good', 'good2']);
});
