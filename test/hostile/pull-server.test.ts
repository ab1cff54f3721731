// Pulling from servers that stall, drip, hang up or lie: a pull ends when it is told to, tells what was wrong, and leaves
// a repository that is whole and that the next pull completes.
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { type PullOptions, type PullProgress, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { nginx } from '../support/nginx.js';
import { files } from '../support/pull.js';
import { type CliRepo, cliRepo } from '../support/repo.js';
import { type Behaviour, type Server, server } from '../support/server.js';

const CONTENT = '.filez';

/** A published commit, a server that behaves as told, and a repository that pulls from it. */
async function published(behaviour: (source: string) => Behaviour) {
  const source = await cliRepo();
  const commit = await source.commit('main', files(60));
  await source.ostree('summary', '--update');
  const web = await server(source.path, behaviour(source.path));
  const target = await cliRepo('bare-user');
  await target.ostree('remote', 'add', '--no-gpg-verify', 'origin', web.url);
  return { source, commit, web, target, repo: await Repo.open(target.path) };
}

/** Requests for paths that end so get a bad answer; all others are served. */
function onlyFor(part: string, answer: (response: ServerResponse, path: string) => void): () => Behaviour {
  return () => (path, response) => {
    if (!path.endsWith(part)) return true;
    answer(response, path);
    return false;
  };
}

/** What is left passes fsck, and a pull completes it. */
async function completes(
  { repo, target, commit, web }: { repo: Repo; target: CliRepo; commit: string; web: Server },
  options: PullOptions = {},
): Promise<void> {
  expect(await target.ostree('fsck', '--all')).toMatch(/no errors found|partial/);
  web.behave();
  const { refs } = await repo.pull('origin', { refs: ['main'], ...options });
  expect(refs).toMatchObject([{ ref: 'main', new: commit }]);
  expect(await target.ostree('fsck')).toContain('no errors found');
  expect(await target.ostree('ls', '-R', 'origin:main')).toContain('/dir-0/file-0');
}

/** How long a promise takes to reject, and with what. */
async function rejection(promise: Promise<unknown>, from: () => number) {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  return { error, milliseconds: performance.now() - from() };
}

const STALLS: [string, string, (response: ServerResponse) => void][] = [
  ['before it answers for the summary', '/summary', () => {}],
  ['before it answers for a commit', '.commit', () => {}],
  ['before it answers for a directory', '.dirtree', () => {}],
  ['before it answers for a file', CONTENT, () => {}],
  [
    'in the midst of a file',
    CONTENT,
    (response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('x'.repeat(100));
    },
  ],
  [
    'in the midst of the summary',
    '/summary',
    (response) => {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('x'.repeat(100));
    },
  ],
  ['in the midst of a header', CONTENT, (response) => response.socket?.write('HTTP/1.1 200 OK\r\nContent-')],
];

/** A byte a second, of a body that is as long as it says. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'Content-Length': '1000' });
  response.write('x');
  const timer = setInterval(() => response.write('x'), 1_000);
  response.on('close', () => clearInterval(timer));
}

describe('abort', () => {
  it.each([
    ...STALLS,
    ['while a file drips', CONTENT, drip] as (typeof STALLS)[number],
    ['while the summary drips', '/summary', drip] as (typeof STALLS)[number],
  ])('rejects within a second when the server stalls %s', async (_, part, answer) => {
    const setup = await published(onlyFor(part, answer));
    await using repo = setup.repo;
    const controller = new AbortController();
    const reason = new Error('enough');
    let aborted = 0;
    const pulling = rejection(
      repo.pull('origin', { refs: ['main'], signal: controller.signal }),
      () => aborted,
    );
    await setup.web.asked(part);
    aborted = performance.now();
    controller.abort(reason);
    const { error, milliseconds } = await pulling;
    expect(error).toBe(reason);
    expect(milliseconds).toBeLessThan(1_000);
    await completes(setup);
  });

  it('leaves what another server completes', async () => {
    const setup = await published(onlyFor(CONTENT, (response) => void response.writeHead(200).write('x')));
    await using repo = setup.repo;
    const { url } = await nginx(setup.source.path);
    const controller = new AbortController();
    const pulling = repo.pull('origin', { refs: ['main'], signal: controller.signal });
    const caught = pulling.catch((e: unknown) => e);
    await setup.web.asked(CONTENT);
    controller.abort();
    expect(await caught).toBe(controller.signal.reason);
    await completes(setup, { overrideUrl: url });
  });

  it('does not lose the files that had come', async () => {
    let served = 0;
    const setup = await published(() => (path) => !path.endsWith(CONTENT) || served++ < 20);
    await using repo = setup.repo;
    const controller = new AbortController();
    let fetched = 0;
    const caught = repo
      .pull('origin', {
        refs: ['main'],
        signal: controller.signal,
        onProgress: (p) => {
          fetched = p.fetched - p.metadataFetched;
          if (fetched >= 20) controller.abort();
        },
      })
      .catch((e: unknown) => e);
    expect(await caught).toBe(controller.signal.reason);
    expect(fetched).toBe(20);
    // At once, while the aborted one may still wait for its requests to end.
    setup.web.behave();
    expect(await repo.pull('origin', { refs: ['main'] })).toMatchObject({ contentFetched: 40 });
    await completes(setup);
  });

  it('ends eight pulls that stall, while another one goes on', async () => {
    const setup = await published(onlyFor(CONTENT, () => {}));
    await using repo = setup.repo;
    const { url } = await nginx(setup.source.path);
    const controller = new AbortController();
    const stalled = Array.from({ length: 8 }, () =>
      repo.pull('origin', { refs: ['main'], signal: controller.signal }).catch((e: unknown) => e),
    );
    await setup.web.asked(CONTENT);
    const other = await repo.pull('origin', { refs: ['main'], overrideUrl: url });
    expect(other.refs).toMatchObject([{ new: setup.commit }]);
    controller.abort();
    const started = performance.now();
    for (const error of await Promise.all(stalled)) expect(error).toBe(controller.signal.reason);
    expect(performance.now() - started).toBeLessThan(1_000);
    await completes(setup);
  });
});

describe('a process', () => {
  const ABORTED = `
    import { Repo } from 'ostree';
    const repo = await Repo.open(process.argv[1]);
    const controller = new AbortController();
    const pulling = repo.pull('origin', { refs: ['main'], signal: controller.signal }).catch((e) => e.message);
    await fetch(process.argv[2] + '/told'); // answered once the pull waits
    const started = Date.now();
    controller.abort(new Error('enough'));
    console.log(await pulling);
    process.on('exit', () => console.log(Date.now() - started));
  `;
  const LEFT = `
    import { Repo } from 'ostree';
    const repo = await Repo.open(process.argv[1]);
    repo.pull('origin', { refs: ['main'] }).catch(() => {});
    await fetch(process.argv[2] + '/told');
    console.log(Date.now());
    process.exit(3);
  `;

  function stalling(part: string, answer: (response: ServerResponse) => void) {
    const told: (() => void)[] = [];
    let asked = false;
    return published(() => (path, response) => {
      if (path === '/told') told.push(() => response.end());
      else if (path.endsWith(part)) asked = true;
      if (asked) for (const tell of told.splice(0)) tell();
      if (path.endsWith(part)) answer(response);
      return !path.endsWith(part) && path !== '/told';
    });
  }

  it.each(STALLS)('ends by itself after an abort when the server stalls %s', async (_, part, answer) => {
    const setup = await stalling(part, answer);
    await using _repo = setup.repo;
    const ended = await runModule(ABORTED, [setup.target.path, setup.web.url]);
    expect(ended).toMatchObject({ exitCode: 0, signal: undefined, stderr: '' });
    const [message, milliseconds] = ended.stdout.split('\n');
    expect(message).toBe('enough');
    expect(Number(milliseconds)).toBeLessThan(2_000);
    await completes(setup);
  });

  it('ends at process.exit() while the server stalls', async () => {
    const setup = await stalling(CONTENT, () => {});
    await using _repo = setup.repo;
    const ended = await runModule(LEFT, [setup.target.path, setup.web.url]);
    expect(ended).toMatchObject({ exitCode: 3, signal: undefined, stderr: '' });
    expect(Date.now() - Number(ended.stdout)).toBeLessThan(2_000);
    await completes(setup);
  });
});

describe('stallTimeout', () => {
  it.each(STALLS)('ends a pull whose server stalls %s', async (_, part, answer) => {
    const setup = await published(onlyFor(part, answer));
    await using repo = setup.repo;
    const started = performance.now();
    await expect(repo.pull('origin', { refs: ['main'], stallTimeout: 500 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
      remote: 'origin',
    });
    const elapsed = performance.now() - started;
    expect(elapsed).toBeGreaterThan(450);
    expect(elapsed).toBeLessThan(5_000);
    await completes(setup);
  });

  it('lets a server drip that sends a byte in time', async () => {
    const setup = await published((source) => (path, response) => {
      if (!path.endsWith(CONTENT)) return true;
      void readFile(join(source, path)).then(async (content) => {
        response.writeHead(200, { 'Content-Length': content.length });
        for (const at of [0, 1, 2]) {
          response.write(content.subarray(at, at + 1));
          await pause(300);
        }
        response.end(content.subarray(3));
      });
      return false;
    });
    await using repo = setup.repo;
    const { refs } = await repo.pull('origin', { refs: ['main'], stallTimeout: 800 });
    expect(refs).toMatchObject([{ new: setup.commit }]);
  });
});

describe('progress', () => {
  it('comes before the promise settles and never after, however the pull ends', async () => {
    const failing = onlyFor(CONTENT, (response) => void response.writeHead(404).end());
    const stalling = onlyFor(CONTENT, () => {});
    for (const [behaviour, options, error] of [
      [failing, () => ({}), { code: 'NOT_FOUND' }],
      [stalling, () => ({ stallTimeout: 300 }), { code: 'TIMED_OUT' }],
      [stalling, () => ({ signal: AbortSignal.timeout(300) }), { name: 'TimeoutError' }],
    ] as [() => Behaviour, () => PullOptions, object][]) {
      const setup = await published(behaviour);
      await using repo = setup.repo;
      const progress: PullProgress[] = [];
      let settled = false;
      let late = 0;
      const onProgress = (p: PullProgress) => {
        progress.push(p);
        if (settled) late++;
      };
      await expect(
        repo.pull('origin', { refs: ['main'], onProgress, ...options() }).finally(() => (settled = true)),
      ).rejects.toMatchObject(error);
      expect(progress[0]?.phase).toBe('refs');
      await repo.close();
      await pause(300); // long enough for a report that is due
      expect(late).toBe(0);
    }
  });
});

describe('a server that', () => {
  type Answer = (response: ServerResponse, content: Buffer) => void;

  function flip(content: Buffer): Buffer {
    const altered = Buffer.from(content);
    const at = altered.length >> 1;
    altered[at] = altered[at]! ^ 0xff;
    return altered;
  }

  const notFound: Answer = (response) => void response.writeHead(404).end();
  const broken: Answer = (response) => void response.writeHead(500).end('no');
  const hangsUp: Answer = (response) => void response.socket?.destroy();
  const hangsUpInTheMidst: Answer = (response, content) => {
    response.writeHead(200, { 'Content-Length': content.length });
    response.write(content.subarray(0, content.length - 1), () => response.socket?.destroy());
  };
  const truncates: Answer = (response, content) =>
    void response.end(content.subarray(0, Math.floor(content.length / 2)));
  const empties: Answer = (response) => void response.end();
  const alters: Answer = (response, content) => void response.end(flip(content));
  const repeats: Answer = (response, content) => void response.end(Buffer.concat([content, content]));

  it.each<[string, string, Answer, object]>([
    ['has not a file', CONTENT, notFound, { code: 'NOT_FOUND' }],
    ['has not a directory', '.dirtree', notFound, { code: 'NOT_FOUND' }],
    ['has not the commit', '.commit', notFound, { code: 'NOT_FOUND' }],
    ['fails at a file', CONTENT, broken, { code: 'HTTP', details: { status: 500 } }],
    ['fails at the commit', '.commit', broken, { code: 'HTTP', details: { status: 500 } }],
    ['fails at the summary', '/summary', broken, { code: 'HTTP', details: { status: 500 } }],
    ['hangs up at a file', CONTENT, hangsUp, { code: 'NETWORK' }],
    ['hangs up at the summary', '/summary', hangsUp, { code: 'NETWORK' }],
    ['hangs up in the midst of a file', CONTENT, hangsUpInTheMidst, { code: 'NETWORK' }],
    ['truncates a file', CONTENT, truncates, { code: 'CORRUPT' }],
    ['truncates a directory', '.dirtree', truncates, { code: 'CORRUPT' }],
    ['truncates the commit', '.commit', truncates, { code: 'CORRUPT' }],
    ['empties a file', CONTENT, empties, { code: 'CORRUPT' }],
    ['empties the commit', '.commit', empties, { code: 'CORRUPT' }],
    ['alters a file', CONTENT, alters, { code: 'CORRUPT' }],
    ['alters a directory', '.dirtree', alters, { code: 'CORRUPT' }],
    ['alters directory metadata', '.dirmeta', alters, { code: 'CORRUPT' }],
    ['alters the commit', '.commit', alters, { code: 'CORRUPT' }],
    ['sends a directory twice over', '.dirtree', repeats, { code: 'CORRUPT' }],
  ])('%s is told of by code, and leaves nothing bad behind', async (_, part, answer, expected) => {
    let first: string | undefined;
    const setup = await published((source) => (path, response) => {
      if (!path.endsWith(part) || (first !== undefined && path !== first)) return true;
      first = path;
      void readFile(join(source, path)).then((content) => answer(response, content));
      return false;
    });
    await using repo = setup.repo;
    await expect(
      repo.pull('origin', { refs: ['main'], networkRetries: 1, stallTimeout: 20_000 }),
    ).rejects.toMatchObject({ ...expected, remote: 'origin' });
    await expect(repo.resolveRev('origin:main')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await completes(setup);
  });

  it('fails now and then is asked again', async () => {
    const asked = new Set<string>();
    const setup = await published(() => (path, response) => {
      if (!path.endsWith(CONTENT) || asked.has(path)) return true;
      asked.add(path);
      response.writeHead(500).end();
      return false;
    });
    await using repo = setup.repo;
    const { refs } = await repo.pull('origin', { refs: ['main'] });
    expect(refs).toMatchObject([{ new: setup.commit }]);
    expect(await setup.target.ostree('fsck')).toContain('no errors found');
  });
});
