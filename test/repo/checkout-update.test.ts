// repo.checkout() with `from`: an update in place is what a checkout anew would be, and leaves everything else alone.
import {
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { type CliRepo, cliRepo, temporaryDirectory } from '../support/repo.js';
import { snapshot } from '../support/snapshot.js';
import { isRoot, makeTree, type TreeDirectory, type TreeNode } from '../support/trees.js';

const file = (size: number, rest: object = {}): TreeNode => ({
  type: 'file',
  size,
  fill: size % 251,
  ...rest,
});
const dir = (entries: Record<string, TreeNode>, rest: object = {}): TreeDirectory => ({
  type: 'directory',
  entries,
  ...rest,
});
const link = (target: string): TreeNode => ({ type: 'symlink', target });
const xattr = (name: string) => ({ xattrs: { [name]: Buffer.from('x') } });

const BEFORE = dir(
  {
    same: file(10),
    changed: file(11),
    gone: file(12),
    'other mode': file(13),
    'link to file': link('same'),
    'link changes': link('same'),
    'file to directory': file(14),
    'directory to file': dir({ a: file(1), b: dir({ c: file(2) }) }),
    'directory to link': dir({ a: file(1) }),
    'gone directory': dir({ a: file(1), b: dir({ c: file(2), l: link('c') }) }),
    'same directory': dir({ a: file(1), b: dir({ c: file(2) }) }),
    'changed deep down': dir({ a: dir({ b: dir({ c: file(3), d: file(4) }) }) }, { mode: 0o555 }),
    'other directory mode': dir({ a: file(1) }, { mode: 0o700, ...xattr('user.old') }),
  },
  { mode: 0o755 },
);
const AFTER = dir(
  {
    same: file(10),
    changed: file(21),
    'other mode': file(13, { mode: 0o600 }),
    'link to file': file(22),
    'link changes': link('changed'),
    'file to directory': dir({ x: file(23) }),
    'directory to file': file(24),
    'directory to link': link('same'),
    'same directory': dir({ a: file(1), b: dir({ c: file(2) }) }),
    'changed deep down': dir({ a: dir({ b: dir({ c: file(33), e: file(5) }) }) }, { mode: 0o555 }),
    'other directory mode': dir({ a: file(1) }, { mode: 0o750, ...xattr('user.new') }),
    'new directory': dir({ a: file(1), b: dir({}) }),
    'new file': file(25),
    empty: file(0),
  },
  { mode: 0o711 },
);

async function commits(mode: string): Promise<CliRepo> {
  const cli = await cliRepo(mode);
  const work = await temporaryDirectory();
  for (const [branch, tree] of Object.entries({ before: BEFORE, after: AFTER })) {
    await makeTree(join(work, branch), tree);
    await cli.ostree('commit', `--branch=${branch}`, `--tree=dir=${join(work, branch)}`);
  }
  return cli;
}

const modes = ['archive', 'bare', 'bare-user', 'bare-user-only'].filter((mode) => isRoot || mode !== 'bare');

describe('an update', () => {
  describe.each(modes)('in %s', (mode) => {
    it.each(
      [{ userMode: true }, { userMode: false }, { userMode: true, subpath: '/changed deep down' }].filter(
        ({ userMode }) => isRoot || userMode,
      ),
    )('is the same as a checkout anew, with %o', async (options) => {
      const cli = await commits(mode);
      await using repo = await Repo.open(cli.path);
      const work = await temporaryDirectory();
      const [updated, fresh] = [join(work, 'updated'), join(work, 'fresh')];
      for (const [from, to] of [
        ['before', 'after'],
        ['after', 'before'],
      ] as const) {
        await repo.checkout(from, updated, options);
        await repo.checkout(to, updated, { ...options, from });
        await repo.checkout(to, fresh, options);
        expect(await snapshot(updated)).toEqual(await snapshot(fresh));
        await execa('chmod', ['-R', 'u+rwX', work]);
        await rm(updated, { recursive: true });
        await rm(fresh, { recursive: true });
      }
    });
  });

  it('touches nothing else', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    const outside = await temporaryDirectory();
    await repo.checkout('before', to, { userMode: true });
    await writeFile(join(outside, 'a'), 'outside');
    await writeFile(join(to, 'mine'), 'mine');
    await writeFile(join(to, 'gone directory/mine'), 'mine');
    await mkdir(join(to, 'changed deep down/a/mine'));
    await writeFile(join(to, 'same directory/b/c'), 'changed by me');
    await utimes(join(to, 'same'), 5, 5);
    // Where a directory was, there is now a way out.
    await rm(join(to, 'gone directory/b'), { recursive: true });
    await symlink(outside, join(to, 'gone directory/b'));
    const { ino } = await stat(join(to, 'same'));

    const result = await repo.checkout('after', to, { userMode: true, from: 'before' });
    expect(result.files).toBe(10);
    expect(result.symlinks).toBe(2);
    expect(result.removed).toBeGreaterThan(0);
    expect(await readFile(join(to, 'mine'), 'utf8')).toBe('mine');
    expect((await readdir(join(to, 'gone directory'))).sort()).toEqual(['b', 'mine']);
    expect((await lstat(join(to, 'gone directory/b'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(outside, 'a'), 'utf8')).toBe('outside');
    expect(await readdir(join(to, 'changed deep down/a'))).toContain('mine');
    expect(await readFile(join(to, 'same directory/b/c'), 'utf8')).toBe('changed by me');
    expect(await stat(join(to, 'same'))).toMatchObject({ ino, mtimeMs: 5000 });
  });

  it('leaves a directory that stays for others’ files its mode', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    await repo.checkout('before', to, { userMode: true });
    const kept = join(to, 'gone directory');
    await writeFile(join(kept, 'mine'), 'mine');
    await chmod(kept, 0o555);
    await repo.checkout('after', to, { userMode: true, from: 'before' });
    expect(await readdir(kept)).toEqual(['mine']);
    expect((await stat(kept)).mode & 0o7777).toBe(0o555);
    await chmod(kept, 0o755);
  });

  it('to the same commit does nothing', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    await repo.checkout('before', to, { userMode: true });
    const before = await snapshot(to);
    const again = await repo.checkout('before', to, { userMode: true, from: 'before' });
    expect(again).toMatchObject({ files: 0, symlinks: 0, removed: 0 });
    expect(await snapshot(to)).toEqual(before);
  });

  it('leaves out what the checkout left out', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const [to, fresh] = [join(await temporaryDirectory(), 'to'), join(await temporaryDirectory(), 'fresh')];
    const options = { userMode: true, skip: ['/gone', '/gone directory', '/new directory', { glob: 'c' }] };
    await repo.checkout('before', to, options);
    await writeFile(join(to, 'gone'), 'mine');
    await repo.checkout('after', to, { ...options, from: 'before' });
    expect(await readFile(join(to, 'gone'), 'utf8')).toBe('mine');
    await rm(join(to, 'gone'));
    await repo.checkout('after', fresh, options);
    const settled = await snapshot(fresh);
    delete settled['.'];
    const updated = await snapshot(to);
    delete updated['.'];
    expect(updated).toEqual(settled);
  });

  it('does not delete what is in the way of a file', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    await repo.checkout('before', to, { userMode: true });
    const path = join(to, 'directory to file');
    await writeFile(join(path, 'mine'), 'mine');
    const update = repo.checkout('after', to, { userMode: true, from: 'before' });
    await expect(update).rejects.toMatchObject({ code: 'EXISTS', path });
    expect(await readFile(join(path, 'mine'), 'utf8')).toBe('mine');
  });

  it('is of directories, from commits that are there', async () => {
    const cli = await commits('archive');
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    const file = repo.checkout('after', to, { userMode: true, from: 'before', subpath: '/same' });
    await expect(file).rejects.toMatchObject({ code: 'NOT_DIRECTORY', path: '/same' });
    const missing = repo.checkout('after', to, { userMode: true, from: 'no' });
    await expect(missing).rejects.toMatchObject({ code: 'NOT_FOUND', ref: 'no' });
  });
});
