import {
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type CheckoutProgress, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { runModule } from '../support/child.js';
import { DIRMETA, forge, forgeCommit, forgeFile, forgeTree } from '../support/forge.js';
import { checksumsAt, objectFile } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory } from '../support/repo.js';

const FILES = { 'etc/hosts': 'localhost', 'usr/bin/tool': '#!/bin/sh', 'usr/empty': '', top: 'x' };

interface Fixture {
  cli: CliRepo;
  repo: Repo;
  commit: string;
  /** A path that is not there yet. */
  to: string;
}

/** A repository with one commit of FILES on main, open until the test ends. */
async function fixture(
  mode = 'bare-user',
  files: Record<string, string | Uint8Array> = FILES,
): Promise<Fixture> {
  const cli = await cliRepo(mode);
  const commit = await cli.commit('main', files, '--canonical-permissions');
  const repo = await Repo.open(cli.path);
  return { cli, repo, commit, to: join(await temporaryDirectory(), 'to') };
}

const failing = (code: string, rest: object = {}): unknown => expect.objectContaining({ code, ...rest });

/** Every name below a directory. */
async function names(dir: string): Promise<string[]> {
  return (await readdir(dir, { recursive: true })).sort();
}

describe('checkout', () => {
  it('says what it has made', async () => {
    const { repo, to } = await fixture();
    expect(await repo.checkout('main', to, { userMode: true })).toEqual({
      files: 4,
      directories: 4,
      symlinks: 0,
      hardlinked: 3,
      copied: 1, // the empty one
      kept: 0,
      bytes: 0,
      removed: 0,
    });
    expect(await readFile(join(to, 'etc/hosts'), 'utf8')).toBe('localhost');
    const again = await repo.checkout('main', to, { userMode: true, overwrite: 'union-files' });
    expect(again).toMatchObject({ files: 4, hardlinked: 0, copied: 1, kept: 3 });
    await repo.close();
  });

  it('counts the bytes it copies', async () => {
    const { repo, to } = await fixture('archive');
    expect(await repo.checkout('main', to, { userMode: true, concurrency: 1 })).toMatchObject({
      hardlinked: 0,
      copied: 4,
      bytes: 9 + 9 + 1,
    });
    await repo.close();
  });

  it('works from the repository of a lock', async () => {
    const { repo, to } = await fixture();
    await using lock = await repo.lock('shared');
    expect(await lock.repo.checkout('main', to, { userMode: true })).toMatchObject({ files: 4 });
    await lock.release();
    await repo.close();
  });

  it('takes objects from a parent repository', async () => {
    const { cli, commit, repo, to } = await fixture();
    const child = await cliRepo('bare-user');
    await child.ostree('config', 'set', 'core.parent', cli.path);
    await child.ostree('refs', '--create=copy', commit);
    await using childRepo = await Repo.open(child.path);
    expect(await childRepo.checkout('copy', to, { userMode: true })).toMatchObject({
      hardlinked: 3,
      copied: 1,
    });
    await repo.close();
  });

  it('leaves out what globs match', async () => {
    const { repo, to } = await fixture();
    await repo.checkout('main', to, { userMode: true, skip: [{ glob: 'h*s' }, '/usr/'] });
    expect(await names(to)).toEqual(['etc', 'top']);
    await repo.close();
  });

  it('follows symbolic links on the way to the subpath, inside the tree', async () => {
    const cli = await cliRepo('archive');
    const tree = join(await temporaryDirectory(), 'tree');
    await mkdir(join(tree, 'usr/bin'), { recursive: true });
    await writeFile(join(tree, 'usr/bin/tool'), 'x');
    await symlink('usr/bin', join(tree, 'bin'));
    await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
    await using repo = await Repo.open(cli.path);
    const to = join(await temporaryDirectory(), 'to');
    await repo.checkout('main', to, { userMode: true, subpath: '/bin/tool' });
    expect(await names(to)).toEqual(['tool']);
  });

  it('does nothing where the subpath is not there and need not be', async () => {
    const { repo, to } = await fixture();
    expect(await repo.checkout('main', to, { subpath: 'no', allowNoent: true })).toMatchObject({
      directories: 0,
    });
    await expect(stat(to)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(repo.checkout('no', to, { allowNoent: true })).rejects.toEqual(
      failing('NOT_FOUND', { ref: 'no' }),
    );
    await repo.close();
  });

  it('flushes when told to', async () => {
    const { repo, to } = await fixture('archive');
    expect(await repo.checkout('main', to, { userMode: true, fsync: true })).toMatchObject({ copied: 4 });
    await repo.close();
  });

  it('reports progress', async () => {
    const files = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`d${i % 50}/f${i}`, `${i}`]));
    const { repo, to } = await fixture('archive', files);
    const seen: CheckoutProgress[] = [];
    await repo.checkout('main', to, { userMode: true, onProgress: (now) => seen.push(now) });
    expect(seen.length).toBeGreaterThan(0);
    for (const now of seen) {
      expect(now.phase).toBe('files');
      expect(now.files).toBeLessThanOrEqual(now.totalFiles);
      expect(now.totalFiles).toBeLessThanOrEqual(2000);
    }
    await repo.close();
  });
});

