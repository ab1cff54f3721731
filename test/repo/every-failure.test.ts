// What fails says so by a code, and names what it was about: of every method that can be asked for what is not there, and
// of every method where the whole repository has gone.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { checksumFile, OstreeError, Repo } from 'ostree';
import { expect, it } from 'vitest';

import {
  COLLECTION,
  end,
  EVERY,
  MAIN,
  outcome,
  prepare,
  templateOfFile,
  type World,
  world,
} from '../support/every-call.js';

const made = templateOfFile();
const NONE = 'f'.repeat(64);
const missing = { type: 'file', checksum: NONE } as const;

/** What is asked for what is not there, and what the failure says of it. */
function missingOf(place: World): [name: string, call: () => unknown, failure: object][] {
  const { repo, other, dir, key, transaction: txn, tree } = place;
  const { remotes, deltas, summary } = repo;
  const keys = { keys: { type: 'ed25519', publicKey: key.public } } as const;
  const signer = { type: 'ed25519', secretKey: key.secret } as const;
  const cookie = { domain: 'h', path: '/', name: 'a' };
  const ref = { ref: 'none' };
  const checksum = { checksum: NONE };
  const path = { path: expect.stringContaining('none') };
  const remote = { remote: 'none' };
  const at = (name: string) => join(dir, 'none', name);
  if (!txn) throw new Error('no transaction was begun');
  return [
    ['Repo.open', () => Repo.open(at('')), path],
    ['Repo.create', () => Repo.create(at('repo')), path],
    ['checksumFile', () => checksumFile(at('file')), path],
    ['resolveRev', () => repo.resolveRev('none'), ref],
    ['resolveRev of a remote', () => repo.resolveRev('origin:none'), { ref: 'origin:none' }],
    ['deleteRef', () => repo.deleteRef('none'), ref],
    ['deleteRef of a remote', () => repo.deleteRef('none', { remote: 'origin' }), {}],
    ['deleteRef of a collection', () => repo.deleteRef('none', { collectionId: COLLECTION }), ref],
    ['resetRef to a rev', () => repo.resetRef('main', 'none'), ref],
    ['resetRef to a commit', () => repo.resetRef('main', NONE), checksum],
    ['readCommit', () => repo.readCommit(NONE), checksum],
    ['readCommit by ref', () => repo.readCommit('none'), ref],
    ['log', () => repo.log(NONE), checksum],
    ['diff', () => repo.diff('main', 'none'), ref],
    ['diff with a directory', () => repo.diff('main', { dir: at('dir') }), path],
    ['stat', () => repo.stat('main', '/none'), path],
    ['stat by ref', () => repo.stat('none', '/'), ref],
    ['lstat', () => repo.lstat('main', '/none'), path],
    ['readdir', () => repo.readdir('main', '/none'), path],
    ['walk', () => repo.walk('main', '/none'), path],
    ['readlink', () => repo.readlink('main', '/none'), path],
    ['xattrs', () => repo.xattrs('main', '/none'), path],
    ['readFile', () => repo.readFile('main', '/none'), path],
    ['createReadStream', () => repo.createReadStream('main', '/none'), path],
    ['reachable', () => repo.reachable(NONE), checksum],
    ['readObject', () => repo.readObject(missing), checksum],
    ['objectSize', () => repo.objectSize(missing), checksum],
    ['markPartial', () => repo.markPartial(NONE, true), checksum],
    ['commit of a directory', () => repo.commit({ tree: at('dir') }), path],
    ['commit of a ref', () => repo.commit({ tree: { ref: 'none' } }), ref],
    ['commit of an archive', () => repo.commit({ tree: { tar: at('tar') } }), path],
    ['commit on a base', () => repo.commit({ tree, base: 'none' }), ref],
    ['commit of objects', () => repo.commit({ tree: { contents: NONE, metadata: NONE } }), checksum],
    ['checkout', () => repo.checkout('none', join(dir, 'out')), ref],
    ['checkout below', () => repo.checkout('main', at('out')), path],
    ['checkout of a part', () => repo.checkout('main', join(dir, 'out'), { subpath: '/none' }), path],
    ['exportTar', () => repo.exportTar('none'), ref],
    ['exportTar of a part', () => repo.exportTar('main', { subpath: '/none' }), path],
    ['sign', () => repo.sign(NONE, signer), checksum],
    ['sign by a file', () => repo.sign('main', { type: 'ed25519', secretKeyFile: at('key') }), path],
    ['verify', () => repo.verify(NONE, keys), checksum],
    ['verify for a remote', () => repo.verify('main', { remote: 'none' }), remote],
    ['verify with a file', () => repo.verify('main', { keys: at('key') }), path],
    ['removeSignatures', () => repo.removeSignatures(NONE), checksum],
    ['setDetachedMetadata', () => repo.setDetachedMetadata(NONE, {}), checksum],
    ['pull', () => repo.pull('none'), remote],
    ['pull of a ref', () => repo.pull('origin', { refs: ['none'] }), ref],
    ['pullLocal', () => repo.pullLocal(at('repo')), { remote: expect.stringContaining('none') }],
    ['pullLocal of a ref', () => repo.pullLocal(place.source, { refs: ['none'] }), ref],
    ['createUsb', () => repo.createUsb(at('medium'), { refs: [MAIN] }), path],
    ['createUsb of a ref', () => repo.createUsb(dir, { refs: [{ ...MAIN, ref: 'none' }] }), ref],
    ['publish', () => repo.publish(join(dir, 'published'), { refs: ['none'] }), ref],
    ['summary.verify for a remote', () => summary.verify({ remote: 'none' }), remote],
    ['deltas.generate', () => deltas.generate({ to: 'none' }), ref],
    ['deltas.generate from', () => deltas.generate({ to: 'main', from: NONE }), checksum],
    ['deltas.generateMany', () => deltas.generateMany([{ to: 'none' }]), ref],
    ['deltas.apply', () => deltas.apply(at('delta')), path],
    ['deltas.show', () => deltas.show(NONE), {}],
    ['deltas.verify', () => deltas.verify(NONE, keys), {}],
    ['deltas.remove', () => deltas.remove(NONE), {}],
    ['deltas.reindex', () => deltas.reindex({ to: 'none' }), ref],
    ['remotes.get', () => remotes.get('none'), remote],
    ['remotes.remove', () => remotes.remove('none'), remote],
    ['remotes.setOptions', () => remotes.setOptions('none', { gpgVerify: false }), remote],
    ['remotes.gpgKeys', () => remotes.gpgKeys('none'), remote],
    ['remotes.importGpgKeys', () => remotes.importGpgKeys('none', place.gpg.publicKeyBytes), remote],
    ['remotes.importGpgKeys of a file', () => remotes.importGpgKeys('spare', [at('keys')]), path],
    ['remotes.add with keys', () => remotes.add('new', 'http://h/', { gpgKeys: [at('keys')] }), path],
    ['remotes.refs', () => remotes.refs('none'), remote],
    ['remotes.summary', () => remotes.summary('none'), remote],
    ['cookies.list', () => remotes.cookies.list('none'), remote],
    ['cookies.add', () => remotes.cookies.add('none', { ...cookie, value: 'b' }), remote],
    ['cookies.remove', () => remotes.cookies.remove('none', cookie), remote],
    ['cookies.remove of one', () => remotes.cookies.remove('origin', cookie), { remote: 'origin' }],
    ['txn.commit', () => txn.commit({ tree: at('dir') }), path],
    ['txn.deleteRef', () => txn.deleteRef('none'), ref],
    ['txn.resolveRev', () => txn.resolveRev('none'), ref],
    ['txn.readCommit', () => txn.readCommit(NONE), checksum],
    ['txn.readFile', () => txn.readFile('main', '/none'), path],
    ['txn.sign', () => txn.sign(NONE, signer), checksum],
    ['txn.setDetachedMetadata', () => txn.setDetachedMetadata(NONE, {}), checksum],
    ['txn.importFrom', () => txn.importFrom(other, [missing]), checksum],
    ['txn.writeTree', () => txn.writeTree({ a: NONE }), checksum],
  ];
}

