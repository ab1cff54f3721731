// A bare repository whose parent is an archive: libostree ends the process wherever it loads a file that only the
// archive has.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { nginx } from '../support/nginx.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

async function archiveOfTwo() {
  const archive = await cliRepo('archive');
  const tree = await temporaryDirectory();
  await writeFile(join(tree, 'large'), Buffer.alloc(300_000, 'ostree '));
  await writeFile(join(tree, 'small'), 'one\n');
  await archive.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
  await writeFile(join(tree, 'large'), Buffer.alloc(310_000, 'ostree '));
  await writeFile(join(tree, 'small'), 'two\n');
  await archive.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
  const rev = async (name: string) => (await archive.ostree('rev-parse', name)).trim();
  return { archive, old: await rev('main^'), head: await rev('main') };
}

const refused = { code: 'NOT_SUPPORTED', message: expect.stringMatching(/only in the archive/) as string };

it.each(['bare-user', 'bare-user-only'])('is read, or refused, in %s', async (mode) => {
  const { archive, old, head } = await archiveOfTwo();
  const child = await cliRepo(mode);
  await child.ostree('config', 'set', 'core.parent', archive.path);
  await using repo = await Repo.open(child.path);

  expect((await repo.readFile(head, '/small')).toString()).toBe('two\n');
  await repo.checkout(head, join(await temporaryDirectory(), 'out'), { userMode: true });
  expect((await repo.fsck()).verdict).toBe('ok');
  await expect(buffer(repo.exportTar(head))).rejects.toMatchObject(refused);
  await expect(repo.deltas.generate({ from: old, to: head })).rejects.toMatchObject(refused);
  await expect(repo.deltas.generate({ to: head })).rejects.toMatchObject(refused);

  await using other = await Repo.create(join(await temporaryDirectory(), 'repo'), { mode: 'archive' });
  const { checksum } = await repo.stat(head, '/small');
  const objects = [{ type: 'file', checksum }] as const;
  await expect(
    other.transaction((transaction) => transaction.importFrom(repo, objects)),
  ).rejects.toMatchObject(refused);
});

it('has what a delta is made against', async () => {
  const { archive, old, head } = await archiveOfTwo();
  await archive.ostree('static-delta', 'generate', '--min-fallback-size=0', `--from=${old}`, `--to=${head}`);
  await archive.ostree('summary', '-u');
  const server = await nginx(archive.path);
  const above = await cliRepo('archive');
  await above.ostree('pull-local', archive.path, old);
  const child = await cliRepo('bare-user');
  await child.ostree('config', 'set', 'core.parent', above.path);
  await child.ostree('remote', 'add', '--no-gpg-verify', 'origin', server.url);
  await using repo = await Repo.open(child.path);
  await using files = await Repo.open(archive.path);
  await repo.setRef('main', old, { remote: 'origin' });
  const pull = (deltas: 'auto' | 'required') => repo.pull('origin', { refs: ['main'], deltas });
  await expect(pull('required')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  expect((await pull('auto')).refs).toMatchObject([{ ref: 'main', old, new: head }]);
  expect((await repo.readFile(head, '/small')).toString()).toBe('two\n');
  const path = join(await temporaryDirectory(), 'delta');
  await files.deltas.generate({ from: old, to: head, inline: true, filename: path });
  await expect(repo.deltas.apply(path)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
});

it('is left out as a cache of a pull', async () => {
  const { archive, head } = await archiveOfTwo();
  const server = await nginx(archive.path);
  const cache = await cliRepo('bare-user');
  await cache.ostree('config', 'set', 'core.parent', archive.path);
  await using repo = await Repo.create(join(await temporaryDirectory(), 'repo'), { mode: 'bare-user' });
  await repo.remotes.add('origin', server.url, { gpgVerify: false });
  const { refs } = await repo.pull('origin', { refs: ['main'], localCacheRepos: [cache.path] });
  expect(refs).toMatchObject([{ ref: 'main', new: head }]);
  expect((await repo.fsck()).verdict).toBe('ok');
});
