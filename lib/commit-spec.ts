// The options of a commit, checked and put as the addon wants them.
import { resolve } from 'node:path';
import { Readable } from 'node:stream';

import type { CommitSourceSpec, CommitSpec } from '../typings/addon.js';
import {
  checkArray,
  checkBoolean,
  checkChecksum,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOptions,
  checkOptionsObject,
  checkRef,
  checkRev,
  checkString,
  typeError,
  valueError,
  type Names,
} from './check.js';
import type { CommitOptions, MetadataInput, TreeSource } from './commit.js';
import { devinoHandle } from './devino.js';
import { fedWith } from './feed.js';
import { checkEntries } from './file-set.js';
import type { RepoInner } from './repo-inner.js';
import { selinuxSpec } from './selinux.js';
import { checkSigners, type Signer } from './sign.js';
import { skips, treePath } from './skip.js';

/** A path in the tree that need not begin with a slash. */
function checkPrefix(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (value.split('/').some((part) => part === '.' || part === '..'))
    throw valueError(name, `must not contain '.' or '..'. Received '${value}'`);
}

/** Absolute, with the slash at the end, which makes the kernel follow a symbolic link, kept. */
function absolute(path: string): string {
  return resolve(path) + (/[^/]\/$/.test(path) ? '/' : '');
}

/** What may be in each kind of source. */
const SOURCES = {
  dir: { dir: true, prefix: true },
  ref: { ref: true, subpath: true, prefix: true },
  contents: { contents: true, metadata: true, prefix: true },
  tar: { tar: true, autocreateParents: true, whiteouts: true, prefix: true },
  files: { files: true, prefix: true },
};

function source(value: unknown, name: string): CommitSourceSpec {
  if (typeof value === 'string') {
    checkName(value, name);
    return { dir: absolute(value) };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw typeError(
      name,
      "a path, or an object with one of 'dir', 'ref', 'contents', 'tar' and 'files'",
      value,
    );
  const kinds = (Object.keys(SOURCES) as (keyof typeof SOURCES)[]).filter((kind) => kind in value);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1)
    throw valueError(name, "must have one of 'dir', 'ref', 'contents', 'tar' and 'files'");
  checkKnown(value, SOURCES[kind], name);
  const { dir, ref, subpath, contents, metadata, files, prefix } = value as Record<string, unknown>;
  if (prefix !== undefined) checkPrefix(prefix, `${name}.prefix`);
  switch (kind) {
    case 'dir':
      checkName(dir, `${name}.dir`);
      return { dir: absolute(dir), prefix };
    case 'ref':
      checkRev(ref, `${name}.ref`);
      if (subpath !== undefined) checkPrefix(subpath, `${name}.subpath`);
      return { ref, subpath, prefix };
    case 'contents':
      checkChecksum(contents, `${name}.contents`);
      checkChecksum(metadata, `${name}.metadata`);
      return { contents, metadata, prefix };
    case 'files':
      checkEntries(files, `${name}.files`);
      return { prefix };
    case 'tar':
      return tarSource(value as Record<string, unknown>, name, prefix);
  }
}

function tarSource(
  { tar, autocreateParents, whiteouts }: Record<string, unknown>,
  name: string,
  prefix: string | undefined,
): CommitSourceSpec {
  if (autocreateParents !== undefined) checkBoolean(autocreateParents, `${name}.autocreateParents`);
  if (whiteouts !== undefined) checkBoolean(whiteouts, `${name}.whiteouts`);
  const common = { prefix, autocreateParents, whiteouts };
  // It would be an empty archive.
  if (tar instanceof Readable && tar.readableEnded)
    throw valueError(`${name}.tar`, 'must not be a stream that was read to its end before');
  if (tar instanceof Uint8Array || tar instanceof Readable) return fedWith(common, tar, `${name}.tar`);
  if (typeof tar !== 'string') throw typeError(`${name}.tar`, 'a path, a Readable or a Uint8Array', tar);
  checkName(tar, `${name}.tar`);
  return { ...common, tar: resolve(tar) };
}

function sources(tree: unknown): CommitSourceSpec[] {
  if (tree === undefined) throw typeError('options.tree', 'a path, a source or an array of them', tree);
  if (!Array.isArray(tree)) return [source(tree, 'options.tree')];
  return tree.map((value, i) => source(value, `options.tree[${i}]`));
}

const MODE_BITS = 0o7777;

function statOverrides(value: unknown): CommitSpec['statOverride'] {
  if (value === undefined) return {};
  checkObject(value, 'options.statOverride');
  const result: NonNullable<CommitSpec['statOverride']> = {};
  for (const [path, change] of Object.entries(value)) {
    const name = `options.statOverride['${path}']`;
    const place = treePath(path, name);
    checkObject(change, name);
    const { add, set } = change;
    if ((add === undefined) === (set === undefined))
      throw valueError(name, "must have one of 'add' and 'set'");
    if (add !== undefined) checkInteger(add, `${name}.add`, 0, MODE_BITS);
    if (set !== undefined) checkInteger(set, `${name}.set`, 0, MODE_BITS);
    result[place] = { add, set };
  }
  return result;
}

const MAX_ID = 2 ** 32 - 2; // the last is "no change" to chown()