describe('what is in the way', () => {
  it.each([
    ['a destination that is there', 'EXISTS', '', {}],
    ['a directory instead of a file', 'IS_DIRECTORY', '/etc/hosts', { overwrite: 'union-files' }],
    ['a file instead of a directory', 'NOT_DIRECTORY', '/usr', { overwrite: 'union-files' }],
  ] as const)('%s is %s', async (_, code, path, options) => {
    for (const mode of ['archive', 'bare-user']) {
      const { repo, to } = await fixture(mode);
      await mkdir(to);
      if (code === 'IS_DIRECTORY') await mkdir(to + path, { recursive: true });
      if (code === 'NOT_DIRECTORY') await writeFile(to + path, 'mine');
      const checkout = repo.checkout('main', to, { userMode: true, ...options });
      await expect(checkout).rejects.toEqual(failing(code, { path: to + path, ref: 'main' }));
      expect((await names(to)).filter((name) => name.includes('.ostree-'))).toEqual([]);
      await repo.close();
    }
  });

  it.each(['union-files', 'add-files'] as const)(
    'a symbolic link is not followed, with %s',
    async (overwrite) => {
      const { repo, to } = await fixture();
      const outside = await temporaryDirectory();
      await mkdir(to);
      await symlink(outside, join(to, 'usr'));
      await symlink(join(outside, 'top'), join(to, 'top'));
      const checkout = repo.checkout('main', to, { userMode: true, overwrite });
      await expect(checkout).rejects.toEqual(failing('NOT_DIRECTORY', { path: join(to, 'usr') }));
      expect(await names(outside)).toEqual([]);
      expect(await readlink(join(to, 'usr'))).toBe(outside);
      await repo.close();
    },
  );

  it('is found where the destination has no parent', async () => {
    const { repo, to } = await fixture();
    const path = join(to, 'deeper');
    await expect(repo.checkout('main', path)).rejects.toEqual(failing('NOT_FOUND', { path }));
    await repo.close();
  });

  it('names a file that is not the same', async () => {
    const { repo, to } = await fixture();
    const options = { userMode: true, overwrite: 'union-identical', requireHardlinks: true } as const;
    await mkdir(to);
    await writeFile(join(to, 'top'), 'y');
    const path = join(to, 'top');
    await expect(repo.checkout('main', to, options)).rejects.toEqual(failing('EXISTS', { path }));
    await repo.close();
  });

  it('is told that an archive has no hardlinks to give', async () => {
    const { repo, to } = await fixture('archive');
    const checkout = repo.checkout('main', to, { userMode: true, requireHardlinks: true });
    await expect(checkout).rejects.toEqual(failing('NOT_SUPPORTED'));
    await repo.close();
  });
});

