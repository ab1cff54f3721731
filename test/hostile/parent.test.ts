// A commit whose parent is no checksum: libostree aborts when it is asked for it.
import { writeFile } from 'node:fs/promises';

import { Repo, Variant } from 'ostree';
import { expect, it } from 'vitest';

import { DIRMETA, forge, forgeTree } from '../support/forge.js';
import { cliRepo } from '../support/repo.js';

it('the parent of a commit that has three bytes for one is CORRUPT', async () => {
  const { path } = await cliRepo();
  const bytes = (checksum: string) => new Uint8Array(Buffer.from(checksum, 'hex'));
  const contents = bytes(await forgeTree(path, {}));
  const meta = bytes(await forge(path, 'dirmeta', DIRMETA));
  const value = [{}, new Uint8Array(3), [], 's', '', 0n, contents, meta];
  const commit = await forge(path, 'commit', new Variant('(a{sv}aya(say)sstayay)', value).toBytes());
  await writeFile(`${path}/refs/heads/main`, `${commit}\n`);
  await using repo = await Repo.open(path);
  for (const rev of ['main^', 'main^^', `${commit}^`])
    await expect(repo.resolveRev(rev)).rejects.toMatchObject({ code: 'CORRUPT', checksum: commit, ref: rev });
  expect(await repo.resolveRev('main')).toBe(commit);
});
