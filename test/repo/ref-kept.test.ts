// A ref that is set while another process prunes: it must not come to name what that one deletes.
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { cliRepo } from '../support/repo.js';

it('setRef() waits for another process that has the repository for itself', async () => {
  const cli = await cliRepo();
  const checksum = await cli.commit('main', { a: '1' });
  await using repo = await Repo.open(cli.path);
  const release = await holdLock(cli.path, 'F_WRLCK');

  const impatient = repo.setRef('other', checksum, { signal: AbortSignal.timeout(100) });
  await expect(impatient).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(await repo.hasRef('other')).toBe(false);

  const setting = repo.setRef('other', checksum);
  await release();
  await setting;
  expect(await cli.ostree('rev-parse', 'other')).toBe(checksum);
});

it('deleteRef() takes nothing into use, and waits for nobody', async () => {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  await using repo = await Repo.open(cli.path);
  await holdLock(cli.path, 'F_WRLCK');
  await repo.deleteRef('main');
  expect(await cli.ostree('refs')).toBe('');
});

it('setRef() is done beside others who only read or write', async () => {
  const cli = await cliRepo();
  const checksum = await cli.commit('main', { a: '1' });
  await using repo = await Repo.open(cli.path);
  await holdLock(cli.path, 'F_RDLCK');
  await repo.setRef('other', checksum);
  await using lock = await repo.lock('shared');
  await lock.repo.setRef('another', checksum);
  expect((await cli.ostree('refs')).split('\n').sort()).toEqual(['another', 'main', 'other']);
});
