// Transactions that several processes begin and end at the same moment.
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

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

// In place of another process that always comes at the wrong moment: takes, and removes, the first directories that
// libostree makes, before it has opened them. Each is a line of the log.
const THIEF = `
  #define _GNU_SOURCE
  #include <dlfcn.h>
  #include <fcntl.h>
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <sys/stat.h>
  #include <unistd.h>
  int mkdirat(int dir, const char *path, mode_t mode) {
    static int taken = 0;
    int (*make)(int, const char *, mode_t) = dlsym(RTLD_NEXT, "mkdirat");
    int made = make(dir, path, mode);
    if (made != 0 || strncmp(path, "staging-", 8) != 0 || taken >= atoi(getenv("TAKE"))) return made;
    taken++;
    unlinkat(dir, path, AT_REMOVEDIR);
    FILE *log = fopen(getenv("TAKEN"), "a");
    fprintf(log, "%s\\n", path);
    fclose(log);
    return made;
  }
`;
const COMMIT = `
  import { Repo } from 'ostree';
  const { path, tree } = JSON.parse(process.env.GIVEN);
  const repo = await Repo.open(path);
  try {
    await repo.commit({ tree, branch: 'main' });
    console.log('committed');
  } catch (error) {
    console.log(error.code);
  }
  await repo.close();
`;

const noCompiler = ((): boolean => {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
})();
if (noCompiler)
  console.warn('Directories that are taken away from a transaction are not tested: there is no cc');

describe.skipIf(noCompiler)('a transaction whose directory is taken away before it is opened', () => {
  it.each([
    [3, 'committed', 3],
    [1000, 'NOT_FOUND', 100],
  ])('%i times: %s', async (take, outcome, taken) => {
    const { path } = await cliRepo('archive');
    const dir = await temporaryDirectory();
    await writeTree(join(dir, 'tree'), { file: 'x' });
    const [library, log] = [join(dir, 'thief.so'), join(dir, 'taken')];
    await writeFile(join(dir, 'thief.c'), THIEF);
    await execa('cc', ['-shared', '-fPIC', '-o', library, join(dir, 'thief.c'), '-ldl']);
    const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', COMMIT], {
      cwd: root,
      env: {
        GIVEN: JSON.stringify({ path, tree: join(dir, 'tree') }),
        LD_PRELOAD: [library, process.env['LD_PRELOAD']].filter(Boolean).join(' '),
        OSTREE_NO_DEEPBIND: '1', // else libostree finds mkdirat() in the C library
        TAKE: String(take),
        TAKEN: log,
      },
    });
    expect(stdout).toBe(outcome);
    expect((await readFile(log, 'utf8')).match(/^staging-/gm)).toHaveLength(taken);
    expect(await cliFsck(path)).toBe(true);
  });
});
