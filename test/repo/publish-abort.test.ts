// A publish that is aborted ends at once, whatever the target does, and leaves nothing half done there; and a receiver
// whose Repo is closed answers those who are still sending.
import { readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';

import { type PublishProgress, Repo, type S3Adapter, s3Adapter } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { sample, servedFiles } from '../support/publish.js';
import { objectUrl, target as receiverTarget } from '../support/receiver.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { sshd, sshMissing } from '../support/sshd.js';

if (sshMissing) console.warn(`Publishing over SSH is not aborted: there is no ${sshMissing}`);

const reason = new Error('enough');

/** Aborts in this phase. */
function abortIn(phase: PublishProgress['phase']) {
  const controller = new AbortController();
  const onProgress = (progress: PublishProgress) => {
    if (progress.phase === phase) controller.abort(reason);
  };
  return { signal: controller.signal, onProgress };
}

/** A repository without a branch that it has published. */
async function withLess() {
  const { cli, repo } = await sample();
  const target = join(await temporaryDirectory(), 'repo');
  return {
    repo,
    target,
    forget: async () => {
      await cli.ostree('refs', '--delete', 'os/main');
      await cli.ostree('prune', '--refs-only', '--depth=0');
    },
  };
}

describe('into a directory', () => {
  it('rejects with the reason in the midst of a file, of which nothing is left', async () => {
    const { repo, commits } = await sample();
    const target = join(await temporaryDirectory(), 'repo');
    await repo.publish(target);
    await repo.setDetachedMetadata(commits[1], { large: Buffer.alloc(9 << 20, 'large') });
    const before = await servedFiles(target);
    const controller = new AbortController();
    const publishing = repo.publish(target, { signal: controller.signal }).catch((error: unknown) => error);
    let settled = false;
    void publishing.then(() => (settled = true));
    const temporary = () => readdirSync(join(target, 'tmp')).filter((name) => name.startsWith('publish-'));
    while (!settled && temporary().length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(reason);
    expect(await publishing).toBe(reason);
    expect(temporary()).toEqual([]);
    expect(await servedFiles(target)).toEqual(before);
  });

  it('deletes nothing once it is aborted', async () => {
    const { repo, target, forget } = await withLess();
    await repo.publish(target);
    await forget();
    const before = await servedFiles(target);
    await expect(repo.publish(target, { prune: true, ...abortIn('pruning') })).rejects.toBe(reason);
    expect(await servedFiles(target)).toEqual(before);
    expect((await repo.publish(target, { prune: true })).pruned.refs).toEqual(['os/main']);
  });

  it('says by a code where it cannot be', async () => {
    const { repo } = await sample();
    const target = join(await temporaryDirectory(), 'x'.repeat(300));
    await expect(repo.publish(target)).rejects.toMatchObject({
      name: 'OstreeError',
      code: 'FAILED',
      message: expect.stringContaining('ENAMETOOLONG'),
    });
  });
});

it.each(['archive', 'bare-user'])('into a Repo of mode %s, leaves that as it was', async (mode) => {
  const { repo } = await sample();
  const { path } = await cliRepo(mode);
  await using to = await Repo.open(path);
  for (const phase of ['objects', 'deltas', 'refs'] as const) {
    await expect(repo.publish(to, abortIn(phase)), phase).rejects.toBe(reason);
    expect(await servedFiles(path), phase).toEqual({});
    // The next transaction takes the staging directory.
    const left = (await readdir(join(path, 'tmp'))).filter((name) => !/^(?:cache$|staging-)/.test(name));
    expect(left, phase).toEqual([]);
  }
  await repo.publish(to);
  expect((await to.fsck()).verdict).toBe('ok');
});

describe('into a bucket', () => {
  it.each(['head', 'put', 'delete', 'get', 'list'] as const)('that never answers %s', async (silent) => {
    const { repo } = await sample();
    await repo.summary.regenerate();
    const controller = new AbortController();
    const s3: Required<S3Adapter> = {
      head: async () => null,
      get: async () => null,
      put: async () => {},
      delete: async () => {},
      async *list(prefix) {
        yield `${prefix}heads/gone`;
      },
      mayHelp: () => false,
    };
    const never = () => {
      controller.abort(reason);
      return new Promise<never>(() => {});
    };
    if (silent === 'list') s3.list = () => ({ [Symbol.asyncIterator]: () => ({ next: never }) });
    else s3[silent] = never;
    await expect(repo.publish({ s3 }, { prune: true, signal: controller.signal })).rejects.toBe(reason);
  });
});

it('s3Adapter() passes a signal on, and rejects with its reason whatever the SDK makes of it', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const client = {
    send(_command: never, options: { abortSignal?: AbortSignal } = {}) {
      expect(options.abortSignal).toBe(signal);
      controller.abort(reason);
      return Promise.reject(Object.assign(new Error('no'), { name: 'AbortError' }));
    },
  };
  const s3 = s3Adapter(client, { bucket: 'b' });
  const put = { size: 1, contentType: 'x', cacheControl: 'y', signal };
  await expect(s3.head('k', { signal })).rejects.toBe(reason);
  await expect(s3.get?.('k', { signal })).rejects.toBe(reason);
  await expect(s3.put('k', Buffer.from('x'), put)).rejects.toBe(reason);
  await expect(s3.delete('k', { signal })).rejects.toBe(reason);
  await expect(async () => {
    for await (const _ of s3.list?.('', { signal }) ?? []);
  }).rejects.toBe(reason);
});

/** Passes on what is said to a port of this machine, until it is to go on no more. */
async function stallable(to: number) {
  let left = Infinity;
  let stalled = () => {};
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    sockets.push(client, server);
    for (const socket of [client, server]) socket.on('error', () => {});
    server.pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (left-- > 0) return void server.write(chunk);
      server.unpipe();
      stalled();
    });
    client.on('close', () => server.destroy());
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  await once(proxy, 'listening');
  const address = proxy.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    /** After so many more packets of the client. */
    stallAfter(packets: number, then: () => void) {
      left = packets;
      stalled = then;
    },
  };
}

