// What callbacks do to the very call that they belong to.
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';
import { unsignedCommit } from '../support/sign.js';

// A rejection that nobody handles makes the test run fail, and would end a program.

describe('a callback that aborts its own call, and then throws', () => {
  it('rejects with the reason, as a source of files', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    const controller = new AbortController();
    const reason = new Error('enough');
    // eslint-disable-next-line require-yield
    async function* files(): AsyncGenerator<never> {
      controller.abort(reason);
      throw new Error('and this');
    }
    await expect(
      repo.commit({ tree: { files: files() }, branch: 'main', signal: controller.signal }),
    ).rejects.toBe(reason);
    expect(await repo.hasRef('main')).toBe(false);
  });

  it('rejects with the reason, as a signer', async () => {
    const { repo, commit } = await unsignedCommit();
    const controller = new AbortController();
    const reason = new Error('enough');
    const sign = (): Promise<never> => {
      controller.abort(reason);
      return Promise.reject(new Error('and this'));
    };
    await expect(repo.sign(commit, { type: 'ed25519', sign }, { signal: controller.signal })).rejects.toBe(
      reason,
    );
    expect((await repo.readCommit(commit)).detachedMetadata).toBeNull();
  });
});

describe('a callback that closes the repository', () => {
  it('is refused inside a call of a transaction, which goes on', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await using txn = await repo.begin();
    const refused: unknown[] = [];
    const close = async () => refused.push(await repo.close().catch((error: unknown) => error));
    async function* files() {
      await close();
      yield { path: 'a', content: 'a' };
    }
    const { checksum } = await txn.commit({ tree: { files: files() } });
    const signature = Buffer.alloc(64);
    const sign = async () => {
      await close();
      return signature;
    };
    await txn.sign(checksum, { type: 'ed25519', sign });
    await txn.setRef('main', checksum);
    await txn.commitTransaction();
    expect(refused).toEqual([
      expect.objectContaining({ code: 'LOCKED' }),
      expect.objectContaining({ code: 'LOCKED' }),
    ]);
    expect(await repo.resolveRev('main')).toBe(checksum);
  });

  it('is refused inside what runs under a lock', async () => {
    const { repo, commit } = await unsignedCommit();
    await using lock = await repo.lock('exclusive');
    let refused: unknown;
    const sign = async () => {
      refused = await repo.close().catch((error: unknown) => error);
      return Buffer.alloc(64);
    };
    await lock.repo.sign(commit, { type: 'ed25519', sign });
    expect(refused).toMatchObject({ code: 'LOCKED' });
    expect(await repo.resolveRev('main')).toBe(commit);
  });
});
