import { AsyncLocalStorage } from 'node:async_hooks';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { type PullProgress, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { nginx } from '../support/nginx.js';
import { files, served } from '../support/pull.js';
import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

describe('pull', () => {
  it.each(['archive', 'bare', 'bare-user', 'bare-user-only'])(
    'brings what the command brings, into %s',
    async (mode) => {
      const { target, url, second, ...rest } = await served(mode);
      await using repo = rest.repo;
      const result = await repo.pull('origin', { refs: ['main'] });
      expect(result).toMatchObject({
        refs: [{ ref: 'main', remote: 'origin', old: null, new: second }],
        contentFetched: 30,
        contentImported: 0,
        deltaParts: { fetched: 0, total: 0 },
      });
      expect(result.bytesTransferred).toBeGreaterThan(1000);
      expect(result.elapsed).toBeGreaterThan(0);
      expect(result.status).toMatch(/\d+ metadata, 30 content objects fetched/);
      expect(await target.ostree('fsck')).toContain('no errors found');

      const theirs = await cliRepo(mode);
      await theirs.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
      await theirs.ostree('pull', 'origin', 'main');
      const objects = async (path: string) =>
        (await readdir(join(path, 'objects'), { recursive: true })).sort();
      expect(await objects(target.path)).toEqual(await objects(theirs.path));
      expect(await target.ostree('refs', '--list')).toBe(await theirs.ostree('refs', '--list'));
    },
  );

  it('tells an unchanged ref from a moved one', async () => {
    const { source, second, ...rest } = await served();
    await using repo = rest.repo;
    await repo.pull('origin', { refs: ['main'] });
    expect((await repo.pull('origin', { refs: ['main'] })).refs).toEqual([
      { ref: 'main', remote: 'origin', old: second, new: second },
    ]);
    const third = await source.commit('main', { a: '3' });
    await source.ostree('summary', '--update');
    expect((await repo.pull('origin', { refs: ['main'] })).refs).toMatchObject([{ old: second, new: third }]);
  });

  it('takes the branches of the remote when no refs are given, and all of them as a mirror', async () => {
    const { second, next, ...rest } = await served('archive');
    await using repo = rest.repo;
    await expect(repo.pull('origin')).rejects.toMatchObject({ remote: 'origin', code: 'INVALID_ARGUMENT' });
    expect((await repo.pull('origin', { mirror: true })).refs).toEqual([
      { ref: 'main', old: null, new: second },
      { ref: 'os/next', old: null, new: next },
    ]);
    await repo.remotes.setOptions('origin', { branches: ['os/next'] });
    expect((await repo.pull('origin')).refs).toMatchObject([{ ref: 'os/next', old: null, new: next }]);
    expect(await repo.resolveRev('main', { localOnly: true })).toBe(second);
  });

  it('mirrors the refs of another collection', async () => {
    const source = await cliRepo();
    await source.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
    const commit = await source.commit('main', { a: '1' });
    await source.ostree('summary', '--update');
    const { url } = await nginx(source.path);
    const target = await cliRepo();
    await using repo = await Repo.open(target.path);
    await repo.remotes.add('origin', url, { gpgVerify: false, collectionId: 'org.example.Os' });
    const pulled = { ref: 'main', collectionId: 'org.example.Os', old: null, new: commit };
    expect((await repo.pull('origin', { mirror: true, refs: ['main'] })).refs).toEqual([pulled]);
    expect((await repo.pull('origin', { mirror: true })).refs).toEqual([
      { ...pulled, old: commit },
      { ...pulled, ref: 'ostree-metadata', new: expect.any(String) }, // the summary of a collection is a commit too
    ]);
    const other = await cliRepo();
    await using again = await Repo.open(other.path);
    await again.remotes.add('origin', url, { gpgVerify: false, collectionId: 'org.example.Os' });
    const { refs } = await again.pull('origin', {
      collectionRefs: [{ collectionId: 'org.example.Os', ref: 'main' }],
    });
    expect(refs).toMatchObject([{ ref: 'main', remote: 'origin', new: commit }]);
  });

  it('goes as deep as told', async () => {
    const { first, target, ...rest } = await served();
    await using repo = rest.repo;
    await repo.pull('origin', { refs: ['main'] });
    await expect(target.ostree('show', first)).rejects.toThrow(/exit code 1/);
    await repo.pull('origin', { refs: ['main'], depth: -1 });
    expect(await target.ostree('log', 'origin:main')).toContain(first);
  });

  it('takes only commits, or only some directories, and a later pull completes them', async () => {
    const { target, next, second, ...rest } = await served();
    await using repo = rest.repo;
    const commitOnly = await repo.pull('origin', { refs: ['main'], commitOnly: true });
    expect(commitOnly).toMatchObject({ contentFetched: 0, refs: [{ new: second }] });
    await repo.pull('origin', { refs: ['os/next'], subdirs: ['/usr/bin'] });
    expect(await target.ostree('ls', '-R', 'origin:os/next', '/usr/bin')).toContain('/usr/bin/a');
    expect((await readdir(join(target.path, 'state'))).sort()).toEqual(
      [`${next}.commitpartial`, `${second}.commitpartial`].sort(),
    );
    await repo.pull('origin', { refs: ['main', 'os/next'] });
    expect(await readdir(join(target.path, 'state'))).toEqual([]);
    expect(await target.ostree('fsck')).toContain('no errors found');
  });

  it('pulls commits by checksum, and others than the refs name', async () => {
    const { first, second, target, ...rest } = await served();
    await using repo = rest.repo;
    expect(await repo.pull('origin', { refs: [first] })).toMatchObject({ refs: [], contentFetched: 20 });
    expect((await repo.pull('origin', { overrideCommits: { main: first } })).refs).toMatchObject([
      { ref: 'main', new: first },
    ]);
    const both = await repo.pull('origin', { refs: ['main', 'os/next'], overrideCommits: { main: second } });
    expect(both.refs).toMatchObject([{ ref: 'main', old: first, new: second }, { ref: 'os/next' }]);
    expect(await target.ostree('rev-parse', 'origin:main')).toBe(second);
  });

  it('asks another URL, with headers and a user agent, and stores refs for another remote', async () => {
    const { source, second, ...rest } = await served();
    await using repo = rest.repo;
    const seen: (string | undefined)[] = [];
    const other = await server(source.path, (_, __, request) => {
      seen.push(request.headers['x-token']?.toString(), request.headers['user-agent']);
      return true;
    });
    const { refs } = await repo.pull('origin', {
      refs: ['main'],
      overrideUrl: other.url,
      overrideRemoteName: 'elsewhere',
      httpHeaders: { 'X-Token': 'secret' },
      appendUserAgent: 'tester/1.0',
      networkRetries: 0,
    });
    expect(refs).toEqual([{ ref: 'main', remote: 'elsewhere', old: null, new: second }]);
    expect(seen).toContain('secret');
    expect(seen.join()).toContain('tester/1.0');
  });

  it('takes objects from repositories of this machine', async () => {
    const { source, ...rest } = await served();
    await using repo = rest.repo;
    const result = await repo.pull('origin', { refs: ['main'], localCacheRepos: [source.path] });
    expect(result).toMatchObject({ contentFetched: 0, contentImported: 30 });
  });

  it('sees a config that was changed by another program', async () => {
    const { target, second, ...rest } = await served();
    await using repo = rest.repo;
    await target.ostree('config', 'set', 'remote "origin".branches', 'main;');
    expect((await repo.pull('origin')).refs).toMatchObject([{ new: second }]);
  });
});

describe('pull with static deltas', () => {
  async function withDelta(mode = 'bare-user') {
    const source = await cliRepo();
    const noise = (seed: number) => Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * seed) % 251));
    const commit = await source.commit('main', { big: noise(7), other: noise(13), small: 'x' });
    await source.ostree('static-delta', 'generate', '--empty', '--max-chunk-size=1', 'main');
    await source.ostree('summary', '--update');
    const { url } = await nginx(source.path);
    const target = await cliRepo(mode);
    const repo = await Repo.open(target.path);
    await repo.remotes.add('origin', url, { gpgVerify: false });
    return { target, repo, commit };
  }

  it('uses them, or not, or tells only what they would take', async () => {
    const { target, commit, ...rest } = await withDelta();
    await using repo = rest.repo;
    const dry = await repo.pull('origin', { refs: ['main'], deltas: 'required', dryRun: true });
    expect(dry).toMatchObject({ refs: [], bytesTransferred: expect.any(Number) });
    expect(dry.totalBytes).toBeGreaterThan(0);
    expect(dry.unpackedBytes).toBeGreaterThan(400_000);
    await expect(repo.resolveRev('origin:main')).rejects.toMatchObject({ code: 'NOT_FOUND' });

    const progress: PullProgress[] = [];
    const pulled = await repo.pull('origin', {
      refs: ['main'],
      deltas: 'required',
      onProgress: (p) => progress.push(p),
    });
    expect(pulled.refs).toMatchObject([{ new: commit }]);
    expect(pulled.deltaParts.fetched).toBe(pulled.deltaParts.total);
    expect(pulled.deltaParts.total).toBe(dry.deltaParts.total);
    expect(progress.at(-1)).toMatchObject({ phase: 'done', totalBytes: dry.totalBytes });
    expect(await target.ostree('fsck')).toContain('no errors found');
  });

  it('fetches objects one by one with them off', async () => {
    const { commit, ...rest } = await withDelta();
    await using repo = rest.repo;
    const pulled = await repo.pull('origin', { refs: ['main'], deltas: 'off' });
    expect(pulled).toMatchObject({ deltaParts: { total: 0 }, contentFetched: 3, refs: [{ new: commit }] });
  });

  it('rejects when they are required and cannot be had', async () => {
    const { ...into } = await withDelta('archive');
    await using archive = into.repo;
    await expect(archive.pull('origin', { refs: ['main'], deltas: 'required' })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      remote: 'origin',
    });
    const { ...rest } = await served();
    await using repo = rest.repo;
    await expect(repo.pull('origin', { refs: ['main'], deltas: 'required' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'main',
    });
  });
});

