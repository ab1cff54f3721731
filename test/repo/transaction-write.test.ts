import { createReadStream } from 'node:fs';
import { chmod, mkdir, readdir, symlink, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { type ObjectName, Repo, type RepoMode, type Transaction } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliFsck, checksumsAt, copyRepo, objectFile } from '../support/objects.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { isRoot, needsRoot } from '../support/trees.js';

const MODES: RepoMode[] = ['archive', 'bare', 'bare-user', 'bare-user-only'];
const NONE = 'f'.repeat(64);

/** More than one chunk of any kind. */
const LARGE = Buffer.alloc(3_500_001, 'large ');

async function* chunks(data: Buffer, size = 100_000): AsyncGenerator<Buffer> {
  const reused = Buffer.alloc(size); // as a reader of files would
  for (let at = 0; at < data.length; at += size) {
    const length = data.copy(reused, 0, at, at + size);
    yield reused.subarray(0, length);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function writeSample(txn: Transaction, owner: { uid?: number; gid?: number } = {}): Promise<string> {
  const text = await txn.writeFile('text', { mode: 0o755, ...owner });
  const large = await txn.writeFile(Readable.from(chunks(LARGE)), owner);
  const metadata = await txn.writeDirMeta({ mode: 0o700, ...owner });
  return await txn.writeTree({
    text,
    large,
    same: await txn.writeFile(LARGE, owner),
    empty: await txn.writeFile('', owner),
    link: await txn.writeSymlink('größe 猫', owner),
    dir: {
      metadata,
      contents: { generated: await txn.writeFile(chunks(LARGE), owner), sub: { contents: {} } },
    },
  });
}

async function onDisk(repo: string): Promise<string[]> {
  const names = await readdir(join(repo, 'objects'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

describe.each(MODES)('single objects in mode %s', (mode) => {
  it('make the commit that the command makes of the same files', async () => {
    const dir = await temporaryDirectory();
    await writeTree(dir, { text: 'text', large: LARGE, same: LARGE, empty: '', 'dir/generated': LARGE });
    await chmod(join(dir, 'text'), 0o755);
    await chmod(dir, 0o755);
    await mkdir(join(dir, 'dir/sub'));
    await chmod(join(dir, 'dir'), 0o700);
    await symlink('größe 猫', join(dir, 'link'));
    const theirs = await cliRepo(mode);
    await theirs.ostree('commit', '--branch=main', `--tree=dir=${dir}`);

    const ours = await cliRepo(mode);
    await using repo = await Repo.open(ours.path);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await repo.transaction(async (txn) => {
      const contents = await writeSample(txn, owner);
      const metadata = await txn.writeDirMeta(owner);
      const { checksum } = await txn.commit({ tree: { contents, metadata } });
      await txn.setRef('main', checksum);
    });
    const list = (cli: typeof ours) => cli.ostree('ls', '-R', '-C', '-X', 'main');
    expect(await list(ours)).toBe(await list(theirs));
    expect(await cliFsck(ours.path)).toBe(true);
  });

  it('are seen by their transaction only, and go with it', async () => {
    const cli = await cliRepo(mode);
    await using repo = await Repo.open(cli.path);
    const txn = await repo.begin();
    const contents = await writeSample(txn);
    const metadata = await txn.writeDirMeta();
    const commit = await txn.commit({ tree: { contents, metadata, prefix: 'usr' }, subject: 'own' });
    const name: ObjectName = { type: 'dirtree', checksum: contents };
    expect(await txn.hasObject(name)).toBe(true);
    expect(await repo.hasObject(name)).toBe(false);
    expect(await txn.resolveRev(commit.checksum)).toBe(commit.checksum);
    expect(await txn.readCommit(commit.checksum)).toMatchObject({ subject: 'own' });
    expect(await txn.readFile(commit.checksum, '/usr/text', 'utf8')).toBe('text');
    expect((await txn.readFile(commit.checksum, '/usr/dir/generated')).equals(LARGE)).toBe(true);
    expect(await txn.repo.readObject(name)).toMatchObject({ type: 'dirtree' });
    expect(await txn.repo.readlink(commit.checksum, '/usr/link')).toBe('größe 猫');
    const [, entry] = (await txn.repo.readdir(commit.checksum, '/usr')).map(({ checksum }) => checksum);
    const large = await txn.repo.readObject({ type: 'file', checksum: entry ?? '' });
    expect('content' in large && large.content?.equals(LARGE)).toBe(true);
    await txn.abort();
    expect(await onDisk(cli.path)).toEqual([]);
  });
});

describe('writeFile', () => {
  it('counts what it wrote, and writes nothing twice', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const first = await txn.writeFile('twice');
    expect(await txn.writeFile(Buffer.from('twice'), { mode: 0o100644 })).toBe(first);
    expect(txn.stats).toEqual({
      contentObjects: 2,
      contentWritten: 1,
      bytesWritten: 5,
      metadataWritten: 0,
      cacheHits: 0,
    });
    expect(await txn.commitTransaction()).toEqual(txn.stats);
  });

  it.skipIf(needsRoot)(`writes owners and extended attributes${needsRoot}`, async () => {
    const cli = await cliRepo('bare');
    await using repo = await Repo.open(cli.path);
    const xattrs = {
      'user.b': Buffer.from('2'),
      'user.a': Buffer.from([0, 255]),
      'user.empty': Buffer.alloc(0),
    };
    const checksum = await repo.transaction((txn) =>
      txn.writeFile('x', { uid: 12, gid: 34, mode: 0o4711, xattrs }),
    );
    expect(await repo.readObject({ type: 'file', checksum })).toMatchObject({
      uid: 12,
      gid: 34,
      mode: 0o104711,
      xattrs: { 'user.a': Buffer.from([0, 255]), 'user.b': Buffer.from('2') },
    });
  });

  it('forgets in a bare-user-only repository what that cannot keep', async () => {
    const cli = await cliRepo('bare-user-only');
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      const options = { uid: 12, gid: 34, mode: 0o4777, xattrs: { 'user.a': Buffer.from('1') } };
      const contents = await txn.writeTree({ file: await txn.writeFile('x', options) });
      const { checksum } = await txn.commit({
        tree: { contents, metadata: await txn.writeDirMeta(options) },
      });
      await txn.setRef('main', checksum);
    });
    expect(await repo.stat('main', '/file')).toMatchObject({ uid: 0, gid: 0, mode: 0o100755 });
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it('rejects with the error of a stream, and writes nothing', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const error = new Error('broken');
    const broken = async function* () {
      yield 'some';
      throw error;
    };
    await expect(txn.writeFile(broken())).rejects.toBe(error);
    await expect(txn.writeFile(Readable.from(broken()))).rejects.toBe(error);
    const numbers = Readable.from([1, 2]) as AsyncIterable<string>;
    await expect(txn.writeFile(numbers)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(txn.stats.contentObjects).toBe(0);
    await txn.writeFile('still open');
  });

  it('rejects a stream that ends before its end, or was read before', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const early = new Readable({ read() {} });
    early.push('some');
    const writing = txn.writeFile(early);
    setImmediate(() => early.destroy());
    const premature = { code: 'ERR_STREAM_PREMATURE_CLOSE' };
    await expect(writing).rejects.toMatchObject(premature);
    await expect(txn.writeFile(Readable.from(['x']).destroy())).rejects.toMatchObject(premature);
    const ended = Readable.from(['x']);
    await ended.toArray();
    await expect(txn.writeFile(ended)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(txn.stats.contentObjects).toBe(0);
  });

  it('reads a web stream, and cancels it when aborted', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const text = new Blob(['some ', 'text']).stream();
    expect(await txn.writeFile(text)).toBe(await txn.writeFile('some text'));
    const controller = new AbortController();
    let cancelled = 0;
    const never = new ReadableStream<string>({ cancel: () => void cancelled++ });
    const writing = txn.writeFile(never, { signal: controller.signal });
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(writing).rejects.toThrow('enough');
    expect(cancelled).toBe(1);
    await expect(txn.writeFile(never)).rejects.toThrow(TypeError); // it is locked
  });

  it('is aborted while it waits for a stream, which is destroyed', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const stream = new Readable({ read() {} });
    stream.push('some');
    const controller = new AbortController();
    const reason = new Error('enough');
    const writing = txn.writeFile(stream, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(writing).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
    await expect(txn.writeFile('x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a transaction is a queue', () => {
  /** A stream that yields once `more` was called. */
  function later(): { stream: Readable; more: () => void } {
    const stream = new Readable({ read() {} });
    return { stream, more: () => stream.push('late') && stream.push(null) };
  }

  it('and no call overtakes one that waits for a stream', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const known = await repo.transaction((txn) => txn.writeFile('late'));
    await repo.deleteObject({ type: 'file', checksum: known });
    const { stream, more } = later();
    await repo.transaction(async (txn) => {
      const ends: string[] = [];
      const calls = [
        txn.writeFile(stream).then(() => ends.push('file')),
        txn.writeTree({ known }).then(() => ends.push('tree')), // fails without the file
        txn.setRef('main', null).then(() => ends.push('ref')),
      ];
      expect(await Promise.race([...calls, repo.listRefs()])).toEqual([]);
      more();
      await Promise.all(calls);
      expect(ends).toEqual(['file', 'tree', 'ref']);
    });
    expect(await repo.hasObject({ type: 'file', checksum: known })).toBe(true);
  });

  it('the end of which waits for what was called before', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const { stream, more } = later();
    const txn = await repo.begin();
    const writing = txn.writeFile(stream);
    const ending = txn.commitTransaction();
    setImmediate(more);
    expect(await ending).toMatchObject({ contentWritten: 1 });
    expect(await repo.hasObject({ type: 'file', checksum: await writing })).toBe(true);
  });

  it('in which what a stream itself calls does not wait for the stream', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.transaction(async (txn) => {
      const outer = await txn.writeFile(
        (async function* () {
          yield await txn.writeFile('inner');
          await txn.setRef('missing', null);
        })(),
      );
      const inner = await txn.writeFile('inner');
      expect(await txn.writeFile(inner)).toBe(outer);
    });
  });

  it('which abort() ends, whatever it waits for', async () => {
    const cli = await cliRepo();
    const repo = await Repo.open(cli.path);
    const cancelled = { code: 'CANCELLED' };
    for (const end of [(txn: Transaction) => txn.abort(), () => repo.close()]) {
      const txn = await repo.begin();
      const streams = [later().stream, later().stream];
      const calls = [...streams.map((stream) => txn.writeFile(stream)), txn.writeTree({})];
      const settled = Promise.allSettled(calls);
      await end(txn);
      for (const { reason } of (await settled) as PromiseRejectedResult[])
        expect(reason).toMatchObject(cancelled);
      expect(streams.every((stream) => stream.destroyed)).toBe(true);
    }
    await repo.close();
    expect(await onDisk(cli.path)).toEqual([]);
  });

  it('many of which read their streams at the same time', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const streams = Array.from({ length: 40 }, later); // more than there may be threads
    const txns = await Promise.all(streams.map(() => repo.begin()));
    const writing = txns.map((txn, i) => txn.writeFile(streams[i]?.stream ?? ''));
    await repo.transaction((txn) => txn.writeFile('meanwhile'));
    for (const { more } of streams) more();
    const [checksum, ...others] = await Promise.all(writing);
    expect(new Set(others)).toEqual(new Set([checksum]));
    await Promise.all(txns.map((txn) => txn.abort()));
  });

  it('whose streams may fail before their turn', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const { stream, more } = later();
    const first = txn.writeFile(stream);
    const missing = createReadStream(join(cli.path, 'missing'));
    const second = txn.writeFile(missing);
    const unread = later().stream;
    const controller = new AbortController();
    const third = txn.writeFile(unread, { signal: controller.signal });
    await new Promise<void>((resolve) => missing.on('close', () => resolve()));
    controller.abort();
    await expect(third).rejects.toMatchObject({ name: 'AbortError' });
    expect(unread.destroyed).toBe(true);
    more();
    await first;
    await expect(second).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('and an iterator hears that no more is wanted of it', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const heard: string[] = [];
    const iterable = (name: string, next: () => unknown, answer: () => unknown = () => ({})) =>
      ({
        [Symbol.asyncIterator]: () => ({
          next,
          return: () => {
            heard.push(name);
            return answer();
          },
        }),
      }) as AsyncIterable<string>;
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const bad = () => ({ value: 5, done: false });
    await expect(txn.writeFile(iterable('bad', bad))).rejects.toMatchObject(type);
    const throws = () => {
      throw new Error('return');
    };
    await expect(txn.writeFile(iterable('throws', bad, throws))).rejects.toMatchObject(type);
    const never = () => new Promise(() => {});
    for (const answer of [never, throws]) {
      const controller = new AbortController();
      const signal = controller.signal;
      const writing = txn.writeFile(iterable('never', never, answer), { signal });
      setImmediate(() => controller.abort(new Error('enough')));
      await expect(writing).rejects.toThrow('enough');
    }
    const nothing = txn.writeFile(iterable('nothing', () => undefined));
    await expect(nothing).rejects.toThrow(TypeError);
    const names = iterable('names', () => ({ value: 'zz', done: false })) as AsyncIterable<never>;
    await using other = await Repo.open(cli.path);
    await expect(txn.importFrom(other, names)).rejects.toMatchObject(type);
    expect(heard).toEqual(['bad', 'throws', 'never', 'never', 'nothing', 'names']);
    expect(await txn.writeFile(iterable('ends', () => ({ done: true })))).toBe(await txn.writeFile(''));
  });
});

describe('writeTree', () => {
  it('refuses what is not there', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const contents = await txn.writeTree({});
    const missing = { code: 'NOT_FOUND', checksum: NONE };
    await expect(txn.writeTree({ a: NONE })).rejects.toMatchObject({ ...missing, path: 'a' });
    await expect(txn.writeTree({ a: { contents: NONE } })).rejects.toMatchObject(missing);
    await expect(txn.writeTree({ a: { contents, metadata: NONE } })).rejects.toMatchObject(missing);
    await expect(txn.writeTree({ a: contents })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum: contents,
    });
    await expect(txn.commit({ tree: { contents, metadata: NONE } })).rejects.toMatchObject(missing);
    await expect(txn.commit({ tree: { contents: NONE, metadata: NONE } })).rejects.toMatchObject(missing);
  });

  it('sorts its entries by bytes, whatever their order', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const file = await txn.writeFile('');
    const names = ['b', 'a', '10', '9', 'ä', '__proto__x', 'Z', '𐀀', '\uffee'];
    const checksum = await txn.writeTree(Object.fromEntries(names.map((name) => [name, file])));
    const object = await txn.repo.readObject({ type: 'dirtree', checksum });
    expect('files' in object && object.files.map(({ name }) => name)).toEqual(
      names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });
});

describe('importFrom', () => {
  const pairs = MODES.flatMap((from) => MODES.map((to) => [from, to] as const)).filter(
    ([from, to]) => to !== 'bare-user-only' || isRoot || from === to,
  );

  it.each(pairs)('copies a commit from %s to %s', async (from, to) => {
    const source = await cliRepo(from);
    const files = { a: 'one', 'dir/b': 'two', large: LARGE };
    const commit = await source.commit('main', files, '--canonical-permissions');
    const cli = await cliRepo(to);
    await using other = await Repo.open(source.path);
    await other.setDetachedMetadata('main', { a: 'b' });
    await using repo = await Repo.open(cli.path);
    for (const trusted of [false, true]) {
      const imported = await repo.transaction(async (txn) => {
        const count = await txn.importFrom(other, other.reachable('main'), { trusted });
        await txn.setRef('main', commit);
        return count;
      });
      expect(imported).toBe(trusted ? 0 : 7);
    }
    expect(await repo.readFile('main', '/dir/b', 'utf8')).toBe('two');
    expect((await repo.readCommit('main')).detachedMetadata).toEqual({ a: 'b' });
    expect(await cliFsck(cli.path)).toBe(true);
  });

  it.each(['archive', 'bare-user'] as const)(
    'rejects with CORRUPT what is damaged, into mode %s',
    async (mode) => {
      const source = await cliRepo('archive');
      await source.commit('main', { a: 'some content' });
      const cli = await cliRepo(mode);
      await using repo = await Repo.open(cli.path);
      const [file = ''] = await checksumsAt(source.path, 'main', '/a');
      const [dirtree = '', dirmeta = ''] = await checksumsAt(source.path, 'main', '/');
      for (const { type, checksum } of [
        { type: 'file', checksum: file },
        { type: 'dirtree', checksum: dirtree },
        { type: 'dirmeta', checksum: dirmeta },
        { type: 'commit', checksum: await source.ostree('rev-parse', 'main') },
      ] as ObjectName[]) {
        const path = await copyRepo(source.path);
        await using damaged = await Repo.open(path);
        await truncate(objectFile(path, checksum, type === 'file' ? 'filez' : type), 40);
        await using txn = await repo.begin();
        await expect(txn.importFrom(damaged, [{ type, checksum }]), type).rejects.toMatchObject({
          code: 'CORRUPT',
          checksum,
        });
      }
    },
  );

  it.skipIf(needsRoot)(`refuses what a bare-user-only repository cannot keep${needsRoot}`, async () => {
    const source = await cliRepo('archive');
    await source.commit('main', { a: '1' }, '--owner-uid=7');
    const cli = await cliRepo('bare-user-only');
    await using other = await Repo.open(source.path);
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    await expect(txn.importFrom(other, other.reachable('main'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('fails with its code', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using other = await Repo.open((await cliRepo()).path);
    await using txn = await repo.begin();
    const names: ObjectName[] = [{ type: 'file', checksum: NONE }];
    await expect(txn.importFrom(other, names)).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: NONE });
    await expect(txn.importFrom(txn.repo, names)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(txn.importFrom(other, [{ type: 'commitmeta', checksum: NONE }])).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(txn.importFrom(other, 5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(txn.importFrom({} as never, names)).rejects.toThrow(TypeError);
    const reason = new Error('enough');
    await expect(txn.importFrom(other, names, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('bad arguments', () => {
  it('are refused, and calls once the transaction has ended', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const txn = await repo.begin();
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    for (const bad of [undefined, null, 5, {}] as never[])
      await expect(txn.writeFile(bad)).rejects.toMatchObject(type);
    for (const bad of [
      { mode: -1 },
      { mode: 0o40755 },
      { uid: 2 ** 32 - 1 },
      { gid: 1.5 },
      { xattrs: { 'user.ostreemeta': Buffer.alloc(1) } },
      { xattrs: { '': Buffer.alloc(1) } },
      { xattrs: { 'user.a\0': Buffer.alloc(1) } },
      { xattrs: { 'user.a': Buffer.alloc(70_000) } },
    ])
      await expect(txn.writeFile('', bad), JSON.stringify(bad)).rejects.toMatchObject(value);
    await expect(txn.writeFile('', { xattrs: { 'user.a': 'text' } as never })).rejects.toMatchObject(type);
    await expect(txn.writeFile('', 5 as never)).rejects.toMatchObject(type);
    for (const bad of ['', 'a\0b', 'x'.repeat(4096), '\ud800'])
      await expect(txn.writeSymlink(bad)).rejects.toMatchObject(value);
    await expect(txn.writeSymlink(5 as never)).rejects.toMatchObject(type);
    await expect(txn.writeDirMeta({ mode: 0o100755 })).rejects.toMatchObject(value);
    const file = await txn.writeFile('');
    for (const bad of ['', '.', '..', 'a/b', 'a\0b', '\udfff', 'x'.repeat(256)])
      await expect(txn.writeTree({ [bad]: file }), bad).rejects.toMatchObject(value);
    await expect(txn.writeTree({ a: 'zz' })).rejects.toMatchObject(value);
    await expect(txn.writeTree({ a: { contents: {}, metadata: 'zz' } })).rejects.toMatchObject(value);
    await expect(txn.writeTree({ a: {} as never })).rejects.toMatchObject(type);
    await expect(txn.writeTree([] as never)).rejects.toMatchObject(type);
    const loop: { a: { contents: object } } = { a: { contents: {} } };
    loop.a.contents = loop;
    await expect(txn.writeTree(loop as never)).rejects.toMatchObject(value);
    await txn.abort();
    await expect(txn.writeFile('')).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(txn.writeTree({})).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(txn.hasObject({ type: 'file', checksum: NONE })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
