// Commit, fsck and checkout hold a bounded number of descriptors, however many entries a tree has.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, it } from 'vitest';

import { cliRepo, temporaryDirectory } from '../support/repo.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const DIRECTORIES = 200;
const FILES = 24;

const WORK = `
  import { Repo } from 'ostree';
  const [path, tree, to] = process.argv.slice(1);
  const repo = await Repo.open(path, { fsync: false });
  const { checksum } = await repo.commit({ branch: 'main', tree, cache: true });
  await repo.commit({ branch: 'main', tree, cache: true });
  const { verdict } = await repo.fsck();
  const { files } = await repo.checkout(checksum, to, { userMode: true });
  console.log(JSON.stringify({ verdict, files }));
  await repo.close();
`;

async function makeTree(): Promise<string> {
  const tree = await temporaryDirectory();
  for (let d = 0; d < DIRECTORIES; d++) {
    const directory = join(tree, `d${d % 20}`, `d${d}`);
    await mkdir(directory, { recursive: true });
    const names = Array.from({ length: FILES }, (_, f) => `f${f}`);
    await Promise.all(names.map((name) => writeFile(join(directory, name), `${d} ${name}`)));
  }
  return tree;
}

it.each(['bare-user', 'archive'])('works on 5,000 entries with 256 descriptors: %s', async (mode) => {
  const tree = await makeTree();
  const cli = await cliRepo(mode);
  const to = join(await temporaryDirectory(), 'out');
  const ended = await execa(
    'bash',
    [
      ...['-c', 'ulimit -n 256 && exec "$0" "$@"', process.execPath],
      ...['--input-type=module', '--eval', WORK, cli.path, tree, to],
    ],
    { cwd: root, reject: false },
  );
  expect(ended.exitCode, ended.stderr).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({ verdict: 'ok', files: DIRECTORIES * FILES });
  await cli.ostree('fsck', '--quiet');
  await execa('diff', ['-r', tree, to]);
});
