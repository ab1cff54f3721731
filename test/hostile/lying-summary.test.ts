// Another summary than the one that was signed, for a moment, to who does not verify it: nobody believes it afterwards,
// in this repository, with this library or with the command.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

const COLLECTION = 'org.example.Os';
const MAIN = { collectionId: COLLECTION, ref: 'main' };
/** Without indexes of deltas: a pull of a known commit then asks for the summary, too. */
const CONFIG = '[core]\nrepo_version=1\nmode=archive-z2\n';

/** A server that gives an older summary with the signatures of the present one, until it behaves. */
async function liar(verifiesSummary = false) {
  const key = await gpgKey();
  const source = await cliRepo('archive');
  await source.ostree('config', 'set', 'core.collection-id', COLLECTION);
  const sign = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`];
  const first = await source.commit('main', { a: '1' }, '--timestamp=@1000', ...sign);
  await source.ostree('summary', '--update', ...sign);
  const old = await readFile(join(source.path, 'summary'));
  const second = await source.commit('main', { a: '2' }, '--timestamp=@2000', ...sign);
  await source.ostree('summary', '--update', ...sign);
  await writeFile(join(source.path, 'config'), CONFIG);
  let lying = true;
  const { url } = await server(source.path, (path, response) => {
    if (!lying || path !== '/summary') return true;
    response.end(old);
    return false;
  });
  const client = await cliRepo('bare-user');
  const repo = await Repo.open(client.path);
  await repo.remotes.add('origin', url, {
    collectionId: COLLECTION,
    gpgKeys: key.publicKeyBytes,
    gpgVerifySummary: verifiesSummary,
  });
  const lies = (value: boolean) => {
    lying = value;
  };
  return { client, repo, first, second, lies };
}

const left = async (path: string) =>
  (await readdir(join(path, 'tmp'))).filter((name) => name.startsWith('summar'));

describe('a summary that nobody verifies', () => {
  it('is not kept by findRemotes()', async () => {
    const { client, repo, first, second, lies } = await liar();
    await using closing = repo;
    expect(await closing.findRemotes([MAIN])).toMatchObject([{ refs: [{ checksum: first }] }]);
    expect(await left(client.path)).toEqual([]);
    lies(false);
    expect(await closing.findRemotes([MAIN])).toMatchObject([{ refs: [{ checksum: second }] }]);
    await client.ostree('pull', 'origin', 'main');
    expect(await client.ostree('rev-parse', 'origin:main')).toBe(second);
  });

  it('is not kept by pullFromRemotes()', async () => {
    const { client, repo, second, lies } = await liar(true);
    await using closing = repo;
    lies(false);
    const found = await closing.findRemotes([MAIN]);
    // As when the summary is signed anew meanwhile.
    await rm(join(client.path, 'tmp/cache/summaries'), { recursive: true, force: true });
    lies(true);
    await closing.pullFromRemotes(found);
    expect(await closing.resolveRev('origin:main')).toBe(second);
    expect(await left(client.path)).toEqual([]);
    lies(false);
    // It verifies what is in the cache, and does not ask again.
    expect(await closing.remotes.refs('origin')).toMatchObject([{ ref: 'main', checksum: second }, {}]);
    expect(await client.ostree('remote', 'refs', 'origin')).toContain('origin:main');
  });

  it.each(['0', 'false', ''])('is not kept by a pull where sign-verify-summary is "%s"', async (value) => {
    const { client, repo, first, second, lies } = await liar();
    await using closing = repo;
    await closing.config.set('remote "origin".sign-verify-summary', value);
    await closing.pull('origin', { refs: ['main'] });
    expect(await closing.resolveRev('origin:main')).toBe(first);
    expect(await closing.remotes.refs('origin')).toMatchObject([{ ref: 'main', checksum: first }, {}]);
    expect(await left(client.path)).toEqual([]);
    lies(false);
    await client.ostree('pull', 'origin', 'main');
    expect(await client.ostree('rev-parse', 'origin:main')).toBe(second);
  });
});
