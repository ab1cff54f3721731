import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo, type Signer, Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { gpgKey } from '../support/gpg.js';
import { cliRepo } from '../support/repo.js';
import { ed25519Key, unsignedCommit } from '../support/sign.js';

async function collection(id = 'org.example.Os') {
  const cli = await cliRepo();
  await cli.ostree('config', 'set', 'core.collection-id', id);
  await cli.commit('main', { a: 'a' });
  return cli;
}

describe('summary.regenerate', () => {
  it('makes what the command makes', async () => {
    const { repo, cli, commit } = await unsignedCommit();
    await cli.commit('other', { b: 'b' }, '--add-metadata-string=version=1.2');
    await repo.summary.regenerate({ metadata: { 'my.key': 'mine', 'my.number': new Variant('u', 5) } });
    const ours = await cli.ostree('summary', '--view', '--raw');
    await cli.ostree('summary', '-u', "--add-metadata=my.key='mine'", '--add-metadata=my.number=uint32 5');
    const theirs = await cli.ostree('summary', '--view', '--raw');
    const timeless = (text: string) => text.replace(/('ostree.summary.last-modified': <uint64 )\d+/, '$1');
    expect(timeless(ours)).toBe(timeless(theirs));
    expect(ours).toContain("'main'");
    expect(commit).toMatch(/^[0-9a-f]{64}$/);
  });

  it('commits ostree-metadata where there is a collection id, as the command', async () => {
    const cli = await collection();
    await using repo = await Repo.open(cli.path);
    await repo.summary.regenerate({ metadata: { 'my.key': 'mine' } });
    const first = await repo.resolveRev('ostree-metadata');
    const shown = await cli.ostree('show', '--raw', 'ostree-metadata');
    expect(shown).toContain("'my.key': <'mine'>");
    expect(shown).toContain("'ostree.collection-binding': <'org.example.Os'>");
    expect(shown).toContain("'ostree.ref-binding': <['ostree-metadata']>");
    await cli.ostree('summary', '-u');
    expect(await repo.resolveRev('ostree-metadata^')).toBe(first);
    await repo.summary.regenerate();
    expect(await repo.resolveRev('ostree-metadata^^')).toBe(first);
    await cli.ostree('fsck');
    const { refs } = await repo.summary.read();
    expect(refs.map(({ ref }) => ref)).toEqual(['main', 'ostree-metadata']);
  });

  it('signs it and the commit, by every signer', async () => {
    const cli = await collection();
    await using repo = await Repo.open(cli.path);
    const gpg = await gpgKey();
    const one = ed25519Key();
    const two = ed25519Key();
    const sign: Signer[] = [
      { type: 'gpg', keyId: gpg.keyId, homedir: gpg.path },
      { type: 'ed25519', secretKey: one.secret },
      { type: 'ed25519', sign: (data) => two.sign(data) },
    ];
    await repo.summary.regenerate({ sign });
    for (const keys of [
      gpg.publicKey,
      { type: 'ed25519', publicKey: one.public } as const,
      { type: 'ed25519', publicKey: two.public } as const,
    ]) {
      expect((await repo.summary.verify({ keys })).valid).toBe(true);
      expect((await repo.verify('ostree-metadata', { keys })).valid).toBe(true);
    }
    // A second one has signatures of its own, and no old ones.
    await repo.summary.regenerate({ sign: sign[0] });
    expect(await repo.summary.verify({ keys: gpg.publicKey })).toMatchObject({
      valid: true,
      signatures: [{ valid: true }],
    });
  });

  it('leaves the old summary in place when a key cannot sign', async () => {
    const { repo, cli } = await unsignedCommit();
    const gpg = await gpgKey();
    await repo.summary.regenerate({ sign: { type: 'gpg', keyId: gpg.keyId, homedir: gpg.path } });
    const before = await readFile(join(cli.path, 'summary'));
    await cli.commit('other', { b: 'b' });
    const wrong: Signer = { type: 'gpg', keyId: 'ABCDEF0123456789', homedir: gpg.path };
    await expect(repo.summary.regenerate({ sign: wrong })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const nowhere: Signer = { type: 'gpg', keyId: gpg.keyId, homedir: '/nowhere' };
    await expect(repo.summary.regenerate({ sign: [nowhere] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: '/nowhere',
    });
    expect(await readFile(join(cli.path, 'summary'))).toEqual(before);
    expect((await repo.summary.verify({ keys: gpg.publicKey })).valid).toBe(true);
  });

  it('rejects with CONFLICT when the summary is made anew while a callback signs', async () => {
    const { repo, cli } = await unsignedCommit();
    const key = ed25519Key();
    const sign = async (data: Uint8Array) => {
      await cli.ostree('summary', '-u', "--add-metadata=by='another'");
      return key.sign(data);
    };
    await expect(repo.summary.regenerate({ sign: { type: 'ed25519', sign } })).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { ref: 'summary' },
    });
    expect((await repo.summary.read()).signed).toBe(false);
  });

  it('lets ten run side by side, one of them aborted', async () => {
    const cli = await collection();
    await using repo = await Repo.open(cli.path);
    const key = ed25519Key();
    const controller = new AbortController();
    const reason = new Error('enough');
    const results = Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        repo.summary.regenerate({
          metadata: { i },
          sign: { type: 'ed25519', secretKey: key.secret },
          signal: i === 5 ? controller.signal : undefined,
        }),
      ),
    );
    controller.abort(reason);
    const rejected = (await results).filter(({ status }) => status === 'rejected');
    expect(rejected).toEqual([{ status: 'rejected', reason }]);
    expect((await cli.ostree('log', 'ostree-metadata')).match(/^commit /gm)).toHaveLength(9);
    const keys = { type: 'ed25519', publicKey: key.public } as const;
    expect(await repo.summary.verify({ keys })).toMatchObject({ valid: true, signatures: [{ valid: true }] });
    expect((await repo.summary.read()).metadata['i']).toBe(9);
    await cli.ostree('fsck');
  });

  it('rejects with the signal, and refuses bad arguments', async () => {
    const { repo } = await unsignedCommit();
    const reason = new Error('enough');
    const controller = new AbortController();
    const sign: Signer = {
      type: 'ed25519',
      sign: () => {
        controller.abort(reason);
        return new Promise(() => {});
      },
    };
    await expect(repo.summary.regenerate({ sign, signal: controller.signal })).rejects.toBe(reason);
    const regenerate = (options: unknown) => repo.summary.regenerate(options as object);
    await expect(regenerate(null)).rejects.toEqual(typeError('options'));
    await expect(regenerate({ metadata: 'x' })).rejects.toEqual(typeError('options.metadata'));
    await expect(regenerate({ metadata: { x: null } })).rejects.toEqual(typeError('metadata.x'));
    await expect(regenerate({ metadata: new Variant('s', 'x') })).rejects.toMatchObject({
      name: 'TypeError',
    });
    await expect(regenerate({ expires: 'soon' })).rejects.toEqual(typeError('options.expires'));
    await expect(regenerate({ expires: new Date(NaN) })).rejects.toEqual(rangeError('options.expires'));
    await expect(regenerate({ sign: 5 })).rejects.toEqual(typeError('options.sign'));
    await expect(regenerate({ sign: [{ type: 'gpg' }] })).rejects.toEqual(
      typeError(/options\.sign\[0\]\.keyId/),
    );
  });
});