describe('a damaged repository', () => {
  it('lacks an object: NOT_FOUND, or PARTIAL where that is known', async () => {
    const { cli, repo, commit, to } = await fixture('archive');
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/usr/bin/tool');
    await rm(objectFile(cli.path, checksum, 'filez'));
    const missing = { checksum, path: join(to, 'usr/bin/tool'), ref: 'main' };
    await expect(repo.checkout('main', to, { userMode: true })).rejects.toEqual(
      failing('NOT_FOUND', missing),
    );
    await writeFile(join(cli.path, 'state', `${commit}.commitpartial`), '');
    const union = { userMode: true, overwrite: 'union-files' } as const;
    await expect(repo.checkout('main', to, union)).rejects.toEqual(failing('PARTIAL', missing));
    // What is here can be had.
    await rm(to, { recursive: true });
    expect(await repo.checkout('main', to, { userMode: true, subpath: 'etc' })).toMatchObject({ files: 1 });
    await repo.close();
  });

  it('lacks a directory', async () => {
    const { cli, repo, to } = await fixture('archive');
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/usr/bin');
    await rm(objectFile(cli.path, checksum, 'dirtree'));
    const missing = { checksum, path: join(to, 'usr/bin') };
    await expect(repo.checkout('main', to, { userMode: true })).rejects.toEqual(
      failing('NOT_FOUND', missing),
    );
    await repo.close();
  });

  it('has a directory that contains itself: CORRUPT', async () => {
    const { cli, repo, to } = await fixture('archive');
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const [inner, outer] = ['1'.repeat(64), '2'.repeat(64)];
    await forgeTree(cli.path, { directories: [['out', outer, meta]] }, inner);
    await forgeTree(cli.path, { directories: [['in', inner, meta]] }, outer);
    await forgeCommit(cli.path, 'cycle', { contents: outer });
    await expect(repo.checkout('cycle', to, { userMode: true })).rejects.toEqual(
      failing('CORRUPT', { checksum: outer }),
    );
    await repo.close();
  });

  it.each([
    ['more than it says', { content: Buffer.alloc(100_000, 1), size: 10 }],
    ['less than it says', { content: Buffer.alloc(10, 1), size: 100 }],
    ['a header of impossible size', { content: Buffer.alloc(10, 1), headerSize: 1 << 30 }],
  ])('has a file with %s: CORRUPT', async (_, forged) => {
    const { cli, repo, to } = await fixture('archive');
    const checksum = await forgeFile(cli.path, forged);
    const contents = await forgeTree(cli.path, { files: [['bad', checksum]] });
    await forgeCommit(cli.path, 'forged', { contents });
    const path = join(to, 'bad');
    await expect(repo.checkout('forged', to, { userMode: true })).rejects.toEqual(
      failing('CORRUPT', { checksum, path }),
    );
    expect(await names(to)).toEqual([]);
    await repo.close();
  });

  it('has a file that does not inflate: CORRUPT', async () => {
    const { cli, repo, to } = await fixture('archive', {
      big: Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7)),
    });
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/big');
    const object = objectFile(cli.path, checksum, 'filez');
    await truncate(object, Math.floor((await stat(object)).size / 2));
    await expect(repo.checkout('main', to, { userMode: true })).rejects.toEqual(
      failing('CORRUPT', { checksum }),
    );
    expect(await names(to)).toEqual([]);
    await repo.close();
  });

  it.each(['.wh.', '.wh..', '.wh...'])('has a whiteout %s, which leads nowhere', async (name) => {
    const { cli, repo, to } = await fixture('archive');
    const checksum = await forgeFile(cli.path, {});
    const contents = await forgeTree(cli.path, { files: [[name, checksum]] });
    await forgeCommit(cli.path, 'whiteout', { contents });
    await mkdir(to);
    await writeFile(join(to, 'mine'), 'x');
    const options = { userMode: true, overwrite: 'union-files', whiteouts: true } as const;
    await expect(repo.checkout('whiteout', to, options)).rejects.toEqual(
      failing('FAILED', { path: join(to, name) }),
    );
    expect(await names(to)).toEqual(['mine']);
    await repo.close();
  });
});

describe('depth', () => {
  const DEPTH = 3000;

  it('is no matter, with few descriptors', async () => {
    const cli = await cliRepo('archive');
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const file = await forgeFile(cli.path, { content: Buffer.from('deep') });
    let contents = await forgeTree(cli.path, { files: [['f', file]] });
    for (let i = 0; i < DEPTH; i++)
      contents = await forgeTree(cli.path, { files: [['f', file]], directories: [['d', contents, meta]] });
    await forgeCommit(cli.path, 'deep', { contents });
    await forgeCommit(cli.path, 'opaque', {
      contents: await forgeTree(cli.path, { files: [['.wh.d', file]] }),
    });
    const to = join(await temporaryDirectory(), 'to');
    const source = `
      import { Repo } from 'ostree';
      const [path, to] = process.argv.slice(1);
      const repo = await Repo.open(path);
      const result = await repo.checkout('deep', to, { userMode: true });
      const options = { userMode: true, overwrite: 'union-files', whiteouts: true };
      await repo.checkout('opaque', to, options);
      console.log(JSON.stringify(result));
    `;
    const ended = await execa(
      'bash',
      [
        '-c',
        'ulimit -n 256; exec "$@"',
        'bash',
        process.execPath,
        '--input-type=module',
        '--eval',
        source,
        cli.path,
        to,
      ],
      { reject: false },
    );
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ directories: DEPTH + 1, files: DEPTH + 1 });
    expect(await names(to)).toEqual(['f']);
  });
});

