import { once } from 'node:events';
import {
  chmod,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
} from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { randomBytes } from 'node:crypto';

import { createRepoHandler, OstreeError, Repo, type RepoHandlerOptions } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { serverBlock, startNginx } from '../support/nginx.js';
import { type CliRepo, cliRepo } from '../support/repo.js';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

async function listen(listener: RequestListener): Promise<{ url: string; port: number }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, port: address.port };
}

/** As it is: fetch() would tidy the path up. */
function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({ port, host: '127.0.0.1', path, headers, method }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
      );
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
}

async function served(options: RepoHandlerOptions = {}, mode = 'archive') {
  const cli = await cliRepo(mode);
  const commit = await cli.commit('os/main', { large: randomBytes(400_000), 'dir/a': 'a' });
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { cli, repo, commit, ...(await listen(createRepoHandler(repo, options))) };
}

async function client(url: string, mode = 'archive'): Promise<CliRepo> {
  const cli = await cliRepo(mode);
  await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
  return cli;
}

function objectPath(checksum: string, type: string): string {
  return `/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.${type}`;
}

describe('createRepoHandler', () => {
  it('serves what the command pulls, with and without a summary, and mirrors', async () => {
    const { cli, repo, commit, url, port } = await served();
    const one = await client(url);
    await one.ostree('pull', 'origin', 'os/main');
    await cli.ostree('refs', '--create=alias', '--alias', 'os/main');
    expect((await get(port, '/refs/heads/alias')).body.toString()).toBe(`${commit}\n`);
    await cli.ostree('refs', '--delete', 'alias');
    expect(await one.ostree('rev-parse', 'origin:os/main')).toBe(commit);
    await repo.summary.regenerate();
    const two = await client(url);
    await two.ostree('pull', '--mirror', 'origin');
    expect(await two.ostree('refs')).toBe('os/main');
    await two.ostree('fsck');
  });

  it('serves again once a repository that was away is back', async () => {
    const { cli, commit, port } = await served();
    await rename(cli.path, `${cli.path}-away`);
    expect((await get(port, '/refs/heads/os/main')).status).toBe(500);
    await rename(`${cli.path}-away`, cli.path);
    expect((await get(port, '/refs/heads/os/main')).body.toString()).toBe(`${commit}\n`);
  });

  it('serves deltas, by the summary and by an index', async () => {
    const { cli, repo, commit, url } = await served();
    const next = await cli.commit('os/main', { large: randomBytes(100_000), 'dir/a': 'b' });
    await repo.deltas.generate({ from: commit, to: next });
    await repo.deltas.generate({ from: null, to: next, inline: true });
    await repo.summary.regenerate();
    const one = await client(url, 'bare-user');
    await one.ostree('pull', '--require-static-deltas', 'origin', 'os/main');
    await one.ostree('fsck');
    await repo.config.set('core.no-deltas-in-summary', true);
    await repo.deltas.reindex();
    await repo.summary.regenerate();
    const two = await client(url, 'bare-user');
    await two.ostree('pull', '--require-static-deltas', 'origin', 'os/main');
    expect(await two.ostree('rev-parse', 'origin:os/main')).toBe(next);
  });

  it('serves objects for ever and what changes for a moment', async () => {
    const { repo, commit, port } = await served();
    await repo.summary.regenerate();
    await repo.deltas.generate({ from: null, to: commit });
    const object = await get(port, objectPath(commit, 'commit'));
    expect(object).toMatchObject({
      status: 200,
      headers: {
        'cache-control': 'public, max-age=31536000, immutable',
        etag: `"${commit}.commit"`,
        'accept-ranges': 'bytes',
        'content-length': String(object.body.length),
      },
    });
    for (const path of ['/refs/heads/os/main', '/summary', '/config?x']) {
      const { status, headers, body } = await get(port, path);
      expect({ path, status }).toEqual({ path, status: 200 });
      expect(headers['cache-control']).toBe('public, max-age=5, must-revalidate');
      expect(headers['last-modified']).toMatch(/GMT$/);
      const head = await get(port, path, {}, 'HEAD');
      expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(body.length) } });
      expect(head.body).toHaveLength(0);
      const again = await get(port, path, { 'if-none-match': `"x", W/${String(headers.etag)}` });
      expect(again.status).toBe(304);
      const since = await get(port, path, { 'if-modified-since': String(headers['last-modified']) });
      expect(since.status).toBe(304);
      const other = await get(port, path, { 'if-none-match': '"x"' });
      expect(other.status).toBe(200);
    }
  });

  it('gives the config no credentials', async () => {
    const { cli, repo, port } = await served();
    await cli.ostree('remote', 'add', '--no-gpg-verify', 'secret', 'https://user:password@example.org/');
    await repo.config.set('core.collection-id', 'org.example.Os');
    const { body } = await get(port, '/config');
    expect(body.toString()).toBe('[core]\nrepo_version=1\nmode=archive-z2\ncollection-id=org.example.Os\n');
  });

  it('serves ranges', async () => {
    const { repo, cli, port } = await served();
    const files = (await readdir(join(cli.path, 'objects'), { recursive: true })).filter((file) =>
      file.endsWith('.filez'),
    );
    const sized = await Promise.all(
      files.map(async (file) => ({
        path: `/objects/${file}`,
        data: await readFile(join(cli.path, 'objects', file)),
      })),
    );
    const { path, data } = sized.sort((a, b) => b.data.length - a.data.length)[0] ?? {
      path: '',
      data: Buffer.of(),
    };
    expect(data.length).toBeGreaterThan(300_000);
    const whole = await get(port, path);
    expect(whole.body.equals(data)).toBe(true);
    const cases: [string, number, number, number][] = [
      ['bytes=0-9', 206, 0, 10],
      ['bytes=5-', 206, 5, data.length],
      ['bytes=-7', 206, data.length - 7, data.length],
      [`bytes=100-${data.length + 5}`, 206, 100, data.length],
      ['bytes=0-1,5-6', 200, 0, data.length],
      ['bytes=9-2', 200, 0, data.length],
      ['lines=1-2', 200, 0, data.length],
      [`bytes=${data.length}-`, 416, 0, 0],
      ['bytes=-0', 416, 0, 0],
    ];
    for (const [range, status, start, end] of cases) {
      const answer = await get(port, path, { range });
      expect({ range, status: answer.status }).toEqual({ range, status });
      expect(answer.body.equals(data.subarray(start, end))).toBe(true);
      if (status === 206)
        expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${data.length}`);
    }
    const changed = await get(port, path, { range: 'bytes=0-9', 'if-range': '"other"' });
    expect(changed.status).toBe(200);
    const same = await get(port, path, { range: 'bytes=0-9', 'if-range': String(whole.headers.etag) });
    expect(same.status).toBe(206);
    expect(repo.path).toBe(cli.path);
  });

  it('serves nothing else, however it is asked', async () => {
    const { cli, commit, port } = await served();
    await writeFile(join(cli.path, 'secret'), 'secret');
    await symlink('/etc/passwd', join(cli.path, 'refs/heads/passwd'));
    await symlink('../../config', join(cli.path, 'refs/heads/config'));
    await symlink('/etc', join(cli.path, 'refs/heads/etc'));
    await mkdir(join(cli.path, 'objects/ff'), { recursive: true });
    await symlink('../../config', join(cli.path, 'objects/ff', `${'f'.repeat(62)}.commit`));
    await symlink(
      join('..', objectPath(commit, 'commit').slice(9)),
      join(cli.path, 'objects/ff', `${'e'.repeat(62)}.dirmeta`),
    );
    const ff = `/objects/ff/${'f'.repeat(62)}.commit`;
    const hostile = [
      '/', '', '/secret', '/.lock', '/tmp', '/tmp/', '/state', '/extensions', '/refs', '/refs/heads', '/refs/heads/',
      '/refs/heads/os', '/refs/remotes/x/y', '/refs/heads/passwd', '/refs/heads/config', '/refs/heads/etc/passwd', ff,
      '/../etc/passwd', '/refs/heads/../../config', '/refs/heads/../../secret', '/refs/heads/%2e%2e/%2e%2e/secret',
      '/refs/heads/..%2f..%2fsecret', '/refs%2fheads%2fos%2fmain', '/%72efs/heads/%252e%252e/secret',
      '/objects/../secret', '/objects//secret', '//etc/passwd', '/summary/', '/summary%00', '/summary%00.sig',
      '/config/../secret', '/refs/heads/os/main/', '/refs/heads/os//main', '/refs/heads/os/./main', '/refs\\heads\\os',
      '/%', '/%zz', '/%c0%ae%c0%ae/secret', '/refs/heads/%ff', 'http://x/secret', '/secret?/summary',
      `/${'a/'.repeat(3000)}`, objectPath(commit, 'commit').toUpperCase(), objectPath(commit, 'commitpartial'),
      objectPath(commit, 'file'), '/deltas/ab/../../secret/0', `/deltas/ab/${'c'.repeat(41)}/01`,
      `/deltas/ab/${'c'.repeat(41)}/../../secret`, '/delta-indexes/ab/x.index', '/objects/ff', '/objects/zz/x',
    ]; // prettier-ignore
    for (const path of hostile) {
      const { status, body } = await get(port, path);
      expect({ path, status, body: body.toString() }).toEqual({ path, status: 404, body: '' });
    }
    // node:http itself refuses to send these.
    for (const line of ['GET /summary\0 HTTP/1.1', 'GET /refs/heads/\x01 HTTP/1.1']) {
      const socket = connect(port, '127.0.0.1');
      socket.end(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1');
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 (400|404)/);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers } = await get(port, '/summary', {}, method);
      expect({ method, status, allow: headers.allow }).toEqual({ method, status: 405, allow: 'GET, HEAD' });
    }
  });

  it('asks who may have it', async () => {
    const asked: string[] = [];
    const authorize: RepoHandlerOptions['authorize'] = async (req, path) => {
      asked.push(path);
      await Promise.resolve();
      if (req.headers['x-throw'] === 'yes') throw new Error('no');
      return req.headers.authorization === 'Bearer good';
    };
    const { commit, port } = await served({ authorize });
    const path = objectPath(commit, 'commit');
    const good = await get(port, path, { authorization: 'Bearer good' });
    expect(good.headers['cache-control']).toMatch(/^private, /);
    expect(good.status).toBe(200);
    expect((await get(port, path)).status).toBe(403);
    expect((await get(port, '/refs/heads/missing')).status).toBe(403);
    expect((await get(port, path, { 'x-throw': 'yes' })).status).toBe(500);
    expect((await get(port, '/secret')).status).toBe(404);
    expect(asked).toEqual([path.slice(1), path.slice(1), 'refs/heads/missing', path.slice(1)]);
  });

  it('has a limit, and frees what aborted requests held', async () => {
    let hold = true;
    const waiting: (() => void)[] = [];
    let bothWait = () => {};
    const asked = new Promise<void>((resolve) => (bothWait = resolve));
    const authorize = () =>
      hold
        ? new Promise<boolean>((resolve) => {
            if (waiting.push(() => resolve(true)) === 2) bothWait();
          })
        : Promise.resolve(true);
    const { commit, port, cli } = await served({ authorize, maxConcurrent: 2 });
    const path = objectPath(commit, 'commit');
    const answers = [get(port, path), get(port, path)];
    await asked;
    expect(await get(port, path)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    hold = false;
    for (const go of waiting) go();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    const held = async () => {
      const links = await readdir('/proc/self/fd');
      const targets = await Promise.all(links.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
      return targets.filter(
        (target) => target.startsWith(`${cli.path}/objects/`) && target.endsWith('.filez'),
      ).length;
    };
    const [large = ''] = (await readdir(join(cli.path, 'objects'), { recursive: true })).filter((file) =>
      file.endsWith('.filez'),
    );
    for (let i = 0; i < 50; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET /objects/${large} HTTP/1.1\r\nHost: x\r\n\r\n`);
      if (i % 2) await once(socket, 'data');
      socket.destroy();
      await once(socket, 'close');
    }
    await expect.poll(held, { timeout: 5_000 }).toBe(0);
    await expect.poll(async () => (await get(port, path)).status, { timeout: 5_000 }).toBe(200);
  });

  it('waits for no authorize() whose client has gone', async () => {
    const asked: IncomingMessage[] = [];
    let wake = () => {};
    const authorize = (req: IncomingMessage) => {
      asked.push(req);
      wake();
      return req.headers['x-wait'] ? new Promise<boolean>(() => {}) : true;
    };
    const { port } = await served({ authorize, maxConcurrent: 1 });
    const waits = new Promise<void>((resolve) => (wake = resolve));
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /config HTTP/1.1\r\nHost: x\r\nX-Wait: yes\r\n\r\n');
    await waits;
    expect((await get(port, '/config')).status).toBe(503);
    const gone = once(asked[0]?.socket ?? socket, 'close');
    socket.destroy();
    await gone;
    expect((await get(port, '/config')).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  it('cuts off an answer whose file becomes shorter, before the next one', async () => {
    const { cli, port } = await served();
    await cli.commit('os/large', { larger: randomBytes(16_000_000) });
    const objects = join(cli.path, 'objects');
    const files = (await readdir(objects, { recursive: true })).filter((file) => file.endsWith('.filez'));
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(objects, file))).size));
    const large = files[sizes.indexOf(Math.max(...sizes))] ?? '';
    const socket = connect(port, '127.0.0.1');
    const ask = (path: string) => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    ask(`/objects/${large}`);
    ask('/config');
    await once(socket, 'readable');
    await chmod(join(objects, large), 0o644);
    await truncate(join(objects, large), 100_000);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await finished(socket).catch(() => undefined); // it may as well be reset
    const answers = Buffer.concat(chunks).toString('latin1');
    expect(answers.length).toBeGreaterThan(100_000);
    expect(answers).not.toContain('repo_version');
  });

  it('ends with the Repo', async () => {
    const { repo, port, commit } = await served();
    await repo.close();
    expect((await get(port, objectPath(commit, 'commit'))).status).toBe(503);
    expect(() => createRepoHandler(repo)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('stands a thousand requests at once', async () => {
    const { port, commit } = await served();
    const path = objectPath(commit, 'commit');
    for (let i = 0; i < 10; i++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => get(port, path)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
  });

  it('refuses other modes, and bad options', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    const error: unknown = (() => {
      try {
        return createRepoHandler(repo);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(OstreeError.is(error, 'NOT_SUPPORTED')).toBe(true);
    expect(() => createRepoHandler(repo, { maxConcurrent: 0 })).toThrow(rangeError('maxConcurrent'));
    expect(() => createRepoHandler(repo, { authorize: 1 as never })).toThrow(typeError('authorize'));
    expect(() => createRepoHandler({} as never)).toThrow(TypeError);
  });
});

describe('docs/serving.md', () => {
  it('has a configuration of nginx that serves the same, and no more', async () => {
    const { cli, repo, commit, port } = await served();
    await repo.deltas.generate({ from: null, to: commit });
    await repo.deltas.reindex();
    await repo.summary.regenerate();
    await writeFile(join(cli.path, 'secret'), 'secret');
    const nginx = await startNginx((nginxPort) =>
      serverBlock('docs/serving.md')
        .replace('listen 80;', `listen 127.0.0.1:${nginxPort};`)
        .replaceAll('/srv/ostree/repo', cli.path),
    );
    const two = await client(nginx.url, 'bare-user');
    await two.ostree('pull', '--require-static-deltas', 'origin', 'os/main');
    const three = await client(nginx.url);
    await three.ostree('pull', '--mirror', '--disable-static-deltas', 'origin');
    await three.ostree('fsck');
    const nginxPort = Number(new URL(nginx.url).port);
    for (const path of [
      '/secret',
      '/.lock',
      '/tmp/',
      '/refs/heads',
      '/refs/heads/',
      '/',
      '/objects/',
      '/state/x',
    ]) {
      const theirs = await get(nginxPort, path);
      expect({ path, status: theirs.status }).toEqual({ path, status: 404 });
    }
    for (const path of ['/config', '/summary', '/refs/heads/os/main', objectPath(commit, 'commit')]) {
      const [ours, theirs] = await Promise.all([get(port, path), get(nginxPort, path)]);
      expect(theirs.status).toBe(200);
      expect(theirs.headers['cache-control']).toBe(ours.headers['cache-control']);
      if (path !== '/config') expect(theirs.body.equals(ours.body)).toBe(true);
      else expect(theirs.body.toString()).toContain('mode=archive-z2');
    }
  });
});