describe('summary.read', () => {
  it('tells everything that is in it', async () => {
    const cli = await collection();
    const main = await cli.ostree('rev-parse', 'main');
    const tagged = await cli.commit(
      'tagged',
      { b: 'b' },
      '--add-metadata-string=version=1.2',
      '--timestamp=@1600000000',
    );
    await using repo = await Repo.open(cli.path);
    await repo.setRef('theirs', main, { collectionId: 'org.example.Other' });
    const expires = new Date('2031-02-03T04:05:06Z');
    const start = Math.floor(Date.now() / 1000) * 1000;
    await repo.summary.regenerate({ expires, metadata: { 'my.bytes': new Uint8Array([1, 2]) } });
    const summary = await repo.summary.read();
    const metadataRef = await repo.resolveRev('ostree-metadata');
    expect(summary).toMatchObject({
      refs: [
        { ref: 'main', checksum: main, timestamp: expect.any(Date), version: null },
        { ref: 'ostree-metadata', checksum: metadataRef },
        { ref: 'tagged', checksum: tagged, version: '1.2', timestamp: new Date(1600000000000) },
      ],
      collections: { 'org.example.Other': [{ ref: 'theirs', checksum: main }] },
      expires,
      collectionId: 'org.example.Os',
      mode: 'archive-z2',
      tombstoneCommits: false,
      indexedDeltas: true,
      signed: false,
      metadata: { 'my.bytes': new Uint8Array([1, 2]) },
    });
    expect(summary.lastModified!.getTime()).toBeGreaterThanOrEqual(start);
    const { size } = summary.refs[0]!;
    expect(size).toBe(
      (await readFile(join(cli.path, 'objects', main.slice(0, 2), `${main.slice(2)}.commit`))).length,
    );
    expect(JSON.parse(JSON.stringify(summary))).toMatchObject({ metadata: { 'my.bytes': 'AQI=' } });
    const kept = await repo.summary.read({ variants: true });
    expect(kept.metadata['my.bytes']).toEqual(new Variant('ay', new Uint8Array([1, 2])));
    expect(await cli.ostree('summary', '--view')).toContain('Expires (ostree.summary.expires): 2031-02-03');
  });

  it('rejects with NOT_FOUND without one, and with CORRUPT where it is none', async () => {
    const { repo, cli } = await unsignedCommit();
    await expect(repo.summary.read()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(cli.path, 'summary'), 'this is no summary');
    await expect(repo.summary.read()).rejects.toMatchObject({ code: 'CORRUPT', details: { objects: [] } });
    await repo.summary.regenerate();
    await writeFile(join(cli.path, 'summary.sig'), 'no signatures');
    await expect(repo.summary.read()).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(repo.summary.read({ variants: 1 as never })).rejects.toEqual(typeError('options.variants'));
  });
});

