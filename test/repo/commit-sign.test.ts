import { writeFile } from 'node:fs/promises';

import { type Commit, type CommitOptions, Repo, type Signer } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { runModule } from '../support/child.js';
import { rangeError, typeError } from '../support/errors.js';
import { gpgHome, gpgKey } from '../support/gpg.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { ed25519Key } from '../support/sign.js';

async function withTree(mode?: string): Promise<{ cli: CliRepo; repo: Repo; tree: string; head: string }> {
  const cli = await cliRepo(mode);
  const head = await cli.commit('main', { a: '1' });
  const tree = await temporaryDirectory();
  await writeTree(tree, { a: '2' });
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  return { cli, repo, tree, head };
}

/** Signs by `sign`, as an HSM would. */
function hsm(sign: (data: Uint8Array) => Promise<Uint8Array> | Uint8Array): Signer {
  return { type: 'ed25519', sign };
}

const objectsOf = async (cli: CliRepo) => (await cli.ostree('refs', '--list')).split('\n');

describe('commit({ sign })', () => {
  it.each(['archive', 'bare-user'])('is what the command makes and verifies, in %s', async (mode) => {
    const { cli, repo, tree } = await withTree(mode);
    const key = await gpgKey();
    const { checksum } = await repo.commit({
      tree,
      branch: 'main',
      sign: { type: 'gpg', keyId: key.keyId, homedir: key.path },
    });
    expect(await cli.ostree('rev-parse', 'main')).toBe(checksum);
    const trusted = await temporaryDirectory();
    await writeFile(`${trusted}/key.gpg`, key.publicKeyBytes);
    const shown = await cli.ostree('show', `--gpg-homedir=${trusted}`, checksum);
    expect(shown).toContain('Found 1 signature');
    expect(shown).toContain(`Good signature from "${key.uid}"`);
    expect(await repo.verify('main', { keys: key.publicKey })).toMatchObject({ valid: true });
    await cli.ostree('fsck');
  });

  it('by several signers of each kind, in order, beside detached metadata', async () => {
    const { repo, tree } = await withTree();
    const gpg = await gpgKey();
    const [first, second] = [ed25519Key(), ed25519Key()];
    await repo.commit({
      tree,
      branch: 'main',
      detachedMetadata: { note: 'kept' },
      sign: [
        hsm((data) => first.sign(data)),
        { type: 'gpg', keyId: gpg.keyId, homedir: gpg.path },
        { type: 'ed25519', secretKey: second.secret },
      ],
    });
    const { detachedMetadata } = await repo.readCommit('main');
    expect(detachedMetadata).toMatchObject({ note: 'kept' });
    expect(detachedMetadata?.['ostree.sign.ed25519']).toHaveLength(2);
    expect(detachedMetadata?.['ostree.gpgsigs']).toHaveLength(1);
    const keys = [first, second].map(({ public: publicKey }) => ({ type: 'ed25519' as const, publicKey }));
    for (const key of [...keys, gpg.publicKey])
      expect(await repo.verify('main', { keys: [key] })).toMatchObject({ valid: true });
  });

  it('nobody sees the branch at an unsigned commit', async () => {
    const { cli, repo, tree, head } = await withTree();
    const key = ed25519Key();
    const seen: unknown[] = [];
    const { checksum } = await repo.commit({
      tree,
      branch: 'main',
      sign: hsm(async (data) => {
        seen.push(await repo.resolveRev('main'), await cli.ostree('rev-parse', 'main'));
        return key.sign(data);
      }),
    });
    expect(seen).toEqual([head, head]);
    const after: Commit = await repo.readCommit('main');
    expect(after).toMatchObject({ checksum, parent: head });
    expect(await repo.verify('main', { keys: { type: 'ed25519', publicKey: key.public } })).toMatchObject({
      valid: true,
    });
  });

  it.each<[string, () => Promise<Signer>, object]>([
    [
      'a callback that rejects',
      () => Promise.resolve(hsm(() => Promise.reject(new Error('no HSM')))),
      { message: 'no HSM' },
    ],
    [
      'a callback that throws',
      () =>
        Promise.resolve(
          hsm(() => {
            throw new Error('no HSM');
          }),
        ),
      { message: 'no HSM' },
    ],
    [
      'a signature that is none',
      () => Promise.resolve(hsm(() => new Uint8Array(3))),
      { code: 'ERR_INVALID_ARG_VALUE' },
    ],
    [
      'a key that gpg has not',
      async () => ({ type: 'gpg', keyId: 'nobody@example.org', homedir: (await gpgHome()).path }),
      { code: 'NOT_FOUND' },
    ],
    [
      'a file that is not there',
      () => Promise.resolve({ type: 'ed25519', secretKeyFile: '/nowhere' }),
      { code: 'NOT_FOUND' },
    ],
  ])('leaves the branch where it was after %s', async (_, signer, error) => {
    const { cli, repo, tree, head } = await withTree();
    const good = ed25519Key();
    let attempt = '';
    const sign = [
      hsm((data) => {
        attempt = 'signed by the first';
        return good.sign(data);
      }),
      await signer(),
    ];
    await expect(repo.commit({ tree, branch: 'main', sign })).rejects.toMatchObject(error);
    expect(attempt).toBe('signed by the first');
    expect(await cli.ostree('rev-parse', 'main')).toBe(head);
    expect(await objectsOf(cli)).toEqual(['main']);
    await cli.ostree('fsck');
    const { checksum } = await repo.commit({ tree, branch: 'main', sign: hsm((data) => good.sign(data)) });
    expect(await cli.ostree('rev-parse', 'main')).toBe(checksum);
  });

  it('side by side on one branch, signed or not, each builds on the one before', async () => {
    const { repo, tree } = await withTree();
    const key = ed25519Key();
    const options = (i: number): CommitOptions => ({
      tree,
      branch: 'main',
      subject: `${i}`,
      sign: i % 2 === 0 ? hsm((data) => Promise.resolve(key.sign(data))) : undefined,
    });
    const results = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => repo.commit(options(i))));
    const log: string[] = [];
    for await (const commit of repo.log('main', { limit: 6 })) log.push(commit.checksum);
    expect(log).toEqual(results.map(({ checksum }) => checksum).reverse());
  });

  it('says CONFLICT when another moves the branch while it is signed', async () => {
    const { cli, repo, tree, head } = await withTree();
    const key = ed25519Key();
    let other = '';
    const sign = hsm(async (data) => {
      other = await cli.commit('main', { a: '3' });
      return key.sign(data);
    });
    const conflict: unknown = await repo
      .commit({ tree, branch: 'main', sign })
      .catch((error: unknown) => error);
    expect(conflict).toMatchObject({
      code: 'CONFLICT',
      ref: 'main',
      details: { expected: head, actual: other },
    });
    expect(await repo.resolveRev('main')).toBe(other);
  });

  it('aborted while a signer works, rejects with the reason and leaves the branch', async () => {
    const { repo, tree, head } = await withTree();
    const controller = new AbortController();
    const sign = hsm(() => {
      controller.abort(new Error('enough'));
      return new Promise(() => {});
    });
    await expect(repo.commit({ tree, branch: 'main', sign, signal: controller.signal })).rejects.toThrow(
      'enough',
    );
    expect(await repo.resolveRev('main')).toBe(head);
    await repo.commit({ tree, branch: 'main' });
    expect((await repo.readCommit('main')).parent).toBe(head);
  });

  it('killed while a signer works, leaves the branch and a whole repository', async () => {
    const { cli, repo, tree, head } = await withTree();
    const source = `
      import { Repo } from 'ostree';
      const [path, tree] = process.argv.slice(1);
      const repo = await Repo.open(path);
      const sign = { type: 'ed25519', sign: () => process.kill(process.pid, 'SIGKILL') };
      await repo.commit({ tree, branch: 'main', sign });
    `;
    expect(await runModule(source, [cli.path, tree])).toMatchObject({ signal: 'SIGKILL' });
    expect(await cli.ostree('rev-parse', 'main')).toBe(head);
    await cli.ostree('fsck');
    await repo.commit({ tree, branch: 'main' });
  });

  it('asks nobody when nothing has changed', async () => {
    const { repo, tree } = await withTree();
    await repo.commit({ tree, branch: 'main' });
    const sign = hsm(() => Promise.reject(new Error('asked')));
    expect(await repo.commit({ tree, branch: 'main', skipIfUnchanged: true, sign })).toMatchObject({
      changed: false,
    });
  });

  it('what a signer began waits its turn once that commit is over', async () => {
    const { repo, tree } = await withTree();
    const key = ed25519Key();
    let end = () => {};
    const over = new Promise<void>((resolve) => (end = resolve));
    let later: Promise<unknown> = Promise.resolve();
    const commit = (subject: string, sign: Signer) => repo.commit({ tree, branch: 'main', subject, sign });
    const signer = hsm((data) => key.sign(data));
    await commit(
      'first',
      hsm((data) => {
        later = over.then(() => Promise.all(['a', 'b', 'c'].map((subject) => commit(subject, signer))));
        return key.sign(data);
      }),
    );
    end();
    await expect(later).resolves.toHaveLength(3);
  });

  it('refuses at once to prune inside a signer, which would wait for itself', async () => {
    const { repo, tree } = await withTree();
    const sign = hsm(async () => {
      await repo.prune();
      return new Uint8Array(64);
    });
    await expect(repo.commit({ tree, branch: 'main', sign })).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('refuses to close inside a signer or a source of files, which would wait for itself', async () => {
    const { repo, tree, head } = await withTree();
    const key = ed25519Key();
    const files = async function* () {
      await repo.close();
      yield { path: 'a', content: 'a' };
    };
    const sign = hsm(async (data) => {
      await repo.close();
      return key.sign(data);
    });
    await expect(repo.commit({ tree, sign })).rejects.toMatchObject({ code: 'LOCKED' });
    await expect(repo.commit({ tree: { files: files() } })).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await repo.resolveRev('main')).toBe(head);
    // Nobody waits for this one.
    let closing: Promise<void> | undefined;
    await repo.commit({ tree, onProgress: () => void (closing ??= repo.close()) });
    await closing;
  });

  it('refuses bad arguments', async () => {
    const { repo, tree, head } = await withTree();
    const bad = (sign: unknown) => repo.commit({ tree, branch: 'main', sign: sign as Signer });
    await expect(bad('gpg')).rejects.toEqual(typeError(/options.sign must be/));
    await expect(bad([{ type: 'gpg' }])).rejects.toEqual(typeError(/options.sign\[0\].keyId/));
    await expect(bad({ type: 'x' })).rejects.toEqual(rangeError(/options.sign.type/));
    await expect(bad({ type: 'ed25519', sign: 5 })).rejects.toEqual(typeError(/options.sign.sign/));
    expect(await repo.resolveRev('main')).toBe(head);
  });
});

