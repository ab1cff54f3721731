// Files that change while they are being committed. What is committed may be old or new, or a mixture where the
// file was small; but every object is what its checksum says, or the commit failed with the file's path.
import { mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { OstreeError, Repo, type RepoMode } from 'ostree';
import { beforeAll, describe, expect, it } from 'vitest';

import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { startRewriter } from '../support/rewriter.js';
import { isRoot } from '../support/trees.js';

const MODES: RepoMode[] = ['archive', 'bare-user', 'bare-user-only', ...(isRoot ? ['bare' as const] : [])];
const REWRITES = 400;
const COMMITS = 6;

describe('files that are rewritten while they are committed', () => {
  // The long version is scripts/stress-commit.
  it.each(MODES)('leave no bad object in %s', async (mode) => {
    const tree = join(await temporaryDirectory(), 'tree');
    await mkdir(tree);
    const rewriter = await startRewriter(tree);
    const cli = await cliRepo(mode);
    await using repo = await Repo.open(cli.path, { fsync: false });
    let committed = 0;
    for (let attempts = 0; committed < COMMITS || rewriter.count < REWRITES; attempts++) {
      expect(attempts).toBeLessThan(1_000);
      try {
        await repo.commit({ tree, branch: `b${committed}` });
        committed++;
      } catch (error) {
        if (!OstreeError.is(error)) throw error;
        expect(['FAILED', 'NOT_FOUND']).toContain(error.code);
        expect(error.path).toMatch(/\/tree\/(small|large)-\d+$/);
      }
    }
    expect(await rewriter.stop()).toBeGreaterThanOrEqual(REWRITES);
    await cli.ostree('fsck', '-q');
  });
});

describe('files that are something else by the time they are read', () => {
  // A single worker reads a file of 1 GiB, all holes, before it comes to the one that changes meanwhile.
  const HUGE = 1 << 30;
  let path: string;
  let tree: string;
  let fresh: string;
  beforeAll(async () => {
    const cleanUps: (() => Promise<void>)[] = [];
    const directory = () => temporaryDirectory((cleanUp) => cleanUps.push(cleanUp));
    tree = await directory();
    fresh = await directory();
    await writeFile(join(tree, 'a'), '');
    await truncate(join(tree, 'a'), HUGE);
    ({ path } = await cliRepo('archive', (cleanUp) => cleanUps.push(cleanUp)));
    await using repo = await Repo.open(path);
    await repo.commit({ tree, branch: 'main' }); // so that it is only read from now on
    return async () => {
      for (const cleanUp of cleanUps) await cleanUp();
    };
  });

  it.each([
    ['a symbolic link', (at: string) => symlink('/etc/passwd', at), 'FAILED'],
    ['a pipe', (at: string) => execa('mkfifo', [at]), 'FAILED'],
    ['a directory', (at: string) => mkdir(at), 'FAILED'],
    ['nothing', () => Promise.resolve(), 'NOT_FOUND'],
  ])('%s: the commit fails with the path, and waits for nothing', async (what, make, code) => {
    const victim = join(tree, 'z');
    const other = join(fresh, what);
    await rm(victim, { recursive: true, force: true });
    await writeFile(victim, 'victim');
    await make(other);
    await using repo = await Repo.open(path);
    let changed: Promise<void> | undefined;
    const change = async () => {
      await rm(victim);
      if (what !== 'nothing') await rename(other, victim);
    };
    const commit = repo.commit({
      tree,
      branch: 'main',
      concurrency: 1,
      onProgress: () => {
        changed ??= change();
      },
    });
    await expect(commit).rejects.toMatchObject({ code, path: victim });
    await changed;
  });
});