describe('summary.verify', () => {
  it('verifies what the command signed, for a remote and with keys', async () => {
    const { repo, cli } = await unsignedCommit();
    const key = await gpgKey();
    const other = await gpgKey('Other <other@example.org>');
    await writeFile(join(key.path, 'pub'), key.publicKeyBytes);
    await cli.ostree('remote', 'add', 'origin', 'http://h/r', `--gpg-import=${join(key.path, 'pub')}`);
    await cli.ostree('summary', '-u', `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    expect(await repo.summary.verify({ remote: 'origin' })).toMatchObject({
      valid: true,
      signatures: [{ userEmail: 'tester@example.org' }],
    });
    await expect(repo.summary.verify({ keys: other.publicKey })).rejects.toMatchObject({
      code: 'SIGNATURE',
      details: { reasons: [{ type: 'gpg', keyId: key.keyId.slice(-16) }] },
    });
    expect(await repo.summary.verify({ keys: other.publicKey, report: true })).toMatchObject({
      valid: false,
    });
    await writeFile(
      join(cli.path, 'summary'),
      Buffer.concat([await readFile(join(cli.path, 'summary')), Buffer.from('x')]),
    );
    await expect(repo.summary.verify({ remote: 'origin' })).rejects.toMatchObject({
      code: 'SIGNATURE',
      message: expect.stringContaining('BAD signature'),
    });
    await rm(join(cli.path, 'summary.sig'));
    await expect(repo.summary.verify({ remote: 'origin' })).rejects.toMatchObject({ code: 'SIGNATURE' });
    await rm(join(cli.path, 'summary'));
    await expect(repo.summary.verify({ remote: 'origin' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('wants what the remote wants of a summary', async () => {
    const { repo, cli } = await unsignedCommit();
    const key = ed25519Key();
    await cli.ostree('remote', 'add', 'origin', 'http://h/r', `--set=verification-ed25519-key=${key.public}`);
    await repo.summary.regenerate({ sign: { type: 'ed25519', secretKey: key.secret } });
    const verify = () => repo.summary.verify({ remote: 'origin' });
    await expect(verify()).rejects.toMatchObject({ code: 'SIGNATURE' });
    await repo.config.set('remote "origin".sign-verify-summary', 'ed25519');
    expect((await verify()).valid).toBe(true);
    await repo.config.set('remote "origin".gpg-verify-summary', true);
    await expect(verify()).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('refuses bad arguments', async () => {
    const { repo } = await unsignedCommit();
    await expect(repo.summary.verify({})).rejects.toEqual(typeError('options.remote or options.keys'));
    await expect(repo.summary.verify({ remote: '' })).rejects.toEqual(rangeError('options.remote'));
  });
});
