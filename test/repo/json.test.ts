// What has metadata goes through JSON.stringify() and structuredClone().
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

const BIG = 2n ** 60n;

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

it('a summary, of this repository and of a remote, and each of its refs', async () => {
  const cli = await cliRepo();
  // Among the metadata of a ref is the time of its commit, in the wrong byte order: it is more than a number can say.
  const checksum = await cli.commit('main', { a: '1' });
  await cli.ostree('summary', '--update');
  const { url } = await server(cli.path, () => true);
  await using repo = await Repo.open(cli.path);
  await repo.remotes.add('o', url, { gpgVerify: false });
  const read = await repo.summary.read();
  const fetched = await repo.remotes.summary('o');
  const refs = await repo.remotes.refs('o');
  const ref = {
    ref: 'main',
    checksum,
    metadata: { 'ostree.commit.timestamp': expect.stringMatching(/^\d{17,}$/) as unknown },
  };
  for (const value of [read.refs, fetched.refs, refs]) {
    expect(json(value)).toMatchObject([ref]);
    expect(json(value[0])).toMatchObject(ref);
    expect(structuredClone(value)).toMatchObject([{ ref: 'main', checksum }]);
  }
  for (const value of [read, fetched]) {
    expect(json(value)).toMatchObject({ refs: [ref] });
    expect(structuredClone(value)).toMatchObject({ refs: [{ ref: 'main', checksum }] });
    expect(Object.keys(value)).not.toContain('toJSON');
  }
});

it('a commit, and its metadata as objects', async () => {
  const cli = await cliRepo();
  const checksum = await cli.commit('main', { a: '1' });
  await using repo = await Repo.open(cli.path);
  await repo.setDetachedMetadata(checksum, { big: BIG, bytes: Buffer.from('x') });
  const expected = { big: String(BIG), bytes: 'eA==' };
  const meta = await repo.readObject({ type: 'commitmeta', checksum });
  expect(json(meta)).toMatchObject({ type: 'commitmeta', checksum, metadata: expected });
  expect(structuredClone(meta)).toMatchObject({ metadata: { big: BIG } });
  const commit = await repo.readObject({ type: 'commit', checksum });
  expect(json(commit)).toMatchObject({ commit: { checksum, detachedMetadata: expected } });
  expect(structuredClone(commit)).toMatchObject({ commit: { detachedMetadata: { big: BIG } } });
});
