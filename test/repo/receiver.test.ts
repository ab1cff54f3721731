import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createRepoReceiver, type ReceiverAction, Repo, type RepoReceiverOptions } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { gpgKey } from '../support/gpg.js';
import { cliFsck, objectFile } from '../support/objects.js';
import { listen, objectCount, sample, servedFiles } from '../support/publish.js';
import { stateOf, target } from '../support/receiver.js';
import { cliRepo, ostree } from '../support/repo.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

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