describe('onProgress', () => {
  it('tells phases and counts that only grow, and the end before the promise settles', async () => {
    const { source, ...rest } = await served();
    await using repo = rest.repo;
    await source.commit('main', files(300, 'more '));
    await source.ostree('summary', '--update');
    const progress: PullProgress[] = [];
    let settled = false;
    const result = await repo.pull('origin', {
      refs: ['main'],
      onProgress: (p) => {
        expect(settled).toBe(false);
        progress.push(p);
      },
    });
    settled = true;
    expect(progress[0]?.phase).toBe('refs');
    expect(progress.at(-1)).toMatchObject({
      phase: 'done',
      bytesTransferred: result.bytesTransferred,
      fetched: result.metadataFetched + result.contentFetched,
      status: result.status,
    });
    for (const key of ['bytesTransferred', 'fetched', 'metadataFetched'] as const) {
      const values = progress.map((p) => p[key]);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
  });

  it('keeps the caller’s asynchronous context', async () => {
    const { ...rest } = await served();
    await using repo = rest.repo;
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    await storage.run('mine', () =>
      repo.pull('origin', { refs: ['main'], onProgress: () => seen.push(storage.getStore()) }),
    );
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set(['mine']));
  });

  it('that throws ends the pull with what it threw', async () => {
    const { target, ...rest } = await served();
    await using repo = rest.repo;
    const thrown = new Error('no more');
    const pulling = repo.pull('origin', {
      refs: ['main'],
      onProgress: () => {
        throw thrown;
      },
    });
    await expect(pulling).rejects.toBe(thrown);
    expect(await target.ostree('fsck')).toContain('no errors found');
    await repo.pull('origin', { refs: ['main'] });
  });
});

describe('four pulls at once', () => {
  it('on one Repo all succeed', async () => {
    const source = await cliRepo();
    for (const name of ['one', 'two', 'three', 'four']) await source.commit(name, files(60, name));
    await source.ostree('summary', '--update');
    const { url } = await nginx(source.path);
    const target = await cliRepo('bare-user');
    await using repo = await Repo.open(target.path);
    await repo.remotes.add('origin', url, { gpgVerify: false });
    const pulls = ['one', 'two', 'three', 'four'].map((name) => repo.pull('origin', { refs: [name] }));
    const results = await Promise.all(pulls);
    expect(results.map((r) => r.refs[0]?.ref)).toEqual(['one', 'two', 'three', 'four']);
    expect(await target.ostree('fsck')).toContain('no errors found');
    expect((await target.ostree('refs')).split('\n').sort()).toEqual(
      ['four', 'one', 'three', 'two'].map((name) => `origin:${name}`),
    );
  });
});
