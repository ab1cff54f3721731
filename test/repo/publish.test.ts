import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type PublishProgress, Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { objectFile } from '../support/objects.js';
import { objectCount, sample, servedFiles } from '../support/publish.js';
import { cliRepo, ostree, temporaryDirectory } from '../support/repo.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function newTarget(): Promise<string> {
  return join(await temporaryDirectory(), 'www', 'repo');
}

/** A commit whose files are many. */
function manyFiles(prefix: string, count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`d${i % 10}/${prefix}${i}`, `${prefix} ${i}`]),
  );
}

describe('publish into a directory', () => {
  it('makes what the command checks and pulls', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    await repo.summary.regenerate();
    const target = await newTarget();
    const states: PublishProgress[] = [];
    const result = await repo.publish(target, { onProgress: (state) => states.push(state) });
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
    expect(await ostree('fsck', `--repo=${target}`)).toMatch(/fsck/i);
    const client = await cliRepo('bare-user');
    await client.ostree('pull-local', target, 'os/main', 'os/other');
    await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', `file://${target}`);
    await client.ostree('pull', '--depth=-1', 'origin', 'os/main');
    expect(await client.ostree('rev-parse', 'origin:os/main')).toBe(commits[1]);
    expect(await client.ostree('fsck')).toMatch(/fsck/i);
    const files = await servedFiles(target);
    expect(result).toMatchObject({
      refs: [
        { ref: 'os/main', old: null, new: commits[1] },
        { ref: 'os/other', old: null },
      ],
      objects: objectCount(files),
      deltas: [`${commits[0]}-${commits[1]}`],
      summary: true,
      pruned: { refs: [], deltas: 0, objects: 0 },
      dryRun: false,
    });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(states.at(-1)).toMatchObject({
      phase: 'done',
      objects: result.objects,
      totalObjects: result.objects,
      bytes: result.bytes,
      totalBytes: result.bytes,
    });
    expect((await stat(join(target, 'objects'))).isDirectory()).toBe(true);
    expect(await readFile(join(target, 'config'), 'utf8')).toBe(
      '[core]\nrepo_version=1\nmode=archive-z2\nindexed-deltas=true\n',
    );
  });

  it('sends only what is missing', async () => {
    const { cli, repo, commits } = await sample();
    const target = await newTarget();
    await repo.publish(target);
    expect(await repo.publish(target)).toMatchObject({
      objects: 0,
      bytes: 0,
      deltas: [],
      refs: [{ old: commits[1], new: commits[1] }, {}],
    });
    const next = await cli.commit('os/main', { large: 'small now', 'dir/a': 'A' });
    const before = await servedFiles(target);
    const result = await repo.publish(target, { refs: ['os/main'] });
    expect(result.refs).toEqual([{ ref: 'os/main', old: commits[1], new: next }]);
    const after = await servedFiles(target);
    expect(result.objects).toBe(objectCount(after) - objectCount(before));
    expect(result.objects).toBeGreaterThan(0);
    expect(after).toEqual(await servedFiles(cli.path));
  });

  it('sends again what is truncated, and signatures that are new', async () => {
    const { cli, repo, commits } = await sample();
    const target = await newTarget();
    await repo.publish(target);
    await truncate(objectFile(target, commits[0], 'commit'), 3);
    await repo.setDetachedMetadata('os/main', { note: 'new' });
    const result = await repo.publish(target);
    expect(result).toMatchObject({ objects: 1 });
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
  });

  it('publishes a signed summary as it is, and none that tells of what the target has not', async () => {
    const { cli, repo } = await sample();
    const key = await gpgKey();
    await repo.summary.regenerate({ sign: { type: 'gpg', keyId: key.keyId, homedir: key.path } });
    const target = await newTarget();
    expect(await repo.publish(target, { refs: ['os/main'] })).toMatchObject({ summary: false });
    expect(Object.keys(await servedFiles(target)).filter((path) => path.startsWith('summary'))).toEqual([]);
    expect(await repo.publish(target)).toMatchObject({ summary: true });
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
    await repo.summary.regenerate();
    await repo.publish(target);
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
  });

  it('deletes what is no longer here, if asked to', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.deltas.reindex();
    const target = await newTarget();
    await repo.publish(target);
    await cli.ostree('refs', '--delete', 'os/main');
    await cli.ostree('prune', '--refs-only', '--depth=0');
    const kept = await servedFiles(target);
    const told = await repo.publish(target, { prune: true, dryRun: true });
    expect(await servedFiles(target)).toEqual(kept);
    const result = await repo.publish(target, { prune: true });
    expect(result.pruned).toEqual({ refs: ['os/main'], deltas: 1, objects: told.pruned.objects });
    expect(result.pruned.objects).toBeGreaterThan(5);
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
    expect(await ostree('fsck', `--repo=${target}`)).toMatch(/fsck/i);
  });

  it('only tells what it would do', async () => {
    const { repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    const target = await newTarget();
    const told = await repo.publish(target, { dryRun: true });
    await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' });
    const done = await repo.publish(target);
    expect({ ...told, dryRun: false, elapsed: 0 }).toEqual({ ...done, elapsed: 0 });
  });

  it('publishes mirrored refs and the collection id', async () => {
    const { cli, repo } = await sample();
    await repo.config.set('core.collection-id', 'org.example.Os');
    const head = await cli.ostree('rev-parse', 'os/other');
    await repo.setRef('app', head, { collectionId: 'org.example.App' });
    await repo.summary.regenerate();
    const target = await newTarget();
    const result = await repo.publish(target);
    expect(result.refs).toContainEqual({ ref: 'app', collectionId: 'org.example.App', old: null, new: head });
    expect(result.summary).toBe(true);
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
    expect(await readFile(join(target, 'config'), 'utf8')).toContain('collection-id=org.example.Os\n');
  });

  it('never shows a ref without its objects to those who pull meanwhile', { timeout: 180_000 }, async () => {
    const { cli, repo } = await sample();
    const target = await newTarget();
    await repo.summary.regenerate();
    await repo.publish(target);
    const { url } = await nginx(target);
    let publishing = true;
    let pulls = 0;
    const pulling = (async () => {
      while (publishing) {
        const client = await cliRepo('archive');
        await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
        // Half of them by the refs themselves, half by the summary.
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
    for (let i = 0; i < 50 && failed === undefined; i++) {
      await repo.commit({ branch: 'os/main', tree: { files: fresh(i) } });
      await repo.summary.regenerate();
      await repo.publish(target, { fsync: false });
    }
    publishing = false;
    await pulling;
    expect(pulls).toBeGreaterThan(2);
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
  });

  it('goes on after it was killed', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('os/main', manyFiles('f', 3000));
    const target = await newTarget();
    const source = `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      await repo.publish(process.argv[2], { concurrency: 1, onProgress: ({ objects }) => console.log(objects) });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source, cli.path, target], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.split('\n').some((line) => Number(line) > 100)) child.kill('SIGKILL');
    });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    const left = objectCount(await servedFiles(target));
    expect(left).toBeGreaterThan(100);
    expect(Object.keys(await servedFiles(target)).filter((path) => path.startsWith('refs/'))).toEqual([]);
    await using repo = await Repo.open(cli.path);
    const result = await repo.publish(target);
    const all = objectCount(await servedFiles(cli.path));
    expect(result.objects).toBe(all - left);
    expect(left).toBeLessThan(all);
    expect(await servedFiles(target)).toEqual(await servedFiles(cli.path));
  });

  it('is cancelled, and ends by what a callback throws', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('os/main', manyFiles('f', 500));
    await using repo = await Repo.open(cli.path);
    const target = await newTarget();
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ phase }: PublishProgress) => {
      if (phase === 'objects') controller.abort(reason);
    };
    await expect(repo.publish(target, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const thrown = new Error('thrown');
    const failing = () => {
      throw thrown;
    };
    await expect(repo.publish(target, { onProgress: failing })).rejects.toBe(thrown);
    await expect(repo.publish(target, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(Object.keys(await servedFiles(target)).filter((path) => path.startsWith('refs/'))).toEqual([]);
  });

  it('is waited for by close()', async () => {
    const { cli } = await sample();
    const repo = await Repo.open(cli.path);
    const target = await newTarget();
    const publishing = repo.publish(target);
    await repo.close();
    expect(await publishing).toMatchObject({ dryRun: false });
    await expect(repo.publish(target)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('sends nothing that is damaged', async () => {
    const { cli, repo } = await sample();
    const { checksum } = await repo.stat('os/main', 'large');
    const file = objectFile(cli.path, checksum, 'filez');
    const data = await readFile(file);
    data[data.length >> 1]! ^= 0xff;
    await chmod(file, 0o644);
    await writeFile(file, data);
    const target = await newTarget();
    await expect(repo.publish(target, { refs: ['os/main'] })).rejects.toMatchObject({
      code: 'CORRUPT',
      checksum,
    });
    expect(Object.keys(await servedFiles(target)).filter((path) => path.startsWith('refs/'))).toEqual([]);
    await rm(file);
    await expect(repo.publish(target, { refs: ['os/main'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      checksum,
    });
  });

  it('refuses a ref that somebody else moves', async () => {
    const { cli, repo, commits } = await sample();
    const target = await newTarget();
    await repo.publish(target);
    await cli.commit('os/main', { next: 'next' });
    const moved: Promise<void>[] = [];
    const onProgress = ({ phase }: PublishProgress) => {
      if (phase === 'objects') moved.push(writeFile(join(target, 'refs/heads/os/main'), `${commits[0]}\n`));
    };
    await expect(repo.publish(target, { onProgress })).rejects.toMatchObject({
      code: 'CONFLICT',
      ref: 'os/main',
      details: { ref: 'os/main', expected: commits[1], actual: commits[0] },
    });
    await Promise.all(moved);
  });

  it('fails with a code', async () => {
    const { cli, repo } = await sample();
    const target = await newTarget();
    await expect(repo.publish(target, { refs: ['none'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'none',
    });
    const bare = await cliRepo('bare-user');
    await expect(repo.publish(bare.path)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', path: bare.path });
    await bare.commit('os/main', { a: 'a' });
    await using other = await Repo.open(bare.path);
    await expect(other.publish(target)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', path: bare.path });
    await mkdir(join(target, '..'), { recursive: true });
    await writeFile(target, 'a file');
    await expect(repo.publish(target)).rejects.toMatchObject({ code: 'NOT_DIRECTORY' });
    const partial = await cliRepo('archive');
    await partial.ostree('pull-local', '--commit-metadata-only', cli.path, 'os/main');
    await using half = await Repo.open(partial.path);
    await expect(half.publish(`${target}2`)).rejects.toMatchObject({ code: 'PARTIAL', ref: 'os/main' });
  });

  it('refuses bad arguments', async () => {
    const { repo } = await sample();
    const call = (target: unknown, options: unknown = {}) =>
      repo.publish(target as string, options as Record<string, never>);
    for (const target of [undefined, null, 1, {}, [], { directory: 1 }])
      await expect(call(target)).rejects.toEqual(typeError(/./));
    for (const target of ['', 'a\0b', 'gopher://x/y', { directory: '' }, repo])
      await expect(call(target)).rejects.toEqual(rangeError(/./));
    for (const options of [
      null,
      { refs: 'a' },
      { prune: 1 },
      { dryRun: 'x' },
      { concurrency: '1' },
      { retries: null },
      { onProgress: 1 },
      { signal: {} },
      { sign: 1 },
    ])
      await expect(call('/tmp/x', options)).rejects.toEqual(typeError(/./));
    for (const options of [
      { refs: ['../x'] },
      { concurrency: 0 },
      { concurrency: 1.5 },
      { retries: -1 },
      { purge: true },
      { prune: true, refs: ['a'] },
    ])
      await expect(call('/tmp/x', options)).rejects.toEqual(rangeError(/./));
  });
});

function* fresh(i: number): Generator<{ path: string; content: string }> {
  for (let n = 0; n < 20; n++) yield { path: `dir${n % 3}/file${n}`, content: `${i} ${n}` };
}

describe.each(['archive', 'bare-user', 'bare'])('publish into a Repo of mode %s', (mode) => {
  async function target(): Promise<{ path: string; to: Repo }> {
    const { path } = await cliRepo(mode);
    const to = await Repo.open(path);
    onTestFinished(() => to.close());
    return { path, to };
  }

  it('sends what is missing, in one transaction', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    const { path, to } = await target();
    const told = await repo.publish(to, { dryRun: true });
    const result = await repo.publish(to);
    expect({ ...told, dryRun: false, elapsed: 0 }).toEqual({ ...result, elapsed: 0 });
    expect(result).toMatchObject({
      refs: [{ ref: 'os/main', old: null, new: commits[1] }, { ref: 'os/other' }],
      objects: objectCount(await servedFiles(cli.path)),
      deltas: [`${commits[0]}-${commits[1]}`],
      summary: mode === 'archive',
    });
    expect(await ostree('fsck', `--repo=${path}`)).toMatch(/fsck/i);
    expect((await ostree('refs', `--repo=${path}`)).split('\n').sort()).toEqual(['os/main', 'os/other']);
    expect(await ostree('log', `--repo=${path}`, 'os/main')).toContain(commits[0]);
    expect(await repo.publish(to)).toMatchObject({ objects: 0, bytes: 0, deltas: [] });
    await repo.setDetachedMetadata('os/main', { note: 'new' });
    await repo.publish(to);
    expect((await to.readCommit('os/main')).detachedMetadata).toEqual({ note: 'new' });
  });

  it('deletes what is no longer here, if asked to', async () => {
    const { cli, repo } = await sample();
    const { path, to } = await target();
    await repo.publish(to);
    await cli.ostree('refs', '--delete', 'os/main');
    const result = await repo.publish(to, { prune: true });
    expect(result.pruned.refs).toEqual(['os/main']);
    expect(result.pruned.objects).toBeGreaterThan(5);
    expect(await ostree('refs', `--repo=${path}`)).toBe('os/other');
    expect(await ostree('fsck', `--repo=${path}`)).toMatch(/fsck/i);
  });

  it('is refused when a ref was moved meanwhile, and leaves the target as it was', async () => {
    const { repo, commits } = await sample();
    const { path, to } = await target();
    await repo.publish(to, { refs: ['os/other'] });
    const before = await servedFiles(path);
    const moved: Promise<void>[] = [];
    const other = await to.resolveRev('os/other');
    const onProgress = ({ phase }: PublishProgress) => {
      if (phase === 'objects') moved.push(to.setRef('os/main', other));
    };
    await expect(repo.publish(to, { refs: ['os/main'], onProgress })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { ref: 'os/main', expected: null, actual: other },
    });
    await Promise.all(moved);
    await to.deleteRef('os/main');
    expect(await servedFiles(path)).toEqual(before);
    expect(await to.hasObject({ type: 'commit', checksum: commits[1] })).toBe(false);
  });

  it('takes nothing that is damaged', async () => {
    const { cli, repo } = await sample();
    const { path, to } = await target();
    const { checksum } = await repo.stat('os/main', 'large');
    const file = objectFile(cli.path, checksum, 'filez');
    await chmod(file, 0o644);
    await truncate(file, 1000);
    await expect(repo.publish(to)).rejects.toMatchObject({ code: 'CORRUPT', checksum });
    expect(Object.keys(await servedFiles(path)).filter((name) => /^refs|commit$/.test(name))).toEqual([]);
  });
});
