// Real repositories for tests, made by the `ostree` command.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

/** Runs the `ostree` command; the result is its standard output. */
export async function ostree(...args: string[]): Promise<string> {
  const { stdout } = await execa('ostree', args);
  return stdout;
}

/** Takes what is to be done at the end: of a test, unless given. In beforeAll() there is none. */
export type AtEnd = (cleanUp: () => Promise<void>) => void;

/** A directory that goes with the test. */
export async function temporaryDirectory(atEnd: AtEnd = onTestFinished): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ostree-test-'));
  atEnd(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes files, each by its path relative to `dir`. */
export async function writeTree(dir: string, files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

export interface CliRepo {
  path: string;
  /** Runs `ostree --repo=PATH …`. */
  ostree: (...args: string[]) => Promise<string>;
  /** Commits files with the command, on top of the branch; the result is the commit's checksum. */
  commit: (branch: string, files: Record<string, string | Uint8Array>, ...args: string[]) => Promise<string>;
}

/** A new repository, in a directory that goes with the test. */
export async function cliRepo(mode = 'archive', atEnd?: AtEnd): Promise<CliRepo> {
  const dir = await temporaryDirectory(atEnd);
  const path = join(dir, 'repo');
  const run = (...args: string[]) => ostree(`--repo=${path}`, ...args);
  await run('init', `--mode=${mode}`);
  let trees = 0;
  return {
    path,
    ostree: run,
    async commit(branch, files, ...args) {
      const tree = join(dir, `tree-${trees++}`);
      await mkdir(tree);
      await writeTree(tree, files);
      return await run('commit', `--branch=${branch}`, `--tree=dir=${tree}`, ...args);
    },
  };
}