it('what is not there is NOT_FOUND, and named', async () => {
  const place = await world(made());
  await prepare(place, 'Transaction');
  for (const [name, call, failure] of missingOf(place)) {
    const came = await outcome(call).catch((error: unknown) => error);
    expect.soft(came, name).toMatchObject({ name: 'OstreeError', code: 'NOT_FOUND', ...failure });
  }
  await end(place);
  await using repo = await Repo.open(place.path);
  await expect(repo.deleteObject(missing)).rejects.toMatchObject({ code: 'NOT_FOUND', checksum: NONE });
  await rm(join(place.path, 'summary'));
  await expect(repo.summary.read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

/** The code that a call fails with, 'done', or whatever else it threw. */
async function codeOf(call: () => unknown): Promise<unknown> {
  try {
    await outcome(call);
    return 'done'; // what is in memory
  } catch (error) {
    return OstreeError.is(error) ? error.code : error;
  }
}

it('on a repository that has gone, everything fails with a code, and closes', async () => {
  const place = await world(made());
  await prepare(place, 'Repo');
  for (const [group, method, call] of EVERY) {
    if (group === 'Transaction' || group === 'functions') continue;
    await rm(place.path, { recursive: true, force: true });
    expect(await codeOf(() => call(place, {})), `${group}: ${method}()`).toMatch(/^(?:[A-Z_]+|done)$/);
  }
  await end(place);
});

it('in a transaction on a repository that has gone, too', async () => {
  const place = await world(made());
  await prepare(place, 'Transaction');
  await rm(place.path, { recursive: true });
  for (const [group, method, call] of EVERY) {
    if (group !== 'Transaction' || method === 'commitTransaction') continue;
    expect(await codeOf(() => call(place, {})), method).toMatch(/^(?:[A-Z_]+|done)$/);
  }
  expect(await codeOf(() => place.transaction?.commitTransaction())).toMatch(/^[A-Z_]+$/);
  await end(place);
});

it('a config that is none fails to be read again, and the Repo goes on with what it had', async () => {
  const place = await world(made());
  await writeFile(join(place.path, 'config'), 'nonsense');
  await expect(place.repo.reload()).rejects.toMatchObject({ name: 'OstreeError', code: 'FAILED' });
  expect(place.repo.mode).toBe('archive');
  expect(await place.repo.hasRef('main')).toBe(true);
  await end(place);
});
