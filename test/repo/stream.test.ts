import { readdirSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';

const SIZE = 3 * 1024 * 1024 + 123;
const content = Buffer.alloc(SIZE);
for (let i = 0; i < SIZE; i++) content[i] = (i * 31 + (i >> 8)) & 0xff;

async function bigRepo(mode = 'archive') {
  const cli = await cliRepo(mode);
  await cli.commit('main', { big: content, empty: '', 'dir/file': 'x' });
  return await Repo.open(cli.path);
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const descriptors = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;

describe.each(['archive', 'bare', 'bare-user', 'bare-user-only'])('createReadStream in mode %s', (mode) => {
  it('reads whole files and ranges, both ends included', async () => {
    await using repo = await bigRepo(mode);
    expect((await read(repo.createReadStream('main', '/big'))).equals(content)).toBe(true);
    expect(await read(repo.createReadStream('main', '/empty'))).toEqual(Buffer.alloc(0));
    for (const [start, end] of [
      [0, 0],
      [0, SIZE - 1],
      [5, 5],
      [1_000_000, 2_500_000],
      [SIZE - 3, SIZE + 100],
    ] as const) {
      const part = await read(repo.createReadStream('main', '/big', { start, end }));
      expect(part.equals(content.subarray(start, end + 1)), `${start}-${end}`).toBe(true);
    }
    expect(
      (await read(repo.createReadStream('main', '/big', { start: SIZE - 10 }))).equals(content.subarray(-10)),
    ).toBe(true);
    expect(await read(repo.createReadStream('main', '/big', { start: SIZE }))).toEqual(Buffer.alloc(0));
    expect(await read(repo.createReadStream('main', '/big', { start: SIZE + 5, end: SIZE + 7 }))).toEqual(
      Buffer.alloc(0),
    );
  });
});

describe('createReadStream', () => {
  it('reads no further than its consumer asks', async () => {
    await using repo = await bigRepo();
    const stream = repo.createReadStream('main', '/big', { highWaterMark: 1000 });
    const sizes: number[] = [];
    for await (const chunk of stream) {
      sizes.push((chunk as Buffer).length);
      expect(stream.readableLength).toBeLessThanOrEqual(1000);
      if (sizes.length === 5) break;
    }
    expect(sizes).toEqual([1000, 1000, 1000, 1000, 1000]);
    expect(stream.destroyed).toBe(true);
  });

  it('goes through a slow pipeline', async () => {
    await using repo = await bigRepo();
    let size = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        size += chunk.length;
        setImmediate(done);
      },
    });
    await pipeline(repo.createReadStream('main', '/big'), slow);
    expect(size).toBe(SIZE);
  });

  it('holds neither descriptors nor threads until it is read', async () => {
    await using repo = await bigRepo();
    await repo.readFile('main', 'empty');
    const before = { descriptors: descriptors(), threads: threads() };
    const streams = Array.from({ length: 100 }, () => repo.createReadStream('main', '/big'));
    await repo.resolveRev('main');
    expect(descriptors() - before.descriptors).toBeLessThanOrEqual(2);
    expect(threads() - before.threads).toBeLessThanOrEqual(4);
    for (const stream of streams) expect(stream.readableLength).toBe(0);
    expect((await Promise.all(streams.slice(0, 20).map(read))).every((all) => all.equals(content))).toBe(
      true,
    );
    for (const stream of streams) stream.destroy();
    await repo.resolveRev('main');
    expect(descriptors() - before.descriptors).toBeLessThanOrEqual(2);
  });

  it('emits what is wrong with the path', async () => {
    await using repo = await bigRepo();
    await expect(read(repo.createReadStream('main', '/none'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/none',
      ref: 'main',
    });
    await expect(read(repo.createReadStream('main', '/dir'))).rejects.toMatchObject({
      code: 'IS_DIRECTORY',
      path: '/dir',
    });
    await expect(read(repo.createReadStream('nope', '/dir'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'nope',
    });
  });

  it('is destroyed with the reason of its signal', async () => {
    await using repo = await bigRepo();
    const reason = new Error('enough');
    await expect(
      read(repo.createReadStream('main', '/big', { signal: AbortSignal.abort(reason) })),
    ).rejects.toBe(reason);
    const controller = new AbortController();
    const stream = repo.createReadStream('main', '/big', { signal: controller.signal });
    await expect(
      (async () => {
        for await (const _ of stream) controller.abort(reason);
      })(),
    ).rejects.toBe(reason);
    const unread = repo.createReadStream('main', '/big', { signal: controller.signal });
    await expect(read(unread)).rejects.toBe(reason);
  });

  it('is destroyed when the repository is closed, while it is read and unread', async () => {
    const repo = await bigRepo();
    const unread = repo.createReadStream('main', '/big');
    const reading = repo.createReadStream('main', '/big', { highWaterMark: 10 });
    const first = new Promise((resolve) => reading.once('data', resolve));
    const ended = Promise.allSettled([
      read(unread),
      new Promise((_, reject) => reading.once('error', reject)),
    ]);
    await first;
    await repo.close();
    expect(await ended).toMatchObject([
      { status: 'rejected', reason: { code: 'CLOSED' } },
      { status: 'rejected', reason: { code: 'CLOSED' } },
    ]);
    await expect(read(repo.createReadStream('main', '/big'))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('gives up its descriptor when it is destroyed in the middle', async () => {
    await using repo = await bigRepo();
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const stream = repo.createReadStream('main', '/big');
      for await (const _ of stream) break;
    }
    expect(descriptors() - before).toBeLessThanOrEqual(2);
  });

  it('refuses bad arguments at once', async () => {
    await using repo = await bigRepo();
    const value = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }) as Error;
    const type = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }) as Error;
    expect(() => repo.createReadStream('main', '')).toThrow(value);
    expect(() => repo.createReadStream(4 as never, '/')).toThrow(type);
    expect(() => repo.createReadStream('main', '/', null as never)).toThrow(type);
    expect(() => repo.createReadStream('main', '/', { start: -1 })).toThrow(value);
    expect(() => repo.createReadStream('main', '/', { start: 0.5 })).toThrow(value);
    expect(() => repo.createReadStream('main', '/', { start: 5, end: 4 })).toThrow(value);
    expect(() => repo.createReadStream('main', '/', { end: '9' as never })).toThrow(type);
    expect(() => repo.createReadStream('main', '/', { highWaterMark: 0 })).toThrow(value);
    expect(() => repo.createReadStream('main', '/', { signal: 1 as never })).toThrow(type);
  });
});