describe('aborting', () => {
  it('leaves whole files only', async () => {
    const big = Buffer.alloc(64 << 20, 'x');
    const files = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => [`d${i}/f`, Buffer.concat([big, Buffer.from(`${i}`)])]),
    );
    const { repo, to } = await fixture('archive', files);
    const controller = new AbortController();
    const checkout = repo.checkout('main', to, {
      userMode: true,
      signal: controller.signal,
      onProgress: ({ bytes }) => {
        if (bytes > 0) controller.abort(new Error('enough'));
      },
    });
    await expect(checkout).rejects.toThrow('enough');
    for (const name of await names(to)) {
      const status = await lstat(join(to, name));
      if (status.isFile()) expect(status.size).toBe(big.length + 1);
      expect(name).not.toContain('.ostree-');
    }
    await repo.close();
  });

  it('happens before the start', async () => {
    const { repo, to } = await fixture();
    await expect(repo.checkout('main', to, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    await expect(stat(to)).rejects.toMatchObject({ code: 'ENOENT' });
    await repo.close();
  });

  it('happens when a progress callback throws', async () => {
    const files = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`f${i}`, `${i}`]));
    const { repo, to } = await fixture('archive', files);
    const onProgress = () => {
      throw new Error('not this way');
    };
    await expect(repo.checkout('main', to, { userMode: true, onProgress })).rejects.toThrow('not this way');
    await repo.close();
  });

  it('is a kill: what is there under its name is whole', async () => {
    const big = Buffer.alloc(64 << 20, 'x');
    const { cli, repo, to } = await fixture('archive', { big });
    await repo.close();
    const source = `
      import { Repo } from 'ostree';
      const [path, to] = process.argv.slice(1);
      const repo = await Repo.open(path);
      await repo.checkout('main', to, { userMode: true, onProgress: ({ bytes }) => bytes > 0 && process.kill(process.pid, 'SIGKILL') });
    `;
    const ended = await runModule(source, [cli.path, to]);
    for (const name of await names(to)) expect((await stat(join(to, name))).size).toBe(big.length);
    expect(ended.signal === 'SIGKILL' || ended.exitCode === 0).toBe(true);
  });
});

describe('arguments', () => {
  it.each([
    [[1, '/x'], typeError('rev')],
    [['main', 1], typeError('destination')],
    [['main', ''], rangeError('destination')],
    [['main', 'a\0b'], rangeError('NUL')],
    [['main', '/x', 1], typeError('options')],
    [['main', '/x', { userMode: 1 }], typeError('options.userMode')],
    [['main', '/x', { disableCache: 'no' }], typeError('options.disableCache')],
    [['main', '/x', { overwrite: 'all' }], rangeError('options.overwrite')],
    [['main', '/x', { subpath: 1 }], typeError('options.subpath')],
    [['main', '/x', { concurrency: 0 }], rangeError('options.concurrency')],
    [['main', '/x', { skip: 'x' }], typeError('options.skip')],
    [['main', '/x', { skip: [''] }], rangeError('options.skip')],
    [['main', '/x', { signal: 1 }], typeError('options.signal')],
    [['main', '/x', { onProgress: 1 }], typeError('options.onProgress')],
    [['main', '/x', { forceCopy: true, requireHardlinks: true }], rangeError('excludes requireHardlinks')],
    [
      ['main', '/x', { overwrite: 'union-identical', requireHardlinks: false }],
      rangeError('needs requireHardlinks'),
    ],
    [
      ['main', '/x', { overwrite: 'union-identical', forceCopy: true }],
      rangeError('excludes requireHardlinks'),
    ],
    [['main', '/x', { from: 1 }], typeError('options.from')],
    [['main', '/x', { from: 'main', overwrite: 'add-files' }], rangeError('excludes overwrite')],
    [['main', '/x', { from: 'main', whiteouts: true }], rangeError('excludes whiteouts')],
  ])('%j are refused', async (args, error) => {
    const { repo } = await fixture();
    const checkout = repo.checkout.bind(repo) as (...args: unknown[]) => Promise<unknown>;
    await expect(checkout(...args)).rejects.toEqual(error);
    await repo.close();
  });
});