describe.skipIf(sshMissing)('over SSH, to a server that stalls', () => {
  it.each([0, 8, 12, 14])('after %i packets', async (packets) => {
    const { user, port, arguments: more } = await sshd();
    const { repo, target, forget } = await withLess();
    const to = { ssh: `${user}@127.0.0.1`, arguments: more, path: target };
    await repo.publish({ ...to, port });
    await forget();
    const between = await stallable(port);
    const controller = new AbortController();
    const onProgress = ({ phase }: PublishProgress) => {
      if (phase === 'pruning') between.stallAfter(packets, () => controller.abort(reason));
    };
    const options = { prune: true, signal: controller.signal, onProgress };
    await expect(repo.publish({ ...to, port: between.port }, options)).rejects.toBe(reason);
  });
});

describe('createRepoReceiver', () => {
  it.each([
    ['an upload', 'PUT', objectUrl('a'.repeat(64), 'filez')],
    ['a question', 'POST', '/missing'],
    ['the last word', 'POST', '/finish'],
  ])('answers CLOSED in the midst of %s when its Repo is closed', async (_, method, path) => {
    const to = await receiverTarget();
    const req = request(`${to.url}/publish/1/${'a'.repeat(64)}${path}`, {
      method,
      headers: { 'Content-Length': 1000 },
    });
    onTestFinished(() => void req.destroy());
    req.write('{"refs":');
    while (to.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const answered = once(req, 'response') as Promise<[IncomingMessage]>;
    await to.repo.close();
    const [res] = await answered;
    expect(res.statusCode).toBe(503);
    expect(await json(res)).toMatchObject({ code: 'CLOSED' });
  });
});
