import { join } from 'node:path';

import { OstreeError, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';

describe('Repo.create', () => {
  it.each(['archive', 'bare', 'bare-user', 'bare-user-only'] as const)(
    'makes a repository of mode %s that the command reads',
    async (mode) => {
      const path = join(await temporaryDirectory(), 'repo');
      await using repo = await Repo.create(path, { mode });
      expect(repo).toMatchObject({ path, mode, writable: true, collectionId: null, parent: null });
      const config = await ostree(`--repo=${path}`, 'config', 'get', 'core.mode');
      expect(config).toBe(mode === 'archive' ? 'archive-z2' : mode);
    },
  );

  it('writes the collection id', async () => {
    const path = join(await temporaryDirectory(), 'repo');
    await using repo = await Repo.create(path, { mode: 'archive', collectionId: 'org.example.Os' });
    expect(repo.collectionId).toBe('org.example.Os');
    expect(await ostree(`--repo=${path}`, 'config', 'get', 'core.collection-id')).toBe('org.example.Os');
  });

  it('refuses bad arguments', async () => {
    await expect(Repo.create('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(Repo.create('/tmp/x', { mode: 'zip' as 'bare' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(Repo.create(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('Repo.open', () => {
  it('opens what the command made', async () => {
    const { path } = await cliRepo('bare-user');
    await using repo = await Repo.open(path);
    expect(repo).toMatchObject({ path, mode: 'bare-user' });
  });

  it('rejects with NOT_FOUND and the path when there is none', async () => {
    const path = join(await temporaryDirectory(), 'nothing');
    const error = await Repo.open(path).catch((e: unknown) => e);
    expect(OstreeError.is(error, 'NOT_FOUND')).toBe(true);
    expect(error).toMatchObject({ path });
    expect((error as Error).stack).toContain('repo.test.ts');
  });

  it('refuses calls once closed, and close() is idempotent', async () => {
    const { path } = await cliRepo();
    const repo = await Repo.open(path);
    await repo.close();
    await repo.close();
    await expect(repo.resolveRev('main')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('rejects with the reason of a signal that was aborted before', async () => {
    const reason = new Error('enough');
    await expect(Repo.open('/nowhere', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('close', () => {
  it.each<[string, (repo: Repo, tree: string, head: string) => Promise<unknown>]>([
    ['commit()', (repo, tree) => repo.commit({ tree })],
    ['commit() to a branch', (repo, tree) => repo.commit({ tree, branch: 'main' })],
    [
      'commit() that takes its turn',
      (repo, tree) =>
        Promise.all(['1', '2'].map((subject) => repo.commit({ tree, branch: 'main', subject }))),
    ],
    ['diff()', (repo, tree) => repo.diff('main', { dir: tree })],
    ['readdir()', (repo) => repo.readdir('main', '/')],
    ['readFile() of a large file', (repo) => repo.readFile('main', '/large')],
    ['readObject() of a commit', (repo, _tree, checksum) => repo.readObject({ type: 'commit', checksum })],
  ])('waits for what runs: %s', async (_what, start) => {
    const cli = await cliRepo();
    const files = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`${i}`, '']));
    const head = await cli.commit('main', { ...files, large: Buffer.alloc(5_000_000, 'large') });
    const tree = join(await temporaryDirectory(), 'tree');
    await writeTree(tree, { new: 'new' });
    const repo = await Repo.open(cli.path);
    const running = start(repo, tree, head);
    await repo.close();
    await expect(running).resolves.toBeDefined();
  });
});

describe('resolveRev', () => {
  it('resolves refs, checksums, abbreviations and parents', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '1' });
    const second = await cli.commit('main', { a: '2' });
    await using repo = await Repo.open(cli.path);
    expect(await repo.resolveRev('main')).toBe(second);
    expect(await repo.resolveRev('main^')).toBe(first);
    expect(await repo.resolveRev(first)).toBe(first);
    expect(await repo.resolveRev(second.slice(0, 12))).toBe(second);
  });

  it('rejects with NOT_FOUND for what is missing, with ^ too', async () => {
    const { path } = await cliRepo();
    await using repo = await Repo.open(path);
    await expect(repo.resolveRev('nope')).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'nope' });
    await expect(repo.resolveRev('nope^')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
