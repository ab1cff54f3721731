import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { forgeCommit, forgeTree } from '../support/forge.js';
import { copyRepo, objectFile } from '../support/objects.js';
import { cliRepo } from '../support/repo.js';

const CHECKSUM = /^[0-9a-f]{64}$/;

async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('readCommit', () => {
  it('tells everything of a commit', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '1' });
    const second = await cli.commit(
      'main',
      { a: '2' },
      '--subject=The subject',
      '--body=The body',
      '--timestamp=2020-02-03 04:05:06 +0000',
      '--add-metadata-string=version=1.2',
      '--add-metadata=n=uint64 18446744073709551615',
      '--add-metadata=bytes=[byte 1, 2]',
      '--add-detached-metadata-string=note=later',
    );
    await using repo = await Repo.open(cli.path);
    const commit = await repo.readCommit('main');
    expect(commit).toEqual({
      checksum: second,
      parent: first,
      subject: 'The subject',
      body: 'The body',
      timestamp: new Date('2020-02-03T04:05:06Z'),
      version: '1.2',
      metadata: {
        version: '1.2',
        n: 18446744073709551615n,
        bytes: new Uint8Array([1, 2]),
        'ostree.ref-binding': ['main'],
      },
      detachedMetadata: { note: 'later' },
      rootContents: expect.stringMatching(CHECKSUM),
      rootMetadata: expect.stringMatching(CHECKSUM),
      contentChecksum: expect.stringMatching(CHECKSUM),
      state: 'normal',
    });
    const older = await repo.readCommit(first);
    expect(older).toMatchObject({ parent: null, subject: '', version: null, detachedMetadata: null });
    expect(older.contentChecksum).not.toBe(commit.contentChecksum);
    expect(older.rootMetadata).toBe(commit.rootMetadata);
  });

  it('becomes JSON, bigints as decimal strings and bytes as base64', async () => {
    const cli = await cliRepo();
    const checksum = await cli.commit(
      'main',
      { a: '1' },
      '--add-metadata=n=uint64 18446744073709551615',
      '--add-metadata=b=[byte 1, 2]',
    );
    await using repo = await Repo.open(cli.path);
    const commit = await repo.readCommit('main');
    const json = JSON.parse(JSON.stringify(commit)) as Record<string, unknown>;
    expect(json).toMatchObject({ checksum, timestamp: commit.timestamp.toISOString() });
    expect(json['metadata']).toMatchObject({ n: '18446744073709551615', b: 'AQI=' });
    expect(json).not.toHaveProperty('toJSON');
    expect(structuredClone({ ...commit })).toEqual(commit);
  });

  it('keeps Variants when asked to', async () => {
    const cli = await cliRepo();
    await cli.commit(
      'main',
      { a: '1' },
      '--add-metadata=n=uint16 7',
      '--add-detached-metadata-string=note=x',
    );
    await using repo = await Repo.open(cli.path);
    const { metadata, detachedMetadata } = await repo.readCommit('main', { variants: true });
    expect(metadata['n']).toBeInstanceOf(Variant);
    expect((metadata['n'] as Variant).toString()).toBe('uint16 7');
    expect((detachedMetadata?.['note'] as Variant).type).toBe('s');
    expect(JSON.parse(JSON.stringify(await repo.readCommit('main', { variants: true })))).toMatchObject({
      metadata: { n: 7 },
    });
  });

  it('tells the sizes of objects, and leaves their packed form out of the metadata', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: 'x'.repeat(5000) }, '--generate-sizes');
    await using repo = await Repo.open(cli.path);
    const commit = await repo.readCommit('main');
    expect(commit.metadata).not.toHaveProperty('ostree.sizes');
    const sizes = commit.sizes ?? [];
    expect(sizes.map((size) => size.type).sort()).toEqual(['dirmeta', 'dirtree', 'file']);
    const file = sizes.find((size) => size.type === 'file');
    expect(file).toMatchObject({ unpacked: 5000, checksum: (await repo.stat('main', '/a')).checksum });
    expect(file?.archived).toBeLessThan(200);
    expect(JSON.parse(JSON.stringify(commit))).toMatchObject({ sizes });
    expect(Object.keys((await repo.readCommit('main', { variants: true })).metadata)).toContain(
      'ostree.sizes',
    );
  });

  it('tells the states of a commit apart', async () => {
    const cli = await cliRepo();
    const checksum = await cli.commit('main', { a: '1' });
    await using repo = await Repo.open(cli.path);
    await writeFile(join(cli.path, 'state', `${checksum}.commitpartial`), '');
    expect((await repo.readCommit('main')).state).toBe('partial');
    await writeFile(join(cli.path, 'state', `${checksum}.commitpartial`), 'f');
    expect((await repo.readCommit('main')).state).toBe('fsck-partial');
  });

  it('rejects with NOT_FOUND, naming the rev or the object', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.readCommit('nope')).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'nope' });
    const checksum = 'a'.repeat(64);
    await expect(repo.readCommit(checksum)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum,
      ref: checksum,
    });
  });

  it('refuses bad arguments, a closed repository and an aborted signal', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    const repo = await Repo.open(cli.path);
    await expect(repo.readCommit('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    await expect(repo.readCommit(1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(repo.readCommit('main', null as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(repo.readCommit('main', { variants: 1 as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    const reason = new Error('enough');
    await expect(repo.readCommit('main', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await repo.close();
    await expect(repo.readCommit('main')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('log', () => {
  it('goes from a commit to its first ancestor, in batches', async () => {
    const cli = await cliRepo();
    const contents = await forgeTree(cli.path, {});
    const commits = [await forgeCommit(cli.path, 'main', { contents })];
    for (let timestamp = 1; timestamp < 150; timestamp++) {
      commits.unshift(await forgeCommit(cli.path, 'main', { contents, parent: commits[0]!, timestamp }));
    }
    await using repo = await Repo.open(cli.path);
    const log = await gather(repo.log('main'));
    expect(log.map((commit) => commit.checksum)).toEqual(commits);
    expect(log[0]).toEqual(await repo.readCommit('main'));
    expect((await gather(repo.log('main', { limit: 3 }))).map((commit) => commit.checksum)).toEqual(
      commits.slice(0, 3),
    );
    expect(await gather(repo.log('main', { limit: 0 }))).toEqual([]);
    expect((await gather(repo.log('main^'))).length).toBe(149);
  });

  it('ends where the history that was pulled ends', async () => {
    const cli = await cliRepo();
    const first = await cli.commit('main', { a: '1' });
    const second = await cli.commit('main', { a: '2' });
    const path = await copyRepo(cli.path);
    await rm(objectFile(path, first, 'commit'));
    await using repo = await Repo.open(path);
    expect((await gather(repo.log('main'))).map((commit) => commit.checksum)).toEqual([second]);
    await expect(gather(repo.log(first))).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: first });
  });

  it('throws for bad arguments at once, rejects for the rest on next()', async () => {
    const cli = await cliRepo();
    const repo = await Repo.open(cli.path);
    expect(() => repo.log(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => repo.log('main', { limit: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
    expect(() => repo.log('main', { signal: 'x' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    const log = repo.log('nope');
    await expect(log.next()).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'nope' });
    await repo.close();
    await expect(repo.log('main').next()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('ends on abort and on close, also within a batch', async () => {
    const cli = await cliRepo();
    for (const a of ['1', '2', '3']) await cli.commit('main', { a });
    const repo = await Repo.open(cli.path);
    const controller = new AbortController();
    const log = repo.log('main', { signal: controller.signal });
    await log.next();
    controller.abort(new Error('enough'));
    await expect(log.next()).rejects.toThrow('enough');
    const other = repo.log('main');
    await other.next();
    await repo.close();
    await expect(other.next()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
