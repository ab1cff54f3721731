// Transactions that several processes begin and end at the same moment.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, it } from 'vitest';

import { cliFsck } from '../support/objects.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const COMMITS = `
  import { Repo } from 'ostree';
  const { path, tree, branch } = JSON.parse(process.env.GIVEN);
  const repo = await Repo.open(path);
  for (let i = 0; i < 100; i++) await repo.commit({ tree, branch, fsync: false });
  await repo.close();
`;

it('begin whatever becomes of a directory that libostree has made and not locked yet', async () => {
  const { path } = await cliRepo('archive');
  const tree = await temporaryDirectory();
  await writeTree(tree, { file: 'x' });
  const commit = (branch: string) =>
    execa(process.execPath, ['--input-type=module', '--eval', COMMITS], {
      cwd: root,
      env: { GIVEN: JSON.stringify({ path, tree, branch }) },
    });
  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => commit(`branch-${name}`)));
  expect(await cliFsck(path)).toBe(true);
}, 60_000);
