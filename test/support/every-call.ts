// Every method of the repository side, each called in a way in which it succeeds: for tests of what all of them have in
// common. A method that is missing here fails the tests that compare the names.
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import {
  checksumFile,
  features,
  type FoundRemote,
  type ObjectName,
  Repo,
  type RepoLock,
  Transaction,
} from 'ostree';
import { beforeAll } from 'vitest';

import { deltaPath } from '../../lib/publish-store.js';
import { type GpgKey, gpgKey } from './gpg.js';
import { checksumsAt, copyRepo } from './objects.js';
import { type AtEnd, cliRepo, temporaryDirectory, writeTree } from './repo.js';
import { type Ed25519Key, ed25519Key } from './sign.js';

export const COLLECTION = 'org.example.Os';
export const MAIN = { collectionId: COLLECTION, ref: 'main' };
const COOKIE = { domain: 'example.org', path: '/', name: 'a' };

/** Why a method cannot do what it is for, with this libostree. */
export const UNSUPPORTED: Record<string, string> =
  features.composefs === true ? {} : { checkoutComposefs: 'libostree has no composefs' };

/** What worlds are copies of. */
export interface Template {
  path: string;
  /** Another repository of the collection, whose commits are signed by gpg; `path` has it as 'origin'. */
  source: string;
  /** A commit of `path` that nothing needs, and a file of `main`, by its content object. */
  lone: string;
  file: string;
  /** Of `main`, the older one first. */
  commits: [string, string];
  /** It has signed `main`, a delta to it, and the summary. */
  key: Ed25519Key;
  gpg: GpgKey;
  /** Of all objects that a commit of `source` consists of. */
  names: ObjectName[];
}

/** What the calls are made on, and made with. */
export interface World extends Template {
  repo: Repo;
  /** `source`, opened. */
  other: Repo;
  found: FoundRemote[];
  /** An empty directory, and one to commit. */
  dir: string;
  tree: string;
  transaction: Transaction | undefined;
}

async function template(atEnd: AtEnd): Promise<Template> {
  const gpg = await gpgKey(undefined, { atEnd });
  const key = ed25519Key();
  const byGpg = [`--gpg-sign=${gpg.keyId}`, `--gpg-homedir=${gpg.path}`];
  const source = await cliRepo('archive', atEnd);
  await source.ostree('config', 'set', 'core.collection-id', COLLECTION);
  const theirs = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i % 3}/f${i}`, `theirs ${i}`]));
  const head = await source.commit('main', theirs, ...byGpg);
  await source.ostree('summary', '--update', ...byGpg);
  await source.ostree('static-delta', 'generate', '--empty', '--inline', '--to=main');

  const cli = await cliRepo('archive', atEnd);
  const ours = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i % 3}/f${i}`, `ours ${i}`]));
  const large = Buffer.alloc(700_000, 'some text or other');
  const tree = await temporaryDirectory(atEnd);
  await writeTree(tree, { ...ours, large, a: '1' });
  await symlink('a', join(tree, 'link'));
  const first = await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
  large.write('changed', 300_000);
  await writeTree(tree, { large, a: '2' });
  const second = await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
  await writeFile(join(tree, 'a'), 'lone');
  const lone = await cli.ostree('commit', '--orphan', `--tree=dir=${tree}`);
  await cli.ostree('refs', '--create=other', first);

  await using repo = await Repo.open(cli.path);
  await repo.setRef('main', second, { collectionId: COLLECTION });
  await repo.remotes.add('origin', `file://${source.path}`, {
    collectionId: COLLECTION,
    gpgKeys: gpg.publicKeyBytes,
  });
  await repo.remotes.add('spare', 'http://127.0.0.1:1/');
  await repo.remotes.cookies.add('origin', { ...COOKIE, value: 'b' });
  const sign = { type: 'ed25519', secretKey: key.secret } as const;
  await repo.sign('main', sign);
  await repo.deltas.generate({ from: first, to: second, sign });
  await repo.summary.regenerate({ sign });
  const [file = ''] = await checksumsAt(cli.path, 'main', '/a');
  await using other = await Repo.open(source.path);
  const names: ObjectName[] = [];
  for await (const name of other.reachable(head)) names.push(name);
  return { path: cli.path, source: source.path, lone, file, commits: [first, second], key, gpg, names };
}

/** Made once for the tests of a file. */
export function templateOfFile(): () => Template {
  let made: Template | undefined;
  beforeAll(async () => {
    const cleanUps: (() => Promise<void>)[] = [];
    made = await template((cleanUp) => cleanUps.push(cleanUp));
    return async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
    };
  });
  return () => {
    if (!made) throw new Error('not made yet');
    return made;
  };
}

