// pull({ isolate: true }): the same as in this process, but that it can be killed.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { type PullProgress, Repo, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { gpgKey } from '../support/gpg.js';
import { childrenOf, commandLine, environment, runs, untilGone } from '../support/processes.js';
import { files, served } from '../support/pull.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { type Behaviour, server } from '../support/server.js';

const HELPER = 'pull-helper';
const CONTENT = '.filez';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function helper(parent = process.pid): Promise<number> {
  const [pid] = await childrenOf(parent, HELPER);
  if (pid === undefined) throw new Error('no process pulls');
  return pid;
}

/** A repository whose remote behaves as told. */
async function stalled(behaviour: Behaviour) {
  const source = await cliRepo();
  const commit = await source.commit('main', files(60));
  await source.ostree('summary', '--update');
  const web = await server(source.path, behaviour);
  const target = await cliRepo('bare-user');
  const repo = await Repo.open(target.path);
  await repo.remotes.add('origin', web.url, { gpgVerify: false });
  return { source, commit, web, target, repo };
}

/** Everything but the files, until the server is told to behave. */
const stallsFiles: Behaviour = (path) => !path.endsWith(CONTENT);

describe('an isolated pull', () => {
  it.each(['archive', 'bare-user'])('brings what one in this process brings, into %s', async (mode) => {
    const { target, url, second, log, ...rest } = await served(mode);
    await using repo = rest.repo;
    const other = await cliRepo(mode);
    await using here = await Repo.open(other.path);
    await here.remotes.add('origin', url, { gpgVerify: false });
    const isolated = await repo.pull('origin', { refs: ['main'], isolate: true });
    const { elapsed, ...expected } = await here.pull('origin', { refs: ['main'] });
    expect(isolated).toEqual({ ...expected, elapsed: expect.any(Number) });
    expect(elapsed).toBeGreaterThan(0);
    expect(isolated.refs).toMatchObject([{ new: second }]);
    const objects = async (path: string) =>
      (await readdir(join(path, 'objects'), { recursive: true })).sort();
    expect(await objects(target.path)).toEqual(await objects(other.path));
    expect(await target.ostree('fsck')).toContain('no errors found');
    expect(await childrenOf(process.pid, HELPER)).toEqual([]);
    expect((await log()).length).toBeGreaterThan(0);
  });

  it('tells how far it is, in the caller’s asynchronous context, and never after its end', async () => {
    const { ...rest } = await served();
    await using repo = rest.repo;
    const storage = new AsyncLocalStorage<string>();
    const seen: PullProgress[] = [];
    let settled = false;
    const result = await storage.run('mine', () =>
      repo.pull('origin', {
        refs: ['main'],
        isolate: true,
        onProgress: (progress) => {
          expect(storage.getStore()).toBe('mine');
          expect(settled).toBe(false);
          seen.push(progress);
        },
      }),
    );
    settled = true;
    expect(seen[0]?.phase).toBe('refs');
    expect(seen.at(-1)).toMatchObject({ phase: 'done', status: result.status });
  });

  it('ends with what a progress callback throws', async () => {
    const { ...rest } = await served();
    await using repo = rest.repo;
    const thrown = new Error('no more');
    const pulling = repo.pull('origin', {
      refs: ['main'],
      isolate: true,
      onProgress: () => {
        throw thrown;
      },
    });
    await expect(pulling).rejects.toBe(thrown);
    expect(await childrenOf(process.pid, HELPER)).toEqual([]);
  });

  it('takes the options that data are: a summary, headers, other commits', async () => {
    const { source, first, ...rest } = await served();
    await using repo = rest.repo;
    const tokens = new Set<unknown>();
    const web = await server(source.path, (_path, _response, request) => {
      tokens.add(request.headers['x-token']);
      return true;
    });
    const summary = {
      bytes: new Uint8Array(await readFile(join(source.path, 'summary'))),
      signatures: new Uint8Array(),
    };
    const overrideCommits = { main: first };
    const pulling = repo.pull('origin', {
      overrideCommits,
      summary,
      overrideUrl: web.url,
      httpHeaders: { 'X-Token': 'secret' },
      isolate: true,
    });
    overrideCommits.main = 'changed meanwhile';
    expect((await pulling).refs).toMatchObject([{ ref: 'main', new: first }]);
    expect([...tokens]).toEqual(['secret']);
    expect(web.requests).not.toContain('/summary');
  });

  it('opens the repository as this one was opened', async () => {
    const { url, source, second, ...rest } = await served();
    await rest.repo.close();
    const remotesConfigDir = await temporaryDirectory();
    await writeFile(join(remotesConfigDir, 'x.conf'), `[remote "extra"]\nurl=${url}\ngpg-verify=false\n`);
    const target = await cliRepo('bare-user');
    await using repo = await Repo.open(target.path, { remotesConfigDir, fsync: false });
    const { refs } = await repo.pull('extra', { refs: ['main'], isolate: true });
    expect(refs).toEqual([{ ref: 'main', remote: 'extra', old: null, new: second }]);
    const local = await repo.pull(pathToFileURL(source.path).href, { refs: ['os/next'], isolate: true });
    expect(local.refs).toMatchObject([{ ref: 'os/next' }]);
  });
});

