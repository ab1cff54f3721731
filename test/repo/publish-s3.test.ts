import { randomBytes } from 'node:crypto';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type AwsS3Client, OstreeError, type S3Adapter, s3Adapter } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { listen, objectCount, sample, servedFiles } from '../support/publish.js';
import { cliRepo } from '../support/repo.js';
import { swift, swiftMissing } from '../support/swift.js';

if (swiftMissing) console.warn(`Publishing to a real store is not tested: there is no ${swiftMissing}`);

interface Bucket {
  s3: Required<S3Adapter>;
  files: Map<string, Buffer>;
  /** `put KEY`, `delete KEY`, in their order. */
  log: string[];
  headers: Map<string, string>;
}

/** A bucket in memory. */
function bucket(): Bucket {
  const files = new Map<string, Buffer>();
  const log: string[] = [];
  const headers = new Map<string, string>();
  const s3: Required<S3Adapter> = {
    async head(key) {
      const file = files.get(key);
      return file ? { size: file.length } : null;
    },
    async get(key) {
      return files.get(key) ?? null;
    },
    async put(key, content, { size, cacheControl }) {
      const chunks: Uint8Array[] = [];
      if (content instanceof Uint8Array) chunks.push(content);
      else for await (const chunk of content) chunks.push(chunk as Buffer);
      const data = Buffer.concat(chunks);
      expect(data).toHaveLength(size);
      log.push(`put ${key}`);
      files.set(key, data);
      headers.set(key, cacheControl);
    },
    async delete(key) {
      log.push(`delete ${key}`);
      files.delete(key);
    },
    async *list(prefix) {
      for (const key of [...files.keys()]) if (key.startsWith(prefix)) yield key;
    },
    mayHelp: () => false,
  };
  return { s3, files, log, headers };
}

function contentOf(files: Map<string, Buffer>, prefix = ''): Record<string, string> {
  const served = [...files].filter(([key]) => key !== `${prefix}config`);
  return Object.fromEntries(
    served.map(([key, data]): [string, string] => [key.slice(prefix.length), data.toString('base64')]).sort(),
  );
}