/** A copy of it, in directories that go with the test. */
export async function world(of: Template): Promise<World> {
  const path = await copyRepo(of.path);
  const dir = await temporaryDirectory();
  const tree = await temporaryDirectory();
  await writeTree(tree, { new: 'new', 'below/it': 'x'.repeat(100_000) });
  const [repo, other] = [await Repo.open(path), await Repo.open(of.source)];
  return { ...of, path, dir, tree, repo, other, found: [], transaction: undefined };
}

/** Does what must be done before the calls of this group, or before this one alone. */
export async function prepare(place: World, group: string, method?: string): Promise<void> {
  const { repo, source } = place;
  if (group === 'Repo' && (method === undefined || method === 'pullFromRemotes'))
    place.found = await repo.findRemotes([MAIN], { finders: [{ url: `file://${source}` }] });
  if (group === 'Transaction') place.transaction = await repo.begin();
}

export async function end({ repo, other, transaction }: World): Promise<void> {
  await transaction?.abort();
  await repo.close();
  await other.close();
}

/** A call with these options: `{}`, a signal. */
export type Call = (world: World, options: object) => unknown;
type Calls = Record<string, Call>;

const keysOf = ({ key }: World) => ({ type: 'ed25519', publicKey: key.public }) as const;
const signer = () => ({ type: 'ed25519', secretKey: ed25519Key().secret }) as const;
const head = ({ commits }: World) => commits[1];
const commitOf = ({ lone }: World): ObjectName => ({ type: 'commit', checksum: lone });
const deltaOf = ({ commits }: World) => commits.join('-');

const REPO: Calls = {
  begin: ({ repo }, options) => repo.begin(options),
  checkout: ({ repo, dir }, options) => repo.checkout('main', join(dir, 'out'), options),
  checkoutComposefs: ({ repo, dir }, options) => repo.checkoutComposefs('main', join(dir, 'image'), options),
  commit: ({ repo, tree }, options) => repo.commit({ ...options, tree, branch: 'main', subject: 'new' }),
  createReadStream: ({ repo }, options) => repo.createReadStream('main', '/large', options),
  createUsb: ({ repo, dir }, options) => repo.createUsb(dir, { ...options, refs: [MAIN] }),
  deleteObject: (it, options) => it.repo.deleteObject(commitOf(it), options),
  deleteRef: ({ repo }, options) => repo.deleteRef('other', options),
  diff: ({ repo, tree }, options) => repo.diff('main', { dir: tree }, options),
  exportTar: ({ repo }, options) => repo.exportTar('main', options),
  findRemotes: ({ repo, source }, options) =>
    repo.findRemotes([MAIN], { ...options, finders: [{ url: `file://${source}` }] }),
  fsck: ({ repo }, options) => repo.fsck(options),
  hasObject: (it, options) => it.repo.hasObject(commitOf(it), options),
  hasRef: ({ repo }, options) => repo.hasRef('main', options),
  listRefs: ({ repo }, options) => repo.listRefs(options),
  lock: ({ repo }, options) => repo.lock('shared', options),
  log: ({ repo }, options) => repo.log('main', options),
  lstat: ({ repo }, options) => repo.lstat('main', '/link', options),
  markPartial: (it, options) => it.repo.markPartial(it.lone, true, 'pull', options),
  objects: ({ repo }, options) => repo.objects(options),
  objectSize: (it, options) => it.repo.objectSize(commitOf(it), options),
  prune: ({ repo }, options) => repo.prune({ ...options, refsOnly: true, depth: 0 }),
  publish: ({ repo, dir }, options) => repo.publish(join(dir, 'published'), options),
  pull: ({ repo }, options) => repo.pull('origin', { ...options, refs: ['main'] }),
  pullFromRemotes: ({ repo, found }, options) => repo.pullFromRemotes(found, options),
  pullLocal: ({ repo, source }, options) =>
    repo.pullLocal(source, { ...options, refs: ['main'], remote: 'origin' }),
  reachable: ({ repo }, options) => repo.reachable('main', options),
  readCommit: ({ repo }, options) => repo.readCommit('main', options),
  readdir: ({ repo }, options) => repo.readdir('main', '/d0', options),
  readFile: ({ repo }, options) => repo.readFile('main', '/large', options),
  readlink: ({ repo }, options) => repo.readlink('main', '/link', options),
  readObject: (it, options) => it.repo.readObject(commitOf(it), options),
  reload: ({ repo }, options) => repo.reload(options),
  removeSignatures: ({ repo }, options) => repo.removeSignatures('main', options),
  resetRef: ({ repo }, options) => repo.resetRef('main', 'main^', options),
  resolveRev: ({ repo }, options) => repo.resolveRev('main^', options),
  retain: ({ repo }, options) => repo.retain({ ...options, keep: { depth: 0 } }),
  setAlias: ({ repo }, options) => repo.setAlias('alias', 'main', options),
  setDetachedMetadata: (it, options) => it.repo.setDetachedMetadata(head(it), { b: 'c' }, options),
  setRef: (it, options) => it.repo.setRef('new', head(it), options),
  sign: (it, options) => it.repo.sign(head(it), signer(), options),
  stat: ({ repo }, options) => repo.stat('main', '/link', options),
  transaction: (it, options) => it.repo.transaction((txn) => txn.setRef('new', head(it)), options),
  verify: (it, options) => it.repo.verify('main', { ...options, keys: keysOf(it) }),
  walk: ({ repo }, options) => repo.walk('main', '/', options),
  xattrs: ({ repo }, options) => repo.xattrs('main', '/link', options),
};

