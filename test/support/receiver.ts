// Receivers, and those who say something to them by hand.
import { readdir, readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';

import { createRepoHandler, createRepoReceiver, Repo, type RepoReceiverOptions, Variant } from 'ostree';
import { expect, onTestFinished } from 'vitest';

import { cliFsck, copyRepo } from './objects.js';
import { listen, sample, servedFiles } from './publish.js';
import { type CliRepo, cliRepo } from './repo.js';

export const ID = 'a'.repeat(64);

export interface Target {
  path: string;
  repo: Repo;
  url: string;
  port: number;
  requests: string[];
}

export async function target(options: Partial<RepoReceiverOptions> = {}): Promise<Target> {
  const { path } = await cliRepo('archive');
  const repo = await Repo.open(path);
  onTestFinished(() => repo.close());
  const receiver = createRepoReceiver(repo, { authorize: () => true, ...options });
  const handler = createRepoHandler(repo);
  const requests: string[] = [];
  const listener: RequestListener = (req, res) => {
    requests.push(`${req.method} ${req.url}`);
    if (req.url?.startsWith('/publish/')) receiver(req, res);
    else handler(req, res);
  };
  return { path, repo, requests, ...(await listen(listener)) };
}

/** What must be as it was after an attack. */
export async function stateOf(path: string): Promise<unknown> {
  expect(await cliFsck(await copyRepo(path))).toBe(true);
  return await servedFiles(path);
}

/** Says something to a receiver by hand. */
export async function say(
  url: string,
  method: string,
  what: string,
  body: Uint8Array | object | string = {},
  headers: Record<string, string> = {},
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const data = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(`${url}/publish/1/${ID}${what}`, { method, body: Buffer.from(data), headers });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

export const objectUrl = (checksum: string, type: string) =>
  `/objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.${type}`;

/** Uploads every object of a repository, but for those that `change` turns to null. */
export async function uploadAll(
  url: string,
  path: string,
  change: (file: string, data: Buffer) => Buffer | null = (_file, data) => data,
): Promise<void> {
  const files = (await readdir(join(path, 'objects'), { recursive: true })).filter((file) =>
    file.includes('.'),
  );
  for (const file of files) {
    const data = change(file, await readFile(join(path, 'objects', file)));
    if (data) expect((await say(url, 'PUT', `/objects/${file}`, data)).status).toBe(200);
  }
}

const swap32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer).readUInt32BE();
const swap64 = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer).readBigUInt64BE();

/** A file as an archive has it, which says that it has `size` bytes. */
export function archived(content: Uint8Array, size = content.length): Buffer {
  const header = new Variant('(tuuuusa(ayay))', [swap64(size), 0, 0, swap32(0o100644), 0, '', []]).toBytes();
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(header.length);
  return Buffer.concat([prefix, header, deflateRawSync(content)]);
}

export async function attacked(options: Partial<RepoReceiverOptions> = {}) {
  const { repo } = await sample();
  const to = await target(options);
  await repo.publish(to.url);
  const evil = await cliRepo('archive');
  return { to, evil, before: await stateOf(to.path) };
}

export const finish = (url: string, ref: string, checksum: string, more: object = {}) =>
  say(url, 'POST', '/finish', { refs: [{ ref, checksum, expected: null, ...more }], deltas: [] });

export async function commitEvil(
  evil: CliRepo,
  content: Uint8Array | string,
): Promise<{ commit: string; file: string }> {
  const commit = await evil.commit('evil', { file: content, other: 'other' }, '--owner-uid=77');
  await using repo = await Repo.open(evil.path);
  return { commit, file: (await repo.stat(commit, 'file')).checksum };
}

export function flipped(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  copy[copy.length - 1]! ^= 1;
  return copy;
}

/** An attacker whose uploads nobody else shares. */
export async function attackerWith(to: Target, evil: CliRepo, wanted: (file: string) => boolean) {
  const key = { Authorization: `Bearer ${Math.random()}` };
  const files = (await readdir(join(evil.path, 'objects'), { recursive: true })).filter((file) =>
    file.includes('.'),
  );
  for (const file of files.filter(wanted))
    await say(to.url, 'PUT', `/objects/${file}`, await readFile(join(evil.path, 'objects', file)), key);
  return {
    finish: (ref: string, checksum: string) =>
      say(to.url, 'POST', '/finish', { refs: [{ ref, checksum, expected: null }], deltas: [] }, key),
    [Symbol.asyncDispose]: async () => {},
  };
}