describe('publish into a bucket', () => {
  it('puts everything in order, with headers for caches', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.setDetachedMetadata('os/main', { note: 'note' });
    await repo.summary.regenerate();
    const { s3, files, log, headers } = bucket();
    const result = await repo.publish({ s3, prefix: 'os/repo' }, { concurrency: 1 });
    expect(contentOf(files, 'os/repo/')).toEqual(await servedFiles(cli.path));
    expect(result).toMatchObject({ objects: objectCount(await servedFiles(cli.path)), summary: true });
    const kinds = log.map((line) =>
      /\.(filez|dir|commitmeta|commit)|\/(deltas|delta-indexes|config|refs|summary)/
        .exec(line)
        ?.slice(1)
        .find(Boolean),
    );
    expect(kinds.filter((kind, i) => kind !== kinds[i - 1])).toEqual([
      'filez', 'dir', 'commitmeta', 'commit', 'deltas', 'delta-indexes', 'config', 'refs', 'summary',
    ]); // prettier-ignore
    expect(log.findLast((line) => line.includes('/deltas/'))).toMatch(/superblock$/);
    for (const [key, cache] of headers)
      expect({ key, immutable: cache.includes('immutable') }).toEqual({
        key,
        immutable: /\.(filez|dirtree|dirmeta|commit)$|\/deltas\//.test(key),
      });
    log.length = 0;
    expect(await repo.publish({ s3, prefix: 'os/repo/' })).toMatchObject({
      objects: 0,
      bytes: 0,
      refs: [{ old: commits[1] }, {}],
    });
    expect(log).toEqual([]);
  });

  it('asks only for what may be missing', async () => {
    const { cli, repo } = await sample();
    const { s3, files } = bucket();
    await repo.publish({ s3 });
    await cli.commit('os/main', { one: 'one', two: 'two' });
    const asked: string[] = [];
    const asking: S3Adapter = {
      ...s3,
      head: async (key, options) => (asked.push(key), await s3.head(key, options)),
    };
    expect(await repo.publish({ s3: asking })).toMatchObject({ objects: 4 });
    // Three commits of one ref and one of the other, the new objects, config.
    expect(asked.length).toBeLessThan(12);
    expect(contentOf(files)).toEqual(await servedFiles(cli.path));
  });

  it('does with head, put and delete alone', async () => {
    const { cli, repo } = await sample();
    await repo.summary.regenerate();
    const { s3, files, log } = bucket();
    const { head, put, delete: remove } = s3;
    const least = { head, put, delete: remove };
    await repo.publish({ s3: least });
    expect(contentOf(files)).toEqual(await servedFiles(cli.path));
    log.length = 0;
    expect(await repo.publish({ s3: least })).toMatchObject({
      objects: 0,
      refs: [{ old: null }, { old: null }],
    });
    expect(log.every((line) => /refs|summary|delta-indexes/.test(line))).toBe(true);
    await expect(repo.publish({ s3: least }, { prune: true })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    });
  });

  it('deletes what is no longer here, if asked to', async () => {
    const { cli, repo } = await sample();
    const { s3, files, log } = bucket();
    await repo.publish({ s3, prefix: 'x' });
    files.set('other', Buffer.from('not ours'));
    await cli.ostree('refs', '--delete', 'os/main');
    await cli.ostree('prune', '--refs-only', '--depth=0');
    log.length = 0;
    const { pruned } = await repo.publish({ s3, prefix: 'x' }, { prune: true });
    expect(pruned.refs).toEqual(['os/main']);
    expect(files.delete('other')).toBe(true);
    expect(contentOf(files, 'x/')).toEqual(await servedFiles(cli.path));
    expect(log[0]).toBe('delete x/refs/heads/os/main');
    expect(log[1]).toMatch(/\.commit$/);
    expect(log.at(-1)).toMatch(/\.filez$/);
  });

  it('tries again what may pass, and only that', async () => {
    const { cli, repo } = await sample();
    const { s3, files } = bucket();
    let failures = 0;
    const flaky: S3Adapter = {
      ...s3,
      async put(key, content, options) {
        if (failures++ % 2 === 0) throw new OstreeError('NETWORK', 'gone for a moment');
        await s3.put(key, content, options);
      },
    };
    await expect(repo.publish({ s3: flaky })).rejects.toMatchObject({ code: 'NETWORK' });
    await repo.publish({ s3: { ...flaky, mayHelp: (error) => OstreeError.is(error, 'NETWORK') } });
    expect(contentOf(files)).toEqual(await servedFiles(cli.path));
    const controller = new AbortController();
    const reason = new Error('enough');
    const stalled: S3Adapter = { ...s3, put: async () => controller.abort(reason) };
    await cli.commit('os/main', { next: 'next' });
    await expect(repo.publish({ s3: stalled }, { signal: controller.signal })).rejects.toBe(reason);
  });

  it('refuses bad arguments', async () => {
    const { repo } = await sample();
    const { s3 } = bucket();
    for (const to of [
      { s3: 1 },
      { s3: {} },
      { s3: { ...s3, put: 1 } },
      { s3: { ...s3, get: 1 } },
      { s3, prefix: 1 },
    ])
      await expect(repo.publish(to as never)).rejects.toEqual(typeError(/./));
    for (const to of [
      { s3, prefix: '/x' },
      { s3, bucket: 'x' },
    ])
      await expect(repo.publish(to as never)).rejects.toEqual(rangeError(/./));
    const client = { send: async () => ({}) };
    for (const [made, options] of [
      [null, {}],
      [{}, { bucket: 'x' }],
      [client, null],
      [client, {}],
    ])
      expect(() => s3Adapter(made as AwsS3Client, options as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    expect(() => s3Adapter(client, { bucket: '' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('s3Adapter', () => {
  it('tells what went wrong', async () => {
    const failing = (name: string, status?: number) =>
      s3Adapter(
        {
          send: () =>
            Promise.reject(Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: status } })),
        },
        { bucket: 'b' },
      );
    const put = (adapter: S3Adapter) =>
      adapter.put('k', Buffer.from('x'), { size: 1, contentType: 'x', cacheControl: 'y' });
    expect(await failing('NotFound', 404).head('k', {})).toBeNull();
    expect(await failing('NoSuchKey', 404).get?.('k', {})).toBeNull();
    await failing('NoSuchKey', 404).delete('k', {});
    await expect(put(failing('NoSuchBucket', 404))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(put(failing('AccessDenied', 403))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      path: 'k',
    });
    await expect(put(failing('SlowDown', 503))).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(put(failing('TimeoutError'))).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(put(failing('EntityTooLarge', 400))).rejects.toMatchObject({
      code: 'HTTP',
      details: { status: 400, url: 's3://b/k' },
    });
  });

  it.skipIf(swiftMissing)(
    'publishes to a real store, from which others pull',
    { timeout: 120_000 },
    async () => {
      const { endpoint, credentials } = await swift();
      const client = new S3Client({
        endpoint,
        credentials,
        region: 'us-east-1',
        forcePathStyle: true,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      });
      onTestFinished(() => client.destroy());
      await client.send(new CreateBucketCommand({ Bucket: 'repo' }));
      const { cli, repo } = await sample();
      const first = await cli.commit('os/main', { large: randomBytes(9 << 20), small: 'small' });
      await repo.deltas.generate({ from: null, to: first });
      await repo.summary.regenerate();
      const s3 = s3Adapter(client, { bucket: 'repo' });
      const result = await repo.publish({ s3, prefix: 'a b/repo' });
      expect(result.objects).toBe(objectCount(await servedFiles(cli.path)));
      const stored = async () => {
        const files = new Map<string, Buffer>();
        for await (const key of s3.list?.('', {}) ?? [])
          files.set(key, Buffer.from((await s3.get?.(key, {})) ?? []));
        return contentOf(files, 'a b/repo/');
      };
      expect(await stored()).toEqual(await servedFiles(cli.path));
      expect(await repo.publish({ s3, prefix: 'a b/repo' })).toMatchObject({ objects: 0, bytes: 0 });
      // As a CDN in front of the bucket.
      const { url } = await listen((req, res) => {
        void s3
          .get?.(`a b/repo${decodeURIComponent(req.url ?? '')}`, {})
          .then((data) => (data ? res.end(data) : res.writeHead(404).end()));
      });
      const one = await cliRepo('bare-user');
      await one.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
      await one.ostree('pull', 'origin', 'os/main');
      expect(await one.ostree('rev-parse', 'origin:os/main')).toBe(first);
      await one.ostree('fsck');
      await cli.ostree('refs', '--delete', 'os/main');
      await cli.ostree('prune', '--refs-only', '--depth=0');
      await repo.summary.regenerate();
      const { pruned } = await repo.publish({ s3, prefix: 'a b/repo' }, { prune: true });
      expect(pruned).toMatchObject({ refs: ['os/main'], deltas: 1 });
      expect(await stored()).toEqual(await servedFiles(cli.path));
    },
  );
});
