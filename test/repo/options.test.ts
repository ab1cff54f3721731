// Options in general: what is not known is refused, and what is changed after the call changes nothing.
import { join } from 'node:path';

import { checksumFile, createRepoHandler, Repo, Sysroot } from 'ostree';
import { expect, it } from 'vitest';

import { rangeError } from '../support/errors.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

it('refuses options that it does not know, and does nothing', async () => {
  const cli = await cliRepo();
  const checksum = await cli.commit('main', { a: '1' });
  await cli.ostree('refs', '--delete', 'main');
  await using repo = await Repo.open(cli.path);
  const unknown = (error: unknown) => {
    expect(error).toEqual(rangeError(/^options\.dryrun is no option\. Known are .*\bsignal\b/));
    return 'refused';
  };
  const odd = { dryrun: true };
  const tree = await temporaryDirectory();
  const dir = join(tree, 'out');
  const calls: (() => unknown)[] = [
    () => repo.prune({ ...odd, refsOnly: true }),
    () => repo.fsck({ ...odd, delete: true }),
    () => repo.commit({ ...odd, tree }),
    () => repo.checkout(checksum, dir, odd as object),
    () => repo.pull('origin', odd as object),
    () => repo.pullLocal(tree, odd as object),
    () => repo.diff(checksum, checksum, odd as object),
    () => repo.lock('shared', odd as object),
    () => repo.begin(odd as object),
    () => repo.listRefs(odd as object),
    () => repo.setRef('main', checksum, odd as object),
    () => repo.resolveRev(checksum, odd as object),
    () => repo.readCommit(checksum, odd as object),
    () => repo.readFile(checksum, '/a', odd as object),
    () => repo.readObject({ type: 'commit', checksum }, odd as object),
    () => repo.verify(checksum, { ...odd, remote: 'origin' }),
    () => repo.removeSignatures(checksum, odd as object),
    () => repo.remotes.add('origin', 'http://localhost/', odd as object),
    () => repo.remotes.remove('origin', odd as object),
    () => repo.remotes.setOptions('origin', odd as object),
    () => repo.remotes.summary('origin', odd as object),
    () => repo.summary.regenerate(odd as object),
    () => repo.summary.read(odd as object),
    () => repo.deltas.generate({ ...odd, to: checksum }),
    () => repo.deltas.generateMany([], odd as object),
    () => repo.deltas.reindex(odd as object),
    () => Repo.open(cli.path, odd as object),
    () => Repo.create(tree, odd as object),
    () => Sysroot.init(dir, odd as object),
    () => checksumFile(tree, odd as object),
  ];
  for (const call of calls)
    expect(await Promise.resolve(call()).catch(unknown), call.toString()).toBe('refused');
  // Those that return an iterable or a stream throw at once.
  expect(() => repo.log(checksum, odd as object)).toThrow(RangeError);
  expect(() => repo.reachable(checksum, odd as object)).toThrow(RangeError);
  expect(() => repo.createReadStream(checksum, '/a', odd as object)).toThrow(RangeError);
  expect(() => repo.exportTar(checksum, odd as object)).toThrow(RangeError);
  expect(() => createRepoHandler(repo, { authorise: () => true } as object)).toThrow(RangeError);
  expect(await cli.ostree('ls', checksum, '/a')).toContain('/a');
});

it('commits with the options that it was called with', async () => {
  const cli = await cliRepo();
  const tree = await temporaryDirectory();
  await writeTree(tree, { a: '1' });
  await using repo = await Repo.open(cli.path);
  const source = { dir: tree, prefix: 'one' };
  const metadata = { key: 'one', deep: { list: ['one'] } };
  const options = { tree: [source], branch: 'main', subject: 'one', metadata };
  const committing = repo.commit(options);
  options.subject = source.prefix = metadata.key = metadata.deep.list[0] = 'two';
  options.tree.push({ dir: tree, prefix: 'three' });
  const { checksum } = await committing;
  const { subject, metadata: written } = await repo.readCommit(checksum);
  expect({ subject, written }).toMatchObject({
    subject: 'one',
    written: { key: 'one', deep: { list: ['one'] } },
  });
  expect((await repo.readdir(checksum, '/')).map(({ path }) => path)).toEqual(['/one']);
});

it('refuses metadata that contains itself', async () => {
  const cli = await cliRepo();
  await using repo = await Repo.open(cli.path);
  const metadata: Record<string, unknown> = { key: 'one' };
  metadata['self'] = metadata['again'] = metadata;
  await expect(repo.commit({ tree: await temporaryDirectory(), metadata })).rejects.toBeInstanceOf(TypeError);
});