describe('Transaction', () => {
  it('signs its own commits, and those that were there', async () => {
    const { cli, repo, tree, head } = await withTree();
    const key = ed25519Key();
    const signer = hsm((data) => key.sign(data));
    const trust = { keys: { type: 'ed25519' as const, publicKey: key.public } };
    await repo.transaction(async (txn) => {
      const signed = await txn.commit({ tree, subject: 'a', sign: signer });
      const later = await txn.commit({ tree, subject: 'b' });
      await txn.setDetachedMetadata(later.checksum, { note: 'n' });
      await txn.sign(later.checksum, signer);
      await txn.sign(head, signer);
      await txn.setRef('signed', signed.checksum);
      await txn.setRef('later', later.checksum);
      await expect(repo.readCommit(later.checksum)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
    for (const rev of ['signed', 'later', head])
      expect(await repo.verify(rev, trust)).toMatchObject({ valid: true });
    expect((await repo.readCommit('later')).detachedMetadata).toMatchObject({ note: 'n' });
    await cli.ostree('fsck');
  });

  it('aborted, leaves no signature behind', async () => {
    const { repo, tree, head } = await withTree();
    const key = ed25519Key();
    const txn = await repo.begin();
    await txn.commit({ tree, sign: hsm((data) => key.sign(data)) });
    await txn.sign(head, { type: 'ed25519', secretKey: key.secret });
    await txn.abort();
    // The next transaction takes over what the one before had written.
    await repo.commit({ tree, branch: 'main' });
    expect((await repo.readCommit(head)).detachedMetadata).toBeNull();
    expect((await repo.readCommit('main')).detachedMetadata).toBeNull();
    await expect(txn.sign(head, { type: 'ed25519', secretKey: key.secret })).rejects.toMatchObject({
      code: 'CLOSED',
    });
  });

  it('a commit that cannot be signed rejects, and the transaction goes on', async () => {
    const { repo, tree } = await withTree();
    const sign = hsm(() => Promise.reject(new Error('no HSM')));
    await repo.transaction(async (txn) => {
      await expect(txn.commit({ tree, sign })).rejects.toThrow('no HSM');
      const { checksum } = await txn.commit({ tree, subject: 'plain' });
      await txn.setRef('plain', checksum);
    });
    expect(await repo.hasRef('plain')).toBe(true);
  });
});
