// Objects made by hand, right or wrong, for tests of reading: nothing that reads compares them with their name.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { Variant } from 'ostree';

import { objectFile } from './objects.js';

export interface ForgedTree {
  /** [name, checksum of a file object] */
  files?: [string, string][];
  /** [name, checksum of a dirtree, checksum of a dirmeta] */
  directories?: [string, string, string][];
}

export interface ForgedFile {
  mode?: number;
  target?: string;
  content?: Uint8Array;
  /** What the header says, unlike the content. */
  size?: number;
  headerSize?: number;
}

const bytes = (checksum: string) => new Uint8Array(Buffer.from(checksum, 'hex'));
const swap32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer).readUInt32BE();
const swap64 = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer).readBigUInt64BE();

/** A directory that anybody may read. */
export const DIRMETA = new Variant('(uuua(ayay))', [0, 0, swap32(0o40755), []]).toBytes();

/** Writes an object, under its own checksum unless one is given; the result is its checksum. */
export async function forge(
  repo: string,
  extension: string,
  data: Uint8Array,
  checksum?: string,
): Promise<string> {
  const name = checksum ?? createHash('sha256').update(data).digest('hex');
  const path = objectFile(repo, name, extension);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
  return name;
}

export async function forgeTree(repo: string, tree: ForgedTree, checksum?: string): Promise<string> {
  const files = (tree.files ?? []).map(([name, file]) => [name, bytes(file)]);
  const directories = (tree.directories ?? []).map(([name, contents, meta]) => [
    name,
    bytes(contents),
    bytes(meta),
  ]);
  return await forge(
    repo,
    'dirtree',
    new Variant('(a(say)a(sayay))', [files, directories]).toBytes(),
    checksum,
  );
}

/** A commit of this dirtree, with a ref that names it. */
export async function forgeCommit(
  repo: string,
  ref: string,
  commit: {
    contents: string;
    parent?: string;
    metadata?: Record<string, unknown>;
    checksum?: string;
    timestamp?: number;
  },
): Promise<string> {
  const meta = await forge(repo, 'dirmeta', DIRMETA);
  const value = [
    commit.metadata ?? {},
    commit.parent ? bytes(commit.parent) : new Uint8Array(),
    [],
    'forged',
    '',
    swap64(commit.timestamp ?? 0),
    bytes(commit.contents),
    bytes(meta),
  ];
  const data = new Variant('(a{sv}aya(say)sstayay)', value).toBytes();
  const checksum = await forge(repo, 'commit', data, commit.checksum);
  await mkdir(`${repo}/refs/heads`, { recursive: true });
  await writeFile(`${repo}/refs/heads/${ref}`, `${checksum}\n`);
  return checksum;
}

/** The content object of an archive repository. */
export async function forgeFile(repo: string, file: ForgedFile, checksum?: string): Promise<string> {
  const content = file.content ?? new Uint8Array();
  const mode = file.mode ?? (file.target === undefined ? 0o100644 : 0o120777);
  const size = file.size ?? content.length;
  const header = new Variant('(tuuuusa(ayay))', [
    swap64(size),
    0,
    0,
    swap32(mode),
    0,
    file.target ?? '',
    [],
  ]).toBytes();
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(file.headerSize ?? header.length);
  const data = file.target === undefined ? deflateRawSync(content) : Buffer.alloc(0);
  return await forge(repo, 'filez', Buffer.concat([prefix, header, data]), checksum);
}

/** A part of a delta, not compressed. */
export function deltaPart(program: number[]): Buffer {
  const modes = [[0, 0, swap32(0o100644)]];
  return Buffer.concat([
    Buffer.from([0]),
    new Variant('(a(uuu)aa(ayay)ayay)', [
      modes,
      [[]],
      new Uint8Array(40),
      Uint8Array.from(program),
    ]).toBytes(),
  ]);
}

/** A delta from nothing to a commit that is there, with one part, of which it says that it makes one file. */
export async function forgeDelta(repo: string, commit: string, part: Uint8Array): Promise<void> {
  const sum = new Uint8Array(createHash('sha256').update(part).digest());
  const object = new Uint8Array([1, ...Buffer.alloc(32)]);
  const type = '(a{sv}aya(say)sstayay)';
  const data = new Uint8Array(await readFile(objectFile(repo, commit, 'commit')));
  const superblock = new Variant(`(a{sv}tayay${type}aya(uayttay)a(yaytt))`, [
    { 'ostree.endianness': new Variant('y', 'l'.charCodeAt(0)) },
    0,
    new Uint8Array(),
    bytes(commit),
    Variant.fromBytes(type, data).value,
    new Uint8Array(),
    [[0, sum, part.length, 1, object]],
    [],
  ]).toBytes();
  const name = Buffer.from(commit, 'hex').toString('base64').replace('=', '').replaceAll('/', '_');
  const dir = `${repo}/deltas/${name.slice(0, 2)}/${name.slice(2)}`;
  await mkdir(dir, { recursive: true });
  await writeFile(`${dir}/0`, part);
  await writeFile(`${dir}/superblock`, superblock);
}
