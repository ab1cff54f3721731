import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';

import {
  createRepoHandler,
  createRepoReceiver,
  type ReceiverAction,
  Repo,
  type RepoReceiverOptions,
  Variant,
} from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { gpgKey } from '../support/gpg.js';
import { cliFsck, copyRepo, objectFile } from '../support/objects.js';
import { listen, objectCount, sample, servedFiles } from '../support/publish.js';
import { type CliRepo, cliRepo, ostree } from '../support/repo.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ID = 'a'.repeat(64);

interface Target {
  path: string;
  repo: Repo;
  url: string;
  port: number;
  requests: string[];
}

async function target(options: Partial<RepoReceiverOptions> = {}): Promise<Target> {
  const { path } = await cliRepo('archive');
  const repo = await Repo.open(path);
  onTestFinished(() => repo.close());
  const receiver = createRepoReceiver(repo, { authorize: () => true, ...options });
  const handler = createRepoHandler(repo);
  const requests: string[] = [];
  const listener: RequestListener = (req, res) => {
    requests.push(`${req.method} ${req.url}`);
    if (req.url?.startsWith('/publish/')) receiver(req, res);
    else handler(req, res);
  };
  return { path, repo, requests, ...(await listen(listener)) };
}

/** What must be as it was after an attack. */
async function stateOf(path: string): Promise<unknown> {
  expect(await cliFsck(await copyRepo(path))).toBe(true);
  return await servedFiles(path);
}

