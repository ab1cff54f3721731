// What tests of signatures need.
import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { onTestFinished } from 'vitest';

import { type CliRepo, cliRepo } from './repo.js';

/** A repository with one commit, `main`, that the command made. */
export async function unsignedCommit(): Promise<{ repo: Repo; cli: CliRepo; commit: string }> {
  const cli = await cliRepo();
  const commit = await cli.commit('main', { a: 'a' });
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { repo, cli, commit };
}

export function objectPath(repo: string, checksum: string, type: string): string {
  return join(repo, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.${type}`);
}

export interface Ed25519Key {
  publicKey: KeyObject;
  /** Of 64 bytes, as libostree wants it, and in base64. */
  bytes: Buffer;
  secret: string;
  /** Of 32 bytes, in base64. */
  public: string;
  sign: (data: Uint8Array) => Buffer;
}

export function ed25519Key(): Ed25519Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const rest = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const bytes = Buffer.concat([seed, rest]);
  return {
    publicKey,
    bytes,
    secret: bytes.toString('base64'),
    public: rest.toString('base64'),
    sign: (data) => sign(null, data, privateKey),
  };
}