function owners({ owner, canonicalPermissions }: CommitOptions): { uid?: number; gid?: number } {
  const result: { uid?: number; gid?: number } = {};
  if (owner === undefined) return result;
  checkObject(owner, 'options.owner');
  checkKnown(owner, { uid: true, gid: true }, 'options.owner');
  for (const id of ['uid', 'gid'] as const) {
    const value = owner[id];
    if (value === undefined) continue;
    checkInteger(value, `options.owner.${id}`, 0, MAX_ID);
    if (canonicalPermissions && value !== 0)
      throw valueError(`options.owner.${id}`, 'must be 0 together with canonicalPermissions');
    result[id] = value;
  }
  return result;
}

function seconds(timestamp: unknown): number | undefined {
  if (timestamp === undefined) return undefined;
  if (!(timestamp instanceof Date)) throw typeError('options.timestamp', 'a Date', timestamp);
  const result = Math.floor(timestamp.getTime() / 1000);
  if (!(result >= 0)) throw valueError('options.timestamp', 'must be a valid date from 1970 on');
  return result;
}

/** Empty: in the repository. */
function cachePath(cache: unknown): string | undefined {
  if (cache === undefined || cache === false) return undefined;
  if (cache === true) return '';
  if (typeof cache !== 'string') throw typeError('options.cache', 'a boolean or a path', cache);
  checkName(cache, 'options.cache');
  return resolve(cache);
}

const FLAGS = [
  'bindings',
  'bootable',
  'canonicalPermissions',
  'modeRoExecutables',
  'xattrs',
  'skipIfUnchanged',
  'generateSizes',
  'composefs',
  'consume',
  'fsync',
] as const;

const OPTIONS: Names<CommitOptions> = {
  signal: true,
  onProgress: true,
  tree: true,
  branch: true,
  parent: true,
  base: true,
  subject: true,
  body: true,
  timestamp: true,
  version: true,
  metadata: true,
  detachedMetadata: true,
  bindRefs: true,
  bindings: true,
  bootable: true,
  owner: true,
  canonicalPermissions: true,
  modeRoExecutables: true,
  xattrs: true,
  skip: true,
  statOverride: true,
  selinux: true,
  sign: true,
  skipIfUnchanged: true,
  cache: true,
  generateSizes: true,
  composefs: true,
  consume: true,
  devinoCache: true,
  concurrency: true,
  fsync: true,
};

/** Checks the meaning of the options, and puts them as the addon wants them. */
export function commitSpec(repo: RepoInner, options: CommitOptions): CommitSpec {
  checkOptions(options, OPTIONS);
  const { branch, parent, base, subject, body, version, bindRefs, concurrency } = options;
  if (branch !== undefined) checkRef(branch, 'options.branch');
  if (parent !== undefined && parent !== null) checkChecksum(parent, 'options.parent');
  if (base !== undefined) checkRev(base, 'options.base');
  for (const [name, text] of Object.entries({ subject, body, version }))
    if (text !== undefined) checkString(text, `options.${name}`);
  if (bindRefs !== undefined) {
    checkArray(bindRefs, 'options.bindRefs');
    for (const [i, ref] of bindRefs.entries()) checkRef(ref, `options.bindRefs[${i}]`);
  }
  if (concurrency !== undefined) checkInteger(concurrency, 'options.concurrency', 1, 1024);
  for (const flag of FLAGS) if (options[flag] !== undefined) checkBoolean(options[flag], `options.${flag}`);
  checkMetadata(options.metadata, 'options.metadata');
  checkMetadata(options.detachedMetadata, 'options.detachedMetadata');
  return {
    ...Object.fromEntries(FLAGS.map((flag) => [flag, options[flag]])),
    ...owners(options),
    ...(typeof options.skip === 'function' ? {} : skips(options.skip)),
    devino: devinoHandle(options.devinoCache, repo),
    tree: sources(options.tree),
    cache: cachePath(options.cache),
    statOverride: statOverrides(options.statOverride),
    selinux: selinuxSpec(options.selinux, options.tree, base),
    timestamp: seconds(options.timestamp),
    bindRefs: bindRefs ? [...bindRefs] : undefined,
    branch,
    parent,
    base,
    subject,
    body,
    version,
    concurrency,
  };
}

function checkMetadata(value: unknown, name: string): void {
  if (value !== undefined) checkObject(value, name);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A copy of plain objects and arrays all the way down, cycles too, for the addon to refuse. */
function copyPlain(value: unknown, copies = new Map<unknown, unknown>()): unknown {
  if (!Array.isArray(value) && !isPlain(value)) return value;
  if (copies.has(value)) return copies.get(value);
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  copies.set(value, copy);
  for (const [key, item] of Object.entries(value))
    Object.defineProperty(copy, key, { value: copyPlain(item, copies), enumerable: true, writable: true });
  return copy;
}

function isList(tree: CommitOptions['tree']): tree is readonly TreeSource[] {
  return Array.isArray(tree);
}

function copySource(source: TreeSource): TreeSource {
  return isPlain(source) ? { ...source } : source;
}

/** The options as they are now: the caller may change them while a commit waits for its turn. */
export function snapshot<O extends Pick<CommitOptions, 'tree' | 'metadata' | 'detachedMetadata'>>(
  options: O,
): O {
  checkOptionsObject(options);
  const { tree, metadata, detachedMetadata } = options;
  return {
    ...options,
    tree: isList(tree) ? tree.map(copySource) : copySource(tree),
    metadata: copyPlain(metadata) as MetadataInput | undefined,
    detachedMetadata: copyPlain(detachedMetadata) as MetadataInput | undefined,
  };
}

/** Those of `options.sign`, checked. */
export function commitSigners({ sign = [] }: Pick<CommitOptions, 'sign'>): Signer[] {
  return checkSigners(sign, 'options.sign');
}