const CONFIG: Calls = {
  get: ({ repo }, options) => repo.config.get('core.mode', options),
  set: ({ repo }, options) => repo.config.set('core.x', 'y', options),
  toObject: ({ repo }, options) => repo.config.toObject(options),
  unset: ({ repo }, options) => repo.config.unset('core.repo-name', options),
};

const SUMMARY: Calls = {
  read: ({ repo }, options) => repo.summary.read(options),
  regenerate: ({ repo }, options) => repo.summary.regenerate({ ...options, sign: signer() }),
  verify: (it, options) => it.repo.summary.verify({ ...options, keys: keysOf(it) }),
};

const DELTAS: Calls = {
  apply: ({ repo, source, names }, options) => {
    const commit = names.find(({ type }) => type === 'commit');
    const path = deltaPath({ from: null, to: commit?.checksum ?? '' });
    return repo.deltas.apply(join(source, path), options);
  },
  generate: (it, options) => it.repo.deltas.generate({ ...options, to: 'main', from: it.commits[0] }),
  generateMany: ({ repo, commits }, options) =>
    repo.deltas.generateMany(
      commits.map((to) => ({ to, from: null })),
      options,
    ),
  indexes: ({ repo }, options) => repo.deltas.indexes(options),
  list: ({ repo }, options) => repo.deltas.list(options),
  reindex: ({ repo }, options) => repo.deltas.reindex({ ...options, to: 'main' }),
  remove: (it, options) => it.repo.deltas.remove(deltaOf(it), options),
  show: (it, options) => it.repo.deltas.show(deltaOf(it), options),
  verify: (it, options) => it.repo.deltas.verify(deltaOf(it), { ...options, keys: keysOf(it) }),
};

const REMOTES: Calls = {
  add: ({ repo, gpg }, options) =>
    repo.remotes.add('new', 'http://127.0.0.1:1/', { ...options, gpgKeys: gpg.publicKey }),
  get: ({ repo }, options) => repo.remotes.get('origin', options),
  gpgKeys: ({ repo }, options) => repo.remotes.gpgKeys('origin', options),
  importGpgKeys: ({ repo, gpg }, options) => repo.remotes.importGpgKeys('spare', gpg.publicKey, options),
  list: ({ repo }, options) => repo.remotes.list(options),
  refs: ({ repo }, options) => repo.remotes.refs('origin', options),
  remove: ({ repo }, options) => repo.remotes.remove('spare', options),
  setOptions: ({ repo }, options) => repo.remotes.setOptions('spare', { ...options, gpgVerify: false }),
  summary: ({ repo }, options) => repo.remotes.summary('origin', options),
};

const COOKIES: Calls = {
  add: ({ repo }, options) => repo.remotes.cookies.add('spare', { ...COOKIE, value: 'c' }, options),
  list: ({ repo }, options) => repo.remotes.cookies.list('origin', options),
  remove: ({ repo }, options) => repo.remotes.cookies.remove('origin', COOKIE, options),
};

const within =
  (call: (transaction: Transaction, world: World, options: object) => unknown): Call =>
  (it, options) => {
    if (!it.transaction) throw new Error('no transaction was begun');
    return call(it.transaction, it, options);
  };