describe('what goes wrong in an isolated pull', () => {
  it('crosses with its code and details', async () => {
    const { source, target, url, second, ...rest } = await served();
    await using repo = rest.repo;
    const failure = (name: string, refs = ['main']) =>
      repo.pull(name, { refs, isolate: true, networkRetries: 0 }).then(
        () => undefined,
        (error: unknown) => error,
      );
    const missing = await failure('origin', ['nothing']);
    expect(missing).toMatchObject({ code: 'NOT_FOUND', remote: 'origin', ref: 'nothing' });
    expect((missing as Error).stack).toContain('pull.ts');

    const key = await gpgKey();
    await repo.remotes.add('signed', url, { gpgKeys: key.publicKeyBytes });
    expect(await failure('signed')).toMatchObject({
      code: 'SIGNATURE',
      details: { reasons: [expect.objectContaining({ type: 'gpg' })] },
    });

    await repo.remotes.add('gone', `${url}/nowhere`, { gpgVerify: false });
    const here = await repo.pull('gone', { refs: ['main'] }).catch((error: unknown) => error);
    expect({ ...((await failure('gone')) as object) }).toEqual({ ...(here as object) });

    const commit = join(source.path, 'objects', second.slice(0, 2), `${second.slice(2)}.commit`);
    const bytes = await readFile(commit);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(commit, bytes);
    expect(await failure('origin')).toMatchObject({
      code: 'CORRUPT',
      details: { objects: [{ type: 'commit', checksum: second }] },
    });
    expect(await target.ostree('refs')).toBe('');
    expect(await childrenOf(process.pid, HELPER)).toEqual([]);
  });

  it('is said, when the process ends by itself', async () => {
    const { web, ...rest } = await stalled(stallsFiles);
    await using repo = rest.repo;
    const pulling = repo.pull('origin', { refs: ['main'], isolate: true }).catch((error: unknown) => error);
    await web.asked(CONTENT);
    process.kill(await helper(), 'SIGKILL');
    expect(await pulling).toMatchObject({
      code: 'FAILED',
      message: 'The process of the pull was ended by SIGKILL',
      remote: 'origin',
    });
    web.behave();
    expect((await repo.pull('origin', { refs: ['main'] })).refs).toHaveLength(1);
  });

  it('is refused beforehand: other options, and what only this process has', async () => {
    const { ...rest } = await served();
    await using repo = rest.repo;
    const options = { refs: ['main'], isolate: true };
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
    await expect(repo.pull('origin', { ...options, isolate: 'yes' as never })).rejects.toMatchObject(wrong);
    await expect(repo.pull('origin', { ...options, onProgress: 1 as never })).rejects.toMatchObject(wrong);
    await expect(
      repo.pull('origin', { ...options, httpHeaders: { 'X-Token': () => 'a' } as never }),
    ).rejects.toMatchObject({ ...wrong, message: expect.stringContaining("httpHeaders['X-Token']") });
    await expect(repo.pullLocal('/x', options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('options.isolate'),
    });
    const notHere = { code: 'NOT_SUPPORTED', message: expect.stringContaining('Repo.open()') };
    await using lock = await repo.lock('shared');
    await expect(lock.repo.pull('origin', options)).rejects.toMatchObject(notHere);
    const root = await temporaryDirectory();
    await Sysroot.init(root);
    await using sysroot = await Sysroot.open(root);
    await expect(sysroot.repo.pull('origin', options)).rejects.toMatchObject(notHere);
    await expect(
      repo.pull('origin', { ...options, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
  });
});

describe('an isolated pull from a server that stalls', () => {
  it.each([
    ['summary', '/summary'],
    ['file', CONTENT],
  ])('is gone within a second of an abort (%s), and the next one goes on', async (_what, part) => {
    const { web, commit, target, ...rest } = await stalled((path) => !path.endsWith(part));
    await using repo = rest.repo;
    const controller = new AbortController();
    const reason = new Error('enough');
    const pulling = repo
      .pull('origin', {
        refs: ['main'],
        isolate: true,
        httpHeaders: { 'X-Token': 'secret-word' },
        signal: controller.signal,
      })
      .catch((error: unknown) => error);
    await web.asked(part);
    const pid = await helper();
    expect((await commandLine(pid)) + (await environment(pid))).not.toContain('secret-word');
    const aborted = performance.now();
    controller.abort(reason);
    expect(await pulling).toBe(reason);
    expect(performance.now() - aborted).toBeLessThan(1_000);
    expect(await runs(pid)).toBe(false);
    await (await repo.lock('exclusive', { timeout: 0 })).release();
    web.behave();
    const { refs } = await repo.pull('origin', { refs: ['main'], isolate: true });
    expect(refs).toMatchObject([{ new: commit }]);
    expect(await target.ostree('fsck')).toContain('no errors found');
  });

  it('keeps what had come', async () => {
    let files = 0;
    const { web, ...rest } = await stalled((path) => !path.endsWith(CONTENT) || files++ < 20);
    await using repo = rest.repo;
    const controller = new AbortController();
    const pulling = repo.pull('origin', {
      refs: ['main'],
      isolate: true,
      signal: controller.signal,
      onProgress: ({ fetched, metadataFetched }) => {
        if (fetched - metadataFetched >= 20) controller.abort();
      },
    });
    expect(await pulling.catch((error: unknown) => error)).toBe(controller.signal.reason);
    web.behave();
    const again = await repo.pull('origin', { refs: ['main'], isolate: true });
    expect(again).toMatchObject({ contentFetched: 40 });
  });

  it('is TIMED_OUT after stallTimeout', async () => {
    const { ...rest } = await stalled(stallsFiles);
    await using repo = rest.repo;
    const pulling = repo.pull('origin', { refs: ['main'], isolate: true, stallTimeout: 300 });
    await expect(pulling).rejects.toMatchObject({ code: 'TIMED_OUT', remote: 'origin' });
    expect(await childrenOf(process.pid, HELPER)).toEqual([]);
  });

  it('holds the lock until it is gone, and ends as its Repo is closed', async () => {
    const { web, target, ...rest } = await stalled(stallsFiles);
    await using other = await Repo.open(target.path);
    const { repo } = rest;
    const pulling = repo.pull('origin', { refs: ['main'], isolate: true }).catch((error: unknown) => error);
    await web.asked(CONTENT);
    const pid = await helper();
    await expect(other.lock('exclusive', { timeout: 0 })).rejects.toMatchObject({
      code: 'LOCKED',
      details: { holder: 'this-process' },
    });
    await repo.close({ cancel: true });
    expect(await pulling).toMatchObject({ code: 'CANCELLED' });
    expect(await runs(pid)).toBe(false);
    await (await other.lock('exclusive', { timeout: 0 })).release();
  });
});

describe('the process of an isolated pull', () => {
  it('goes when its parent is killed', async () => {
    const { web, target, ...rest } = await stalled(stallsFiles);
    await rest.repo.close();
    const source = `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      await repo.pull('origin', { refs: ['main'], isolate: true });`;
    const command = ['--input-type=module', '--eval', source, target.path];
    const parent = spawn(process.execPath, command, { cwd: ROOT, stdio: 'inherit' });
    const ended = once(parent, 'exit');
    await web.asked(CONTENT);
    const pid = await helper(parent.pid);
    parent.kill('SIGKILL');
    await ended;
    expect(await untilGone(pid)).toBeLessThan(2_000);
  });

  it('serves CommonJS and Workers, and takes no options of Node’s from the caller', async () => {
    const { target, second, ...rest } = await served();
    await rest.repo.close();
    const pull = `
      const { Worker, isMainThread } = require('node:worker_threads');
      const { Repo } = require('ostree');
      (async () => {
        const repo = await Repo.open(${JSON.stringify(target.path)});
        const { refs } = await repo.pull('origin', { refs: ['main'], isolate: true });
        console.log(isMainThread, refs[0].new);
        await repo.close();
        if (isMainThread) new Worker(__filename);
      })();`;
    const script = join(await temporaryDirectory(), 'script.cjs');
    await writeFile(script, pull.replaceAll("'ostree'", JSON.stringify(join(ROOT, 'dist/index.js'))));
    // A port of its own that is taken: who inherits it, says so.
    const ended = await runModule('', [], { nodeOptions: ['--inspect=127.0.0.1:0', script] });
    expect(ended).toMatchObject({ exitCode: 0, stdout: `true ${second}\nfalse ${second}` });
    expect(ended.stderr.match(/Debugger listening/g)).toHaveLength(1);
  });
});
