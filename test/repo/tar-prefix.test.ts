// What `prefix` makes of the paths in an archive, as exportTar() documents it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { cliRepo, temporaryDirectory } from '../support/repo.js';

it.each([
  [undefined, ['./', 'bin/', 'bin/a']],
  ['opt/', ['opt/', 'opt/bin/', 'opt/bin/a']],
  ['opt', ['opt/', 'optbin/', 'optbin/a']],
  ['/', ['/', '/bin/', '/bin/a']],
  ['../', ['../', '../bin/', '../bin/a']],
])('%s', async (prefix, paths) => {
  const cli = await cliRepo();
  const commit = await cli.commit('main', { 'bin/a': '1' });
  await using repo = await Repo.open(cli.path);
  const data = await buffer(repo.exportTar(commit, { prefix }));
  const tar = join(await temporaryDirectory(), 'x.tar');
  await writeFile(tar, data);
  expect((await execa('tar', ['-tPf', tar])).stdout.split('\n')).toEqual(paths);
  const args = prefix === undefined ? [] : [`--prefix=${prefix}`];
  const { stdout } = await execa('ostree', [`--repo=${cli.path}`, 'export', commit, ...args], {
    encoding: 'buffer',
  });
  expect(data.equals(stdout)).toBe(true);
});
