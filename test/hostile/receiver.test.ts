// Publishers who mean ill: whatever they send, the repository is as it was, and its owner can go on.
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

import { createRepoReceiver, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, type ForgedTree, forgeFile, forgeTree } from '../support/forge.js';
import { objectFile } from '../support/objects.js';
import { listen, sample } from '../support/publish.js';
import {
  archived,
  attacked,
  attackerWith,
  commitEvil,
  finish,
  flipped,
  ID,
  objectUrl,
  say,
  stateOf,
  target,
  uploadAll,
} from '../support/receiver.js';
import { cliRepo } from '../support/repo.js';

describe('a hostile publisher', () => {
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

  it('wins a race for a ref once, among eight', async () => {
    const { to } = await attacked();
    const before = (await to.repo.listRefs()).map(({ ref }) => ref);
    const sources = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const evil = await cliRepo('archive');
        return { evil, commit: await evil.commit('evil', { mine: String(i), shared: 'shared' }) };
      }),
    );
    const attackers = await Promise.all(
      sources.map(async ({ evil, commit }) => ({ commit, ...(await attackerWith(to, evil, () => true)) })),
    );
    const answers = await Promise.all(
      attackers.map(async ({ commit, finish: end }) => ({ commit, ...(await end('evil', commit)) })),
    );
    const won = answers.filter(({ status }) => status === 200);
    const lost = answers.filter(({ status }) => status !== 200);
    expect(won).toHaveLength(1);
    for (const { status, answer } of lost)
      expect({ status, code: answer['code'], ref: answer['ref'] }).toEqual({
        status: 409,
        code: 'CONFLICT',
        ref: 'evil',
      });
    expect(await to.repo.resolveRev('evil')).toBe(won[0]?.commit);
    expect((await to.repo.listRefs()).map(({ ref }) => ref).sort()).toEqual([...before, 'evil'].sort());
    for (const { commit } of lost)
      expect(await to.repo.hasObject({ type: 'commit', checksum: commit })).toBe(false);
    await stateOf(to.path);
  });

  it('gets in no names that lead out of a tree', async () => {
    const { to, evil, before } = await attacked();
    const file = await forgeFile(evil.path, { content: Buffer.from('evil') });
    const empty = await forgeTree(evil.path, {});
    const meta = await forge(evil.path, 'dirmeta', DIRMETA);
    for (const tree of [
      { files: [['../escaped', file]] },
      { files: [['..', file]] },
      { files: [['', file]] },
      { files: [['a/b', file]] },
      { directories: [['..', empty, meta]] },
      { directories: [['/tmp', empty, meta]] },
      { files: [['same', file]], directories: [['same', empty, meta]] },
    ] as ForgedTree[]) {
      const contents = await forgeTree(evil.path, tree);
      const commit = await forgeCommit(evil.path, 'evil', { contents });
      await using attacker = await attackerWith(to, evil, () => true);
      const refused = await attacker.finish('evil', commit);
      expect({ tree, status: refused.status, code: refused.answer['code'] }).toEqual({
        tree,
        status: 422,
        code: 'CORRUPT',
      });
      expect(await stateOf(to.path)).toEqual(before);
      await rm(objectFile(evil.path, contents, 'dirtree'));
    }
  });

  it('cannot use what others upload', async () => {
    const { to, evil, before } = await attacked();
    const { commit } = await commitEvil(evil, 'evil');
    await using other = await attackerWith(to, evil, (name) => name.endsWith('.commit'));
    await uploadAll(to.url, evil.path);
    expect(await other.finish('evil', commit)).toMatchObject({ status: 422, answer: { code: 'NOT_FOUND' } });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('gains nothing by JSON that is deep, or names what objects have anyway', async () => {
    const { to, before } = await attacked();
    for (const body of [
      '['.repeat(2_000_000),
      `{"refs":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      '{"__proto__":{"refs":[]}}',
      '{"refs":[{"__proto__":{"ref":"a","checksum":"' + 'a'.repeat(64) + '","expected":null}}]}',
    ])
      expect((await say(to.url, 'POST', '/finish', body)).status).toBe(400);
    for (const body of [
      '{"files":{"__proto__":"x"}}',
      '{"files":{"constructor":{}}}',
      '{"objects":{"length":9}}',
    ])
      expect((await say(to.url, 'POST', '/missing', body)).status).toBe(400);
    expect(await stateOf(to.path)).toEqual(before);
  });
});
