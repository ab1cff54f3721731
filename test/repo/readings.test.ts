// What the documented options and arguments can be taken to mean, where there is more than one way: each of them works.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { createRepoHandler, OstreeError, Repo, type SkipStat, Variant } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { typeError } from '../support/errors.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

const FILES = { a: 'one', 'd/b': 'two', 'd/e/f': 'three' };

async function sample(mode = 'archive') {
  const cli = await cliRepo(mode);
  const first = await cli.commit('main', FILES);
  const second = await cli.commit('main', { ...FILES, a: 'ONE' });
  const tree = await temporaryDirectory();
  await writeTree(tree, FILES);
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { cli, repo, first, second, tree, out: join(await temporaryDirectory(), 'out') };
}

describe('a signal ends the wait for', () => {
  const reason = new Error('enough');

  it('close(), which does nothing where it is aborted before', async () => {
    const { repo } = await sample();
    await expect(repo.close({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(repo.close({ signal: 5 as never })).rejects.toEqual(typeError(/options\.signal/));
    expect(await repo.hasRef('main')).toBe(true);
    await repo.close({ signal: new AbortController().signal });
    await expect(repo.hasRef('main')).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('close() while something runs, which goes on', async () => {
    const { repo } = await sample();
    let finish = () => {};
    let begun = () => {};
    const running = new Promise<void>((resolve) => (begun = resolve));
    const going = new Promise<string>((resolve) => (finish = () => resolve('x')));
    const content = (async function* () {
      begun();
      yield await going;
    })();
    const commit = repo.commit({ tree: { files: [{ path: 'a', content }] } });
    await running;
    const control = new AbortController();
    const closing = repo.close({ signal: control.signal });
    control.abort(reason);
    await expect(closing).rejects.toBe(reason);
    await expect(repo.hasRef('main')).rejects.toMatchObject({ code: 'CLOSED' });
    finish();
    expect(await commit).toMatchObject({ changed: true });
    await repo.close();
  });

  it('the end of a lock and of a transaction', async () => {
    const { repo } = await sample();
    const aborted = { signal: AbortSignal.abort(reason) };
    const lock = await repo.lock('exclusive', { timeout: Infinity });
    await expect(lock.release(aborted)).rejects.toBe(reason);
    await expect(repo.lock('exclusive', { timeout: 0 })).rejects.toMatchObject({ code: 'LOCKED' });
    await lock.release({ signal: new AbortController().signal });
    const txn = await repo.begin();
    await expect(txn.abort(aborted)).rejects.toBe(reason);
    expect(await txn.writeFile('x')).toHaveLength(64);
    await txn.abort({ signal: new AbortController().signal });
    await expect(txn.writeFile('x')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('commit', () => {
  it('takes paths with and without a slash in front', async () => {
    const { repo, tree } = await sample();
    const { checksum } = await repo.commit({
      tree,
      skip: ['d/e'],
      statOverride: { a: { set: 0o600 }, '/d/b': { add: 0o100 } },
    });
    expect((await repo.stat(checksum, 'a')).mode & 0o777).toBe(0o600);
    expect((await repo.stat(checksum, 'd/b')).mode & 0o100).toBe(0o100);
    await expect(repo.stat(checksum, 'd/e')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.commit({ tree, skip: ['gone'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes back the metadata of an earlier commit of the branch', async () => {
    const { repo, tree } = await sample();
    const options = { tree, branch: 'main', bindRefs: ['other'] };
    const first = await repo.commit({ ...options, metadata: { n: 5 } });
    const { metadata } = await repo.readCommit(first.checksum, { variants: true });
    const second = await repo.commit({ ...options, metadata });
    expect((await repo.readCommit(second.checksum, { variants: true })).metadata).toEqual(metadata);
    await expect(repo.commit({ ...options, branch: 'new', metadata })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('in a transaction takes fsync, too', async () => {
    const { cli, repo, tree } = await sample();
    const checksum = await repo.transaction(
      async (txn) => {
        const commit = await txn.commit({ tree, fsync: true });
        await txn.commit({ tree, subject: 'another', fsync: false });
        await txn.setRef('new', commit.checksum);
        return commit.checksum;
      },
      { fsync: false },
    );
    expect(await cli.ostree('rev-parse', 'new')).toBe(checksum);
  });

  it('knows what the Repo itself has checked out', async () => {
    const { repo, first, out } = await sample('bare-user');
    await repo.checkout(first, out, { userMode: true, devinoCache: true });
    const { rootContents } = await repo.readCommit(first);
    const { stats, ...made } = await repo.commit({ tree: out, devinoCache: true });
    expect(stats.cacheHits).toBe(3);
    expect(made).toMatchObject({ rootContents });
    expect((await repo.commit({ tree: out, devinoCache: false })).stats.cacheHits).toBe(0);
  });

  it('takes a policy by its path, or the one of the tree', async () => {
    const { repo, tree } = await sample();
    for (const selinux of [tree, { policy: tree }, true, false, { fromBase: true } as const])
      expect((await repo.commit({ tree, selinux })).changed).toBe(true);
    const none = repo.commit({ tree: { files: [] }, selinux: true });
    await expect(none).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('checkout', () => {
  it('makes sure by itself that union-identical has links', async () => {
    const { repo, first, second, out } = await sample('bare-user');
    const options = { userMode: true, overwrite: 'union-identical' } as const;
    await repo.checkout(first, out, options);
    expect(await repo.checkout(first, out, options)).toMatchObject({ copied: 0, kept: 3 });
    await expect(repo.checkout(second, out, options)).rejects.toMatchObject({ code: 'EXISTS' });
  });

  it('updates in place where files are to be replaced, as it does in any case', async () => {
    const { repo, first, second, out } = await sample();
    await repo.checkout(first, out, { userMode: true });
    await repo.checkout(second, out, { userMode: true, from: first, overwrite: 'union-files' });
    expect(await readFile(join(out, 'a'), 'utf8')).toBe('ONE');
  });

  it('leaves out paths with and without a slash in front', async () => {
    const { repo, first, out } = await sample();
    await repo.checkout(first, out, { userMode: true, skip: ['d/e', '/a'] });
    expect((await readdir(out, { recursive: true })).sort()).toEqual(['d', 'd/b']);
  });

  it('asks a function what to leave out', async () => {
    const { repo, first, second, out } = await sample();
    const asked: Record<string, SkipStat> = {};
    const skip = (path: string, stat: SkipStat) => {
      asked[path] = stat;
      return path === '/d/e';
    };
    await repo.checkout(first, out, { userMode: true, skip });
    expect(Object.keys(asked)).toEqual(['/a', '/d', '/d/b', '/d/e']);
    expect(asked['/a']).toMatchObject({ type: 'file', size: 3, uid: 0, gid: 0 });
    expect(asked['/d']).toMatchObject({ type: 'directory', size: 0 });
    expect((await readdir(out, { recursive: true })).sort()).toEqual(['a', 'd', 'd/b']);

    await repo.checkout(second, out, { userMode: true, skip, from: first });
    expect(await readFile(join(out, 'a'), 'utf8')).toBe('ONE');
    expect(existsSync(join(out, 'd/e'))).toBe(false);
  });

  it('asks it of paths below the destination', async () => {
    const { repo, first, out } = await sample();
    const asked: string[] = [];
    const skip = (path: string) => {
      asked.push(path);
      return path === '/e';
    };
    await repo.checkout(first, out, { userMode: true, skip, subpath: '/d' });
    await repo.checkout(first, `${out}2`, { userMode: true, skip, subpath: 'd/b' });
    await repo.checkout(first, `${out}3`, { userMode: true, skip, subpath: 'gone', allowNoent: true });
    expect(asked).toEqual(['/b', '/e', '/b']);
    expect(await readdir(out)).toEqual(['b']);
    expect(await readdir(`${out}2`)).toEqual(['b']);
  });

  it('makes nothing where the function fails, or there is nothing to ask of', async () => {
    const { repo, first, out } = await sample();
    const mine = new Error('mine');
    const skip = () => {
      throw mine;
    };
    await expect(repo.checkout(first, out, { userMode: true, skip })).rejects.toBe(mine);
    await expect(repo.checkout(first, out, { skip: (() => 'yes') as never })).rejects.toEqual(
      typeError(/^The result of options\.skip/),
    );
    await expect(repo.checkout('gone', out, { skip })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(repo.checkout(first, out, { skip, subpath: 'gone' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    const aborted = repo.checkout(first, out, { skip, signal: AbortSignal.abort(mine) });
    await expect(aborted).rejects.toBe(mine);
    expect(existsSync(out)).toBe(false);
  });
});

describe('prune', () => {
  it('with staticDeltas alone deletes deltas to what the rules do not keep, and nothing else', async () => {
    const { cli, repo, first, second } = await sample();
    await repo.deltas.generateMany([
      { to: first, from: null },
      { to: second, from: first },
    ]);
    const objects = (await cli.ostree('ls', '-R', first)) + (await cli.ostree('ls', '-R', second));
    expect(await repo.prune({ staticDeltas: true })).toEqual({ total: 2, pruned: 0, bytes: 0 });
    const rules = { staticDeltas: true, refsOnly: true, depth: 0 };
    const would = await repo.prune({ ...rules, dryRun: true });
    expect(would).toEqual({ total: 2, pruned: 1, bytes: expect.any(Number) });
    expect(await repo.prune(rules)).toEqual(would);
    expect(await cli.ostree('static-delta', 'list')).toBe(`${first}-${second}`);
    expect((await cli.ostree('ls', '-R', first)) + (await cli.ostree('ls', '-R', second))).toBe(objects);
  });

  it('takes Infinity for all parents', async () => {
    const { repo, first } = await sample();
    expect(await repo.prune({ retainDepth: { main: Infinity }, depth: 0, dryRun: true })).toMatchObject({
      pruned: 0,
    });
    expect(await repo.prune({ refsOnly: true, depth: Infinity })).toMatchObject({ pruned: 0 });
    expect(await repo.hasObject({ type: 'commit', checksum: first })).toBe(true);
  });
});

describe('reading', () => {
  it('goes to the end where a limit is Infinity', async () => {
    const { repo, first } = await sample();
    expect(await repo.readFile(first, 'a', { encoding: 'utf8', maxSize: Infinity })).toBe('one');
    const stream = repo.createReadStream(first, 'a', { start: 1, end: Infinity });
    expect(Buffer.concat(await stream.toArray()).toString()).toBe('ne');
    const all = async (depth: number) => {
      let count = 0;
      for await (const _ of repo.reachable('main', { depth })) count++;
      return count;
    };
    expect(await all(-1)).toBe(await all(Infinity));
    expect(await all(-1)).toBeGreaterThan(await all(0));
  });

  it('keeps Variants in whatever has metadata', async () => {
    const { repo, tree, out } = await sample();
    const { checksum } = await repo.commit({
      tree,
      branch: 'x',
      metadata: { n: 5 },
      detachedMetadata: { d: 'e' },
    });
    await repo.summary.regenerate();
    const commit = await repo.readObject({ type: 'commit', checksum }, { variants: true });
    expect(commit).toMatchObject({ commit: { metadata: { n: new Variant('i', 5) } } });
    const detached = await repo.readObject({ type: 'commitmeta', checksum }, { variants: true });
    expect(detached).toMatchObject({ metadata: { d: new Variant('s', 'e') } });

    const server = createServer(createRepoHandler(repo));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    await using other = await Repo.create(out);
    await other.remotes.add('o', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
      gpgVerify: false,
    });
    const { metadata } = await other.remotes.summary('o', { variants: true });
    expect(Object.values(metadata).every((value) => value instanceof Variant)).toBe(true);
    const refs = await other.remotes.refs('o', { variants: true });
    expect(Object.values(refs[0]?.metadata ?? {})[0]).toBeInstanceOf(Variant);
    await expect(other.remotes.refs('o', { variants: 1 as never })).rejects.toEqual(
      typeError(/options\.variants/),
    );
  });
});

it('markPartial() takes the state for the reason', async () => {
  const { repo, first } = await sample();
  for (const state of ['partial', 'fsck-partial'] as const) {
    await repo.markPartial(first, true, state);
    expect(await repo.readCommit(first)).toMatchObject({ state });
    await repo.markPartial(first, false);
  }
});

it('pullLocal() takes a file: URL', async () => {
  const { cli, out, second } = await sample();
  await using repo = await Repo.create(out, { mode: 'archive' });
  await repo.pullLocal(pathToFileURL(cli.path).href, { refs: ['main'] });
  expect(await repo.resolveRev('main')).toBe(second);
  await expect(repo.pullLocal('file://gone here')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});

describe('deltas', () => {
  it('are named by what list() tells of them', async () => {
    const { repo, first, second } = await sample();
    await repo.deltas.generate({ from: first, to: second });
    const [delta] = await repo.deltas.list();
    if (!delta) throw new Error('there is none');
    expect(await repo.deltas.show(delta)).toMatchObject({ name: `${first}-${second}` });
    await expect(repo.deltas.verify(delta, { keys: Buffer.alloc(32, 1) })).rejects.toSatisfy((error) =>
      OstreeError.is(error, 'SIGNATURE'),
    );
    await repo.deltas.remove(delta);
    await expect(repo.deltas.show(delta)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are applied unverified where verify is false, and not where it is true', async () => {
    const { repo, out, second } = await sample();
    const filename = join(await temporaryDirectory(), 'delta');
    await repo.deltas.generate({ from: null, to: second, inline: true, filename });
    await using other = await Repo.create(out, { mode: 'bare-user' });
    await expect(other.deltas.apply(filename, { verify: true as never })).rejects.toEqual(
      typeError(/options\.verify/),
    );
    expect(await other.deltas.apply(filename, { verify: false })).toMatchObject({ to: second });
  });
});

it('verify() knows the kind of a key that is given without it', async () => {
  const { repo, first } = await sample();
  const ed25519 = generateKeyPairSync('ed25519');
  const seed = ed25519.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const raw = ed25519.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = ec.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  for (const keys of [raw, raw.toString('base64'), pem, Buffer.from(pem)])
    await expect(repo.verify(first, { keys })).rejects.toMatchObject({ code: 'SIGNATURE' });
  await repo.sign(first, { type: 'ed25519', secretKey: Buffer.concat([seed, raw]) });
  for (const keys of [raw, [raw.toString('base64')]])
    expect(await repo.verify(first, { keys })).toMatchObject({ valid: true });
  await repo.sign(first, { type: 'spki', secretKey: ec.privateKey.export({ format: 'pem', type: 'pkcs8' }) });
  for (const keys of [[pem], Buffer.from(pem)])
    expect(await repo.verify(first, { keys })).toMatchObject({ valid: true });
});