const TRANSACTION: Calls = {
  commit: within((txn, { tree }, options) => txn.commit({ ...options, tree })),
  commitTransaction: within((txn, _, options) => txn.commitTransaction(options)),
  deleteRef: within((txn, _, options) => txn.deleteRef('other', options)),
  hasObject: within((txn, it, options) => txn.hasObject(commitOf(it), options)),
  importFrom: within((txn, { other, names }, options) => txn.importFrom(other, names, options)),
  readCommit: within((txn, _, options) => txn.readCommit('main', options)),
  readFile: within((txn, _, options) => txn.readFile('main', '/large', options)),
  resolveRev: within((txn, _, options) => txn.resolveRev('main^', options)),
  setCollectionRef: within((txn, it, options) => txn.setCollectionRef(COLLECTION, 'new', head(it), options)),
  setDetachedMetadata: within((txn, it, options) => txn.setDetachedMetadata(head(it), { b: 'c' }, options)),
  setRef: within((txn, it, options) => txn.setRef('new', head(it), options)),
  sign: within((txn, it, options) => txn.sign(head(it), signer(), options)),
  writeDirMeta: within((txn, _, options) => txn.writeDirMeta({ ...options, mode: 0o700 })),
  writeFile: within((txn, _, options) => txn.writeFile('some content', options)),
  writeSymlink: within((txn, _, options) => txn.writeSymlink('some target', options)),
  writeTree: within((txn, { file }, options) => txn.writeTree({ a: file }, options)),
};

const FUNCTIONS: Calls = {
  'Repo.create': ({ dir }, options) => Repo.create(join(dir, 'repo'), { ...options, mode: 'archive' }),
  'Repo.open': ({ path }, options) => Repo.open(path, options),
  checksumFile: ({ tree }, options) => checksumFile(join(tree, 'new'), options),
};

interface Group {
  name: string;
  calls: Calls;
  /** What has these methods, and others that take no options like the rest. */
  on?: (world: World) => object | undefined;
  without?: string[];
}

export const GROUPS: Group[] = [
  { name: 'Repo', calls: REPO, on: ({ repo }) => repo, without: ['close'] },
  { name: 'config', calls: CONFIG, on: ({ repo }) => repo.config },
  { name: 'summary', calls: SUMMARY, on: ({ repo }) => repo.summary },
  { name: 'deltas', calls: DELTAS, on: ({ repo }) => repo.deltas },
  { name: 'remotes', calls: REMOTES, on: ({ repo }) => repo.remotes },
  { name: 'cookies', calls: COOKIES, on: ({ repo }) => repo.remotes.cookies },
  { name: 'Transaction', calls: TRANSACTION, on: ({ transaction }) => transaction, without: ['abort'] },
  { name: 'functions', calls: FUNCTIONS },
];

/** Each method, with the name of its group, but for those that this libostree cannot do. */
export const EVERY: [group: string, method: string, call: Call][] = GROUPS.flatMap(({ name, calls }) =>
  Object.entries(calls)
    .filter(([method]) => !(method in UNSUPPORTED))
    .map(([method, call]): [string, string, Call] => [name, method, call]),
);

const SHORT =
  /^(?:has|read|list|show|get|toObject|l?stat|xattrs|walk|log|indexes|resolve|objects|objectSize|reachable|reload)/;

/** Those that do more than read something small from the disk. */
export const LONG = EVERY.filter(([, method]) => !SHORT.test(method));

/** The methods of an object, and of what its class extends. */
export function methodsOf(it: object): string[] {
  const methods = new Set<string>();
  let prototype: unknown = Object.getPrototypeOf(it);
  while (typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      if (typeof value === 'function' && !['constructor', 'toJSON'].includes(name)) methods.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...methods].sort();
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isLock(value: unknown): value is RepoLock {
  return typeof value === 'object' && value !== null && 'release' in value;
}

/** Everything below some directories: each path with its mode, and a file's content or a link's target. */
export async function stateOf(...directories: string[]): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (const directory of directories)
    for (const name of await readdir(directory, { recursive: true })) {
      const path = join(directory, name);
      const stat = await lstat(path);
      const hash = createHash('sha256');
      if (stat.isFile()) hash.update(await readFile(path));
      if (stat.isSymbolicLink()) hash.update(await readlink(path));
      state[path] = `${stat.mode.toString(8)} ${hash.digest('hex')}`;
    }
  return state;
}

/** Waits for the end of a call, reads what it returns, and closes what it opened. */
export async function outcome(call: () => unknown): Promise<unknown> {
  const value = await call();
  if (value instanceof Readable) return await buffer(value);
  if (isIterable(value)) {
    const items: unknown[] = [];
    for await (const item of value) items.push(item);
    return items;
  }
  if (value instanceof Transaction) await value.abort();
  if (value instanceof Repo) await value.close();
  if (isLock(value)) await value.release();
  return value;
}
