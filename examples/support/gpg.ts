// A GPG key made for one run, in a home directory of its own.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SigningKey extends AsyncDisposable {
  keyId: string;
  homedir: string;
  publicKey: Uint8Array;
}

/** Makes a key without a passphrase; disposing of it ends its agent and removes it. */
export async function makeKey(name: string): Promise<SigningKey> {
  // The agent's socket lies in it, and the path of a socket must be short.
  const homedir = await mkdtemp(join(tmpdir(), 'gpg-'));
  const gpg = async (...args: string[]) =>
    await run('gpg', ['--homedir', homedir, '--batch', '--quiet', ...args], { encoding: 'buffer' });
  const dispose = async () => {
    await run('gpgconf', ['--homedir', homedir, '--kill', 'all']).catch(() => {});
    await rm(homedir, { recursive: true, force: true });
  };
  try {
    await gpg(
      '--passphrase',
      '',
      '--quick-gen-key',
      `${name} <${name}@example.com>`,
      'ed25519',
      'sign',
      'never',
    );
    const { stdout } = await gpg('--list-keys', '--with-colons');
    const keyId = /^fpr:+([0-9A-F]+):/m.exec(stdout.toString())?.[1];
    if (!keyId) throw new Error('gpg made no key');
    const publicKey = (await gpg('--export', keyId)).stdout;
    return { keyId, homedir, publicKey, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