/** Says something to a receiver by hand. */
async function say(
  url: string,
  method: string,
  what: string,
  body: Uint8Array | object | string = {},
  headers: Record<string, string> = {},
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const data = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${url}/publish/1/${ID}${what}`, { method, body: Buffer.from(data), headers });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

const objectUrl = (checksum: string, type: string) =>
  `/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.${type}`;

/** Uploads every object of a repository, but for those that `change` turns to null. */
async function uploadAll(
  url: string,
  path: string,
  change: (file: string, data: Buffer) => Buffer | null = (_file, data) => data,
): Promise<void> {
  const files = (await readdir(join(path, 'objects'), { recursive: true })).filter((file) =>
    file.includes('.'),
  );
  for (const file of files) {
    const data = change(file, await readFile(join(path, 'objects', file)));
    if (data) expect((await say(url, 'PUT', `/objects/${file}`, data)).status).toBe(200);
  }
}

describe('createRepoReceiver', () => {
  it('takes what is published, which others can pull at once', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    const key = await gpgKey();
    await repo.sign('os/main', { type: 'gpg', keyId: key.keyId, homedir: key.path });
    const to = await target();
    const told = await repo.publish(to.url, { dryRun: true });
    const result = await repo.publish(to.url);
    expect({ ...told, dryRun: false, summary: true, elapsed: 0 }).toEqual({ ...result, elapsed: 0 });
    expect(result).toMatchObject({
      refs: [{ ref: 'os/main', old: null, new: commits[1] }, { ref: 'os/other' }],
      objects: objectCount(await servedFiles(cli.path)),
      deltas: [`${commits[0]}-${commits[1]}`],
      summary: true,
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    await repo.summary.regenerate();
    await repo.deltas.reindex();
    const files = await servedFiles(to.path);
    expect({ ...files, summary: '' }).toEqual({ ...(await servedFiles(cli.path)), summary: '' });
    expect(await cliFsck(to.path)).toBe(true);
    const client = await cliRepo('bare-user');
    await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', to.url);
    await client.ostree('pull', '--depth=-1', 'origin', 'os/main');
    expect(await client.ostree('rev-parse', 'origin:os/main')).toBe(commits[1]);
    expect(
      await readdir(join(to.path, 'tmp')).then((names) => names.filter((name) => name.startsWith('publish'))),
    ).toEqual([]);
  });

  it('is sent only what is missing, and new signatures', async () => {
    const { cli, repo, commits } = await sample();
    const to = await target();
    await repo.publish(to.url);
    to.requests.length = 0;
    expect(await repo.publish(to.url)).toMatchObject({
      objects: 0,
      bytes: 0,
      refs: [{ old: commits[1] }, {}],
    });
    expect(to.requests.filter((line) => line.startsWith('PUT'))).toEqual([]);
    const [one, two] = [await gpgKey('One <one@example.org>'), await gpgKey('Two <two@example.org>')];
    for (const key of [one, two]) {
      await repo.sign('os/main', { type: 'gpg', keyId: key.keyId, homedir: key.path });
      expect(await repo.publish(to.url)).toMatchObject({ objects: 0 });
    }
    const read = (path: string) => readFile(objectFile(path, commits[1], 'commitmeta'));
    expect((await read(to.path)).equals(await read(cli.path))).toBe(true);
    const next = await cli.commit('os/main', { next: 'next' });
    const result = await repo.publish(to.url, { refs: ['os/main'] });
    expect(result.refs).toEqual([{ ref: 'os/main', old: commits[1], new: next }]);
    expect(result.objects).toBe(3);
  });

  it('signs the summary, or leaves it alone', async () => {
    const { repo } = await sample();
    const key = await gpgKey();
    const sign = { type: 'gpg', keyId: key.keyId, homedir: key.path } as const;
    const signing = await target({ sign });
    await repo.publish(signing.url);
    expect(await signing.repo.summary.read()).toMatchObject({ signed: true });
    const other = await target({ summary: false });
    expect(await repo.publish(other.url)).toMatchObject({ summary: false });
    await expect(other.repo.summary.read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('deletes what the publisher has not, if asked to', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    const to = await target();
    await repo.publish(to.url);
    await cli.ostree('refs', '--delete', 'os/main');
    const result = await repo.publish(to.url, { prune: true });
    expect(result.pruned).toMatchObject({ refs: ['os/main'], deltas: 1 });
    expect(result.pruned.objects).toBeGreaterThan(5);
    expect(await ostree('refs', `--repo=${to.path}`)).toBe('os/other');
    expect((await to.repo.summary.read()).refs.map(({ ref }) => ref)).toEqual(['os/other']);
    expect(await cliFsck(to.path)).toBe(true);
  });

  it('never shows a ref without its objects to those who pull meanwhile', { timeout: 180_000 }, async () => {
    const { repo } = await sample();
    const to = await target();
    await repo.publish(to.url);
    let publishing = true;
    let pulls = 0;
    const pulling = (async () => {
      while (publishing) {
        const client = await cliRepo('archive');
        await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', to.url);
        await (pulls++ % 2
          ? client.ostree('pull', 'origin', 'os/main')
          : client.ostree('pull', '--mirror', 'origin'));
        await client.ostree('fsck', '--quiet');
      }
    })();
    let failed: unknown;
    void pulling.catch((error: unknown) => {
      failed = error;
    });
    for (let i = 0; i < 20 && failed === undefined; i++) {
      const files = Array.from({ length: 20 }, (_, n) => ({ path: `d${n % 3}/f${n}`, content: `${i} ${n}` }));
      await repo.commit({ branch: 'os/main', tree: { files } });
      await repo.publish(to.url);
    }
    publishing = false;
    await pulling;
    expect(pulls).toBeGreaterThan(2);
    expect(await cliFsck(to.path)).toBe(true);
  });

  it('goes on after the publisher was killed', async () => {
    const cli = await cliRepo('archive');
    const files = Object.fromEntries(
      Array.from({ length: 800 }, (_, i) => [`d${i % 10}/f${i}`, `content ${i}`]),
    );
    await cli.commit('os/main', files);
    const to = await target();
    const before = await stateOf(to.path);
    const source = `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      await repo.publish(process.argv[2], { concurrency: 2 });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source, cli.path, to.url], {
      cwd: root,
      stdio: 'inherit',
    });
    const puts = () => to.requests.filter((line) => line.startsWith('PUT')).length;
    await expect.poll(puts, { timeout: 30_000, interval: 5 }).toBeGreaterThan(100);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await stateOf(to.path)).toEqual(before);
    const sent = puts();
    await using repo = await Repo.open(cli.path);
    const { objects } = await repo.publish(to.url);
    const all = objectCount(await servedFiles(cli.path));
    expect(objects).toBeLessThan(all - 90);
    expect(objects).toBeGreaterThanOrEqual(all - sent);
    expect(await cliFsck(to.path)).toBe(true);
    expect(await to.repo.hasRef('os/main')).toBe(true);
  });

  it('asks who may do what', async () => {
    const { repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.setDetachedMetadata('os/main', { note: 'note' });
    const asked: ReceiverAction[] = [];
    let allow: (action: ReceiverAction) => boolean = () => true;
    const to = await target({
      authorize: async (req, action) => {
        if (action.action !== 'connect') asked.push(action);
        return req.headers['x-key'] === 'good' && allow(action);
      },
    });
    const publish = (key = 'good', prune = false) =>
      repo.publish({ url: to.url, headers: { 'X-Key': key } }, { prune });
    const before = await stateOf(to.path);
    await expect(publish('bad')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: 'Not allowed: connect',
    });
    for (const denied of ['ref', 'commitmeta', 'delta', 'prune']) {
      allow = ({ action }) => action !== denied;
      await expect(publish('good', true)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
      expect(await stateOf(to.path)).toEqual(before);
    }
    allow = (action) => !('ref' in action) || action.ref !== 'os/other';
    await expect(publish()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await stateOf(to.path)).toEqual(before);
    allow = () => true;
    asked.length = 0;
    await publish();
    const other = await repo.resolveRev('os/other');
    expect(asked).toEqual([
      { action: 'ref', ref: 'os/main', collectionId: null, from: null, to: commits[1] },
      { action: 'ref', ref: 'os/other', collectionId: null, from: null, to: other },
      { action: 'commitmeta', commit: commits[1], ref: 'os/main', collectionId: null },
      { action: 'delta', from: null, to: commits[1], ref: 'os/main', collectionId: null },
    ]);
  });

  it('moves a ref only from what the publisher took it for', async () => {
    const one = await sample();
    const two = await sample();
    const to = await target();
    const results = await Promise.allSettled([one.repo.publish(to.url), two.repo.publish(to.url)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [refusal] = results.filter((result) => result.status === 'rejected');
    const head = await to.repo.resolveRev('os/main');
    expect(refusal?.reason).toMatchObject({
      code: 'CONFLICT',
      details: { ref: 'os/main', expected: null, actual: head },
    });
    expect([one.commits[1], two.commits[1]]).toContain(head);
    await stateOf(to.path);
  });

  it('is tried again when it is busy, and given up when it is gone', async () => {
    const { repo } = await sample();
    const to = await target();
    let failures = 0;
    const flaky = await listen((req, res) => {
      if (failures++ % 3 === 0) return void res.writeHead(503).end();
      if (failures % 7 === 0) return void req.socket.destroy();
      const data: Buffer[] = [];
      req.on('data', (chunk: Buffer) => data.push(chunk));
      req.on('end', () => {
        void fetch(`${to.url}${req.url}`, { method: req.method ?? '', body: Buffer.concat(data) }).then(
          async (answer) => res.writeHead(answer.status).end(await answer.text()),
        );
      });
    });
    await repo.publish(flaky.url);
    expect(failures).toBeGreaterThan(20);
    await stateOf(to.path);
    const busy = await listen((_req, res) => void res.writeHead(503).end());
    await expect(repo.publish(busy.url, { retries: 1 })).rejects.toMatchObject({
      code: 'HTTP',
      details: { status: 503 },
    });
    const { port } = await gone();
    await expect(repo.publish(`http://127.0.0.1:${port}`, { retries: 1 })).rejects.toMatchObject({
      code: 'NETWORK',
    });
  });

  it('is cancelled by the publisher, and ends with its Repo', async () => {
    const { repo } = await sample();
    const controller = new AbortController();
    const reason = new Error('enough');
    const stalled = await listen(() => controller.abort(reason));
    await expect(repo.publish(stalled.url, { signal: controller.signal })).rejects.toBe(reason);
    const to = await target();
    await to.repo.close();
    await expect(repo.publish(to.url, { retries: 0 })).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('refuses bad arguments', async () => {
    const { repo } = await sample();
    const create =
      (options: unknown, on = repo) =>
      () =>
        createRepoReceiver(on, options as RepoReceiverOptions);
    for (const options of [
      undefined,
      null,
      {},
      { authorize: 1 },
      { authorize: () => true, summary: 1 },
      { authorize: () => true, maxSize: '1' },
    ])
      expect(create(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    for (const options of [{ maxSize: 0 }, { maxObjectSize: 1.5 }, { maxPublishers: -1 }, { purge: true }])
      expect(create({ authorize: () => true, ...options })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
      );
    expect(create({ authorize: () => true }, {} as Repo)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    const bare = await cliRepo('bare-user');
    await using other = await Repo.open(bare.path);
    expect(create({ authorize: () => true }, other)).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED' }),
    );
    for (const to of [{ url: 1 }, { url: 'http://x/', headers: 1 }, { url: 'http://x/', headers: { a: 1 } }])
      await expect(repo.publish(to as never)).rejects.toEqual(typeError(/./));
    for (const to of [{ url: 'ftp://x' }, { url: 'x' }, { url: 'http://x', header: {} }])
      await expect(repo.publish(to as never)).rejects.toEqual(rangeError(/./));
  });
});

/** A port where nobody listens. */
async function gone(): Promise<{ port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return { port: typeof address === 'object' && address ? address.port : 0 };
}

const swap32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer).readUInt32BE();
const swap64 = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer).readBigUInt64BE();

/** A file as an archive has it, which says that it has `size` bytes. */
function archived(content: Uint8Array, size = content.length): Buffer {
  const header = new Variant('(tuuuusa(ayay))', [swap64(size), 0, 0, swap32(0o100644), 0, '', []]).toBytes();
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(header.length);
  return Buffer.concat([prefix, header, deflateRawSync(content)]);
}

describe('a hostile publisher', () => {
  async function attacked(options: Partial<RepoReceiverOptions> = {}) {
    const { repo } = await sample();
    const to = await target(options);
    await repo.publish(to.url);
    const evil = await cliRepo('archive');
    return { to, evil, before: await stateOf(to.path) };
  }

  const finish = (url: string, ref: string, checksum: string, more: object = {}) =>
    say(url, 'POST', '/finish', { refs: [{ ref, checksum, expected: null, ...more }], deltas: [] });

  async function commitEvil(
    evil: CliRepo,
    content: Uint8Array | string,
  ): Promise<{ commit: string; file: string }> {
    const commit = await evil.commit('evil', { file: content, other: 'other' }, '--owner-uid=77');
    await using repo = await Repo.open(evil.path);
    return { commit, file: (await repo.stat(commit, 'file')).checksum };
  }

  it('gets nothing in under a wrong checksum', async () => {
    const { to, evil, before } = await attacked();
    const { commit } = await commitEvil(evil, 'evil');
    for (const type of ['filez', 'dirtree', 'dirmeta', 'commit']) {
      let done = false;
      await uploadAll(to.url, evil.path, (file, data) => {
        if (!file.endsWith(type) || done) return data;
        done = true;
        return type === 'filez' ? archived(Buffer.from('other content')) : flipped(data);
      });
      expect(await finish(to.url, 'evil', commit)).toMatchObject({
        status: 422,
        answer: { code: 'CORRUPT' },
      });
      expect(await stateOf(to.path)).toEqual(before);
    }
    // What was damaged has been forgotten; once it is right, all is.
    await uploadAll(to.url, evil.path);
    expect(await finish(to.url, 'evil', commit)).toMatchObject({ status: 200 });
    await stateOf(to.path);
  });

  it('cannot make it inflate more than it says, or than is allowed', async () => {
    const content = Buffer.alloc(64 << 20);
    const { to, evil, before } = await attacked({ maxObjectSize: 16 << 20 });
    const { commit, file } = await commitEvil(evil, content);
    const path = `${file.slice(0, 2)}/${file.slice(2)}.filez`;
    for (const [size, code] of [
      [content.length, 'TOO_LARGE'],
      [2 ** 52, 'CORRUPT'],
      [100, 'CORRUPT'],
      [0, 'CORRUPT'],
      [16 << 20, 'CORRUPT'],
    ] as const) {
      const bomb = archived(content, size);
      expect(bomb.length).toBeLessThan(100_000);
      await uploadAll(to.url, evil.path, (name, data) => (name === path ? bomb : data));
      const refused = await finish(to.url, 'evil', commit);
      expect({ size, ...refused.answer }).toMatchObject({ size, code });
      expect(await stateOf(to.path)).toEqual(before);
    }
    const truth = await commitEvil(evil, 'x'.repeat(1000));
    const small = objectUrl(truth.file, 'filez').slice('/objects/'.length);
    const lie = archived(Buffer.from('x'.repeat(1000)), 1001);
    await uploadAll(to.url, evil.path, (name, data) => (name === path ? null : name === small ? lie : data));
    expect((await finish(to.url, 'evil', truth.commit)).answer).toMatchObject({
      code: 'CORRUPT',
      checksum: truth.file,
    });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('finds no way out of the repository', async () => {
    const { to, before } = await attacked();
    const outside = ['/../../config', '/objects/../config', '/objects/%2e%2e/config', '/refs/heads/os/main', '/summary', '/config',
      '/objects/aa/..%2f..%2fconfig', `/objects/aa/${'b'.repeat(62)}.file`, `/objects/aa/${'b'.repeat(62)}.commitpartial`,
      `/objects/aa/${'b'.repeat(62)}.tombstone-commit`, `/objects/aa/${'B'.repeat(62)}.commit`, '/deltas/aa/../superblock', '/tmp/x',
      `/deltas/ab/${'c'.repeat(41)}/../../../config`, '/delta-indexes/ab/x.index', '/uploads/x', '//etc/passwd', '/%', '/objects/%00',
    ]; // prettier-ignore
    for (const path of outside) {
      const socket = connect(to.port, '127.0.0.1');
      socket.end(
        `PUT /publish/1/${ID}${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nevil`,
      );
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      expect({ path, answer: Buffer.concat(chunks).toString().slice(0, 12) }).toEqual({
        path,
        answer: 'HTTP/1.1 404',
      });
    }
    for (const ref of ['../../../config', 'a/../b', '/etc/passwd', '.', 'a//b', 'a\0b', '', 7, null])
      expect(await finish(to.url, ref as string, 'a'.repeat(64))).toMatchObject({ status: 400 });
    for (const collectionId of ['../..', 'org/example', 'x', 1])
      expect(await finish(to.url, 'ref', 'a'.repeat(64), { collectionId })).toMatchObject({ status: 400 });
    for (const name of ['../x', 'x', `${'a'.repeat(64)}-`, 1])
      expect(await say(to.url, 'POST', '/finish', { refs: [], deltas: [name] })).toMatchObject({
        status: 400,
      });
    for (const object of ['../x', `${'a'.repeat(64)}.`, `${'a'.repeat(64)}.commitmeta`, 'x.commit', 1])
      expect(await say(to.url, 'POST', '/missing', { objects: [object] })).toMatchObject({ status: 400 });
    for (const files of [{ config: 'a'.repeat(64) }, { '../x': 'a'.repeat(64) }, { summary: 1 }, 1])
      expect(await say(to.url, 'POST', '/missing', { files })).toMatchObject({ status: 400 });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('is refused what is no request', async () => {
    const { to, before } = await attacked({ maxObjectSize: 1 << 20, maxSize: 2 << 20 });
    const put = (checksum: string, type: string, data: Uint8Array) =>
      say(to.url, 'PUT', objectUrl(checksum, type), data);
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '1',
      '{"refs":1}',
      '{"refs":[1]}',
      '{"refs":[{}]}',
      '{"refs":[],"prune":1}',
    ])
      expect(await say(to.url, 'POST', '/finish', body)).toMatchObject({
        status: 400,
        answer: { code: 'INVALID_ARGUMENT' },
      });
    const twice = { ref: 'a', checksum: 'a'.repeat(64), expected: null };
    expect(await say(to.url, 'POST', '/finish', { refs: [twice, twice] })).toMatchObject({ status: 400 });
    expect(await say(to.url, 'POST', '/missing', 'x'.repeat(5 << 20))).toMatchObject({ status: 413 });
    expect(await put('1'.repeat(64), 'filez', Buffer.alloc((1 << 20) + 1))).toMatchObject({ status: 413 });
    expect(await put('1'.repeat(64), 'filez', Buffer.alloc(1 << 20))).toMatchObject({ status: 200 });
    expect(await put('2'.repeat(64), 'filez', Buffer.alloc(1 << 20))).toMatchObject({ status: 200 });
    expect(await put('3'.repeat(64), 'filez', Buffer.alloc(1))).toMatchObject({ status: 413 });
    expect(await say(to.url, 'GET', '').catch(() => ({ status: 405 }))).toMatchObject({ status: 405 });
    expect(await say(to.url, 'DELETE', '/objects')).toMatchObject({ status: 405 });
    // A body that ends early leaves nothing; one without a length is not begun.
    const socket = connect(to.port, '127.0.0.1');
    socket.end(
      `PUT /publish/1/${ID}${objectUrl('4'.repeat(64), 'commit')} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort`,
    );
    socket.resume();
    await once(socket, 'close');
    const chunked = connect(to.port, '127.0.0.1');
    chunked.write(
      `PUT /publish/1/${ID}${objectUrl('5'.repeat(64), 'commit')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const [answer] = (await once(chunked, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 400/);
    chunked.destroy();
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('cannot bring a commit that lacks something', async () => {
    const { to, evil, before } = await attacked();
    const { commit } = await commitEvil(evil, 'evil');
    for (const type of ['filez', 'dirtree', 'dirmeta', 'commit']) {
      await using other = await attackerWith(to, evil, (file) => !file.endsWith(type));
      expect(await other.finish('evil', commit)).toMatchObject({
        status: 422,
        answer: { code: 'NOT_FOUND' },
      });
      expect(await stateOf(to.path)).toEqual(before);
    }
    const missing = await finish(to.url, 'os/main', 'e'.repeat(64));
    expect(missing).toMatchObject({ status: 409, answer: { code: 'CONFLICT' } });
    expect(await finish(to.url, 'new', 'e'.repeat(64))).toMatchObject({
      status: 422,
      answer: { code: 'NOT_FOUND' },
    });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('cannot touch the metadata of others, nor take signatures away', async () => {
    const { repo, commits } = await sample();
    await repo.setDetachedMetadata(commits[1], { note: 'signed' });
    const to = await target();
    await repo.publish(to.url);
    const before = await stateOf(to.path);
    const upload = (metadata: Record<string, unknown>) =>
      say(to.url, 'PUT', objectUrl(commits[1], 'commitmeta'), new Variant('a{sv}', metadata).toBytes());
    await upload({ note: new Variant('s', 'evil') });
    expect(await say(to.url, 'POST', '/finish', { refs: [] })).toMatchObject({ status: 403 });
    expect(await stateOf(to.path)).toEqual(before);
    // A ref of one's own that names the commit does not help.
    expect(await finish(to.url, 'evil', commits[1])).toMatchObject({ status: 403 });
    await upload({});
    expect(await finish(to.url, 'evil', commits[1])).toMatchObject({ status: 403 });
    await say(to.url, 'PUT', objectUrl(commits[1], 'commitmeta'), Buffer.from('nonsense'));
    expect(await finish(to.url, 'evil', commits[1])).toMatchObject({ status: 422 });
    expect(await stateOf(to.path)).toEqual(before);
    await upload({ note: new Variant('s', 'signed'), more: new Variant('s', 'more') });
    expect(await finish(to.url, 'fine', commits[1])).toMatchObject({ status: 200 });
    expect((await to.repo.readCommit(commits[1])).detachedMetadata).toEqual({ note: 'signed', more: 'more' });
  });

  it('cannot exchange what has been verified', async () => {
    const { to, evil, before } = await attacked();
    const { commit, file } = await commitEvil(evil, 'good');
    await uploadAll(to.url, evil.path);
    const finishing = finish(to.url, 'evil', commit);
    let done = false;
    void finishing.then(() => {
      done = true;
    });
    const bad = archived(Buffer.from('evil'));
    while (!done) await say(to.url, 'PUT', objectUrl(file, 'filez'), bad);
    // Either the good one came in, or the bad one before it was looked at, and was refused.
    const { status } = await finishing;
    expect([200, 422, 503]).toContain(status);
    const after = await stateOf(to.path);
    if (status !== 200) expect(after).toEqual(before);
  });

  it('leaves only so much lying about', async () => {
    const to = await target({ maxPublishers: 2 });
    const begin = async (id: string) =>
      (await fetch(`${to.url}/publish/1/${id.repeat(64)}`, { method: 'POST', body: '{}' })).status;
    expect([await begin('1'), await begin('2'), await begin('3')]).toEqual([200, 200, 503]);
    const other = await target({ maxPublishers: 2 });
    for (const id of ['1', '2', '3', '4']) {
      const receiver = createRepoReceiver(other.repo, { authorize: () => true, maxPublishers: 2 });
      const { url } = await listen(receiver);
      expect((await fetch(`${url}/publish/1/${id.repeat(64)}`, { method: 'POST', body: '{}' })).status).toBe(
        200,
      );
    }
    const left = (await readdir(join(other.path, 'tmp'))).filter((name) => name.startsWith('publish-'));
    expect(left).toHaveLength(2);
  });

  it('gets no damaged delta in', async () => {
    const { repo, cli, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    const to = await target();
    await repo.publish(to.url, { refs: ['os/other'] });
    const before = await stateOf(to.path);
    const [first = '', second = ''] = (await readdir(join(cli.path, 'deltas'), { recursive: true }))
      .filter((file) => file.endsWith('superblock'))
      .map((file) => file.slice(0, -'/superblock'.length));
    const part = join(cli.path, 'deltas', first, '0');
    const good = await readFile(part);
    const publish = () => repo.publish(to.url, { refs: ['os/main'] });
    await truncate(part, good.length - 1);
    await expect(publish()).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(await stateOf(to.path)).toEqual(before);
    // One under the name of another.
    await say(
      to.url,
      'PUT',
      `/deltas/${first.replaceAll('+', '%2B')}/superblock`,
      await readFile(join(cli.path, 'deltas', second, 'superblock')),
    );
    await uploadAll(to.url, cli.path);
    const names = (await repo.deltas.list()).map(({ name }) => name);
    const body = { refs: [{ ref: 'os/main', checksum: commits[1], expected: null }], deltas: names };
    expect(await say(to.url, 'POST', '/finish', body)).toMatchObject({
      status: 422,
      answer: { code: 'CORRUPT' },
    });
    expect(await stateOf(to.path)).toEqual(before);
  });
});

function flipped(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

/** An attacker whose uploads nobody else shares. */
async function attackerWith(to: Target, evil: CliRepo, wanted: (file: string) => boolean) {
  const key = { Authorization: `Bearer ${Math.random()}` };
  const files = (await readdir(join(evil.path, 'objects'), { recursive: true })).filter((file) =>
    file.includes('.'),
  );
  for (const file of files.filter(wanted))
    await say(to.url, 'PUT', `/objects/${file}`, await readFile(join(evil.path, 'objects', file)), key);
  return {
    finish: (ref: string, checksum: string) =>
      say(to.url, 'POST', '/finish', { refs: [{ ref, checksum, expected: null }], deltas: [] }, key),
    [Symbol.asyncDispose]: async () => {},
  };
}
