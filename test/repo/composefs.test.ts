import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { type CommitOptions, features, Repo, version } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { DIRMETA, forge, forgeCommit, forgeFile, forgeTree } from '../support/forge.js';
import { checksumsAt, objectFile, setXattr } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

const DIGEST = 'ostree.composefs.digest.v0';
const MODES = ['archive', 'bare-user', 'bare-user-only', 'bare'];
const DATE = new Date('2020-01-01T00:00:00Z');

/** Why nothing can be made: this libostree has no composefs. */
const without = features.composefs
  ? undefined
  : `libostree ${version.libostree} here is without composefs; another one has it`;
if (without !== undefined) console.warn(`Skipped: images of composefs: ${without}`);
const why = without === undefined ? '' : ` (skipped: ${without})`;

interface Fixture {
  cli: CliRepo;
  repo: Repo;
  /** Of files of all kinds. */
  tree: string;
  /** Where images are to be. */
  dir: string;
  image: string;
}

async function fixture(mode = 'archive'): Promise<Fixture> {
  const cli = await cliRepo(mode);
  const repo = await Repo.open(cli.path);
  onTestFinished(() => repo.close());
  const tree = join(await temporaryDirectory(), 'tree');
  await writeTree(tree, {
    'etc/hosts': 'localhost',
    'usr/bin/tool': '#!/bin/sh',
    'usr/empty': '',
    'usr/lib/large': Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) >> 7)),
    'usr/lib/page': Buffer.alloc(4096, 'p'),
    'var/größe/日本': 'names',
  });
  await chmod(join(tree, 'usr/bin/tool'), 0o755);
  await symlink('../etc/hosts', join(tree, 'usr/link'));
  if (mode !== 'bare-user-only') await setXattr(join(tree, 'etc/hosts'), 'user.note', Buffer.from('x'));
  const dir = await temporaryDirectory();
  return { cli, repo, tree, dir, image: join(dir, 'image.cfs') };
}

/** The tree of a fixture, committed by this package. */
const commit = ({ repo, tree }: Fixture, options: Partial<CommitOptions> = {}) =>
  repo.commit({ tree, branch: 'main', timestamp: DATE, canonicalPermissions: true, ...options });

const hex = (value: unknown) => Buffer.from(value as Uint8Array).toString('hex');

describe('arguments', () => {
  it.each([
    ['rev', ['', '/x'], rangeError(/^rev /)],
    ['rev', [5, '/x'], typeError(/^rev /)],
    ['destination', ['main', ''], rangeError(/^destination /)],
    ['destination', ['main', 'a\0b'], rangeError(/^destination /)],
    ['destination', ['main', '/dir/'], rangeError(/^destination must not end with/)],
    ['destination', ['main', 5], typeError(/^destination /)],
    ['options', ['main', '/x', 5], typeError(/^options /)],
    ['verity', ['main', '/x', { verity: 3 }], typeError(/^options\.verity /)],
    ['verity', ['main', '/x', { verity: 'yes' }], rangeError(/^options\.verity /)],
    ['verity', ['main', '/x', { verity: null }], typeError(/^options\.verity /)],
    ['signal', ['main', '/x', { signal: {} }], typeError(/signal/)],
  ])('refuses a wrong %s: %j', async (_, args, error) => {
    const { repo } = await fixture();
    const call = repo.checkoutComposefs.bind(repo) as (...args: unknown[]) => Promise<unknown>;
    await expect(call(...args)).rejects.toEqual(error);
  });

  it('refuses metadata that has the key, too', async () => {
    const all = await fixture();
    await expect(commit(all, { composefs: true, metadata: { [DIGEST]: 'mine' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('options.composefs') as string,
    });
  });

  it('is aborted before the start', async () => {
    const { repo, image } = await fixture();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(repo.checkoutComposefs('main', image, { signal })).rejects.toThrow('enough');
  });
});

describe.skipIf(without === undefined)('a library without composefs', () => {
  const notSupported = (needs: RegExp) =>
    expect.objectContaining({
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(
        new RegExp(`${needs.source}.*${version.libostree}|${version.libostree}.*${needs.source}`),
      ) as string,
    }) as unknown;

  it.each([true, false, 'if-present'] as const)('makes no image (verity: %s)', async (verity) => {
    const all = await fixture();
    await commit(all);
    await writeFile(all.image, 'before');
    await expect(all.repo.checkoutComposefs('main', all.image, { verity })).rejects.toEqual(
      notSupported(/libostree 2024\.7 or later/),
    );
    expect(await readdir(all.dir)).toEqual(['image.cfs']);
    expect(await readFile(all.image, 'utf8')).toBe('before');
  });

  it('commits no digest, and nothing else', async () => {
    const all = await fixture();
    // The lock, and room for what a transaction writes, are there afterwards.
    const names = async () =>
      (await readdir(all.cli.path, { recursive: true }))
        .filter((name) => !/^(\.lock|tmp\b)/.test(name))
        .sort();
    const before = await names();
    const error = notSupported(/libostree (2023\.4|2024\.7) or later/);
    await expect(commit(all, { composefs: true })).rejects.toEqual(error);
    await expect(
      all.repo.transaction((txn) => txn.commit({ tree: all.tree, composefs: true })),
    ).rejects.toEqual(error);
    expect(await all.repo.listRefs()).toEqual([]);
    expect(await names()).toEqual(before);
    expect(await commit(all, { composefs: false })).toMatchObject({ changed: true });
  });
});

describe.skipIf(without !== undefined)(`an image${why}`, () => {
  it.each(MODES)('is that of the command, from %s', async (mode) => {
    const all = await fixture(mode);
    const { checksum } = await commit(all);
    for (const [verity, flag] of [
      [true, '--composefs'],
      [false, '--composefs-noverity'],
    ] as const) {
      const theirs = join(all.dir, `theirs${flag}`);
      await all.cli.ostree('checkout', flag, 'main', theirs);
      const made = await all.repo.checkoutComposefs('main', all.image, { verity });
      const data = await readFile(all.image);
      expect(data.equals(await readFile(theirs))).toBe(true);
      expect(made).toEqual({
        checksum,
        size: data.length,
        digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      });
      expect((await stat(all.image)).mode & 0o7777).toBe(0o644);
    }
    expect((await readdir(all.dir)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('has the digests that the file system knows', async () => {
    const all = await fixture('bare-user');
    await commit(all);
    const made = await all.repo.checkoutComposefs('main', all.image, { verity: 'if-present' });
    // None: fs-verity is switched on for no object.
    expect(made.digest).toBe((await all.repo.checkoutComposefs('main', all.image, { verity: false })).digest);
  });

  it('takes the place of a file, and of a link, not of what that leads to', async () => {
    const all = await fixture();
    await commit(all);
    await writeFile(join(all.dir, 'kept'), 'kept');
    await symlink('kept', all.image);
    const { size } = await all.repo.checkoutComposefs('main', all.image);
    expect(await lstat(all.image)).toMatchObject({ size });
    expect((await lstat(all.image)).isFile()).toBe(true);
    expect(await readFile(join(all.dir, 'kept'), 'utf8')).toBe('kept');
    await all.repo.checkoutComposefs('main', all.image);
    expect((await readdir(all.dir)).sort()).toEqual(['image.cfs', 'kept']);
  });

  it('is not made: what is in the way is named', async () => {
    const all = await fixture();
    const { repo, dir, image } = all;
    await commit(all);
    await mkdir(image);
    await writeFile(join(dir, 'file'), '');
    const refused = [
      [image, 'IS_DIRECTORY'],
      [join(dir, 'none/image'), 'NOT_FOUND'],
      [join(dir, 'file/image'), 'NOT_DIRECTORY'],
      [join(dir, 'n'.repeat(300)), 'INVALID_ARGUMENT'],
    ] as const;
    for (const [destination, code] of refused) {
      const path = expect.stringContaining(dir) as string;
      await expect(repo.checkoutComposefs('main', destination)).rejects.toMatchObject({
        code,
        path,
        ref: 'main',
      });
    }
    await expect(repo.checkoutComposefs('none', join(dir, 'x'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      ref: 'none',
    });
    expect((await readdir(dir)).sort()).toEqual(['file', 'image.cfs']);
  });

  it('is not what the commit says: CORRUPT, and nothing is replaced', async () => {
    const all = await fixture();
    await writeFile(all.image, 'before');
    for (const [digest, message] of [
      [Buffer.alloc(32), /doesn't match expected digest/],
      [Buffer.alloc(5), /wrong size/],
    ] as const) {
      await commit(all, { metadata: { [DIGEST]: new Uint8Array(digest) } });
      await expect(all.repo.checkoutComposefs('main', all.image)).rejects.toMatchObject({
        code: 'CORRUPT',
        ref: 'main',
        path: all.image,
        message: expect.stringMatching(message) as string,
      });
      expect(await readFile(all.image, 'utf8')).toBe('before');
    }
    expect(await readdir(all.dir)).toEqual(['image.cfs']);
    await all.repo.checkoutComposefs('main', all.image, { verity: false });
  });

  it('lacks an object: NOT_FOUND, or PARTIAL where that is known', async () => {
    const all = await fixture();
    const { checksum: whole } = await commit(all);
    const [checksum = ''] = await checksumsAt(all.cli.path, 'main', '/etc/hosts');
    await rm(objectFile(all.cli.path, checksum, 'filez'));
    const missing = { checksum, ref: 'main' };
    const make = () => all.repo.checkoutComposefs('main', all.image);
    await expect(make()).rejects.toMatchObject({ code: 'NOT_FOUND', ...missing });
    await all.repo.markPartial(whole, true);
    await expect(make()).rejects.toMatchObject({ code: 'PARTIAL', ...missing });
    expect(await readdir(all.dir)).toEqual([]);
  });

  it('is of damaged objects: CORRUPT, with the object', async () => {
    const { cli, repo, image, dir } = await fixture();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const [inner, outer] = ['1'.repeat(64), '2'.repeat(64)];
    await forgeTree(cli.path, { directories: [['out', outer, meta]] }, inner);
    await forgeTree(cli.path, { directories: [['in', inner, meta]] }, outer);
    const device = await forgeFile(cli.path, { mode: 0o20644 });
    const huge = await forgeFile(cli.path, { size: Number.MAX_SAFE_INTEGER + 3 });
    const cases: [string, string][] = [
      [outer, outer],
      [await forgeTree(cli.path, { files: [['bad', device]] }), device],
      [await forgeTree(cli.path, { files: [['huge', huge]] }), huge],
    ];
    for (const [contents, checksum] of cases) {
      await forgeCommit(cli.path, 'forged', { contents });
      for (const verity of [true, false])
        await expect(repo.checkoutComposefs('forged', image, { verity })).rejects.toMatchObject({
          code: 'CORRUPT',
          checksum,
        });
      await expect(
        repo.commit({ tree: { contents, metadata: meta }, branch: 'b', composefs: true }),
      ).rejects.toMatchObject({ code: 'CORRUPT', checksum });
    }
    expect(await readdir(dir)).toEqual([]);
    expect(await repo.hasRef('b')).toBe(false);
  });

  it('is of what a parent repository has, where libostree can read that', async () => {
    const parent = await fixture('archive');
    const { checksum } = await commit(parent);
    const [file = ''] = await checksumsAt(parent.cli.path, 'main', '/etc/hosts');
    const make = async (mode: string, above: string) => {
      const child = await cliRepo(mode);
      await child.ostree('config', 'set', 'core.parent', above);
      await using repo = await Repo.open(child.path);
      const all = await readdir(parent.dir);
      try {
        return (await repo.checkoutComposefs(checksum, parent.image)).digest;
      } catch (error) {
        expect(await readdir(parent.dir)).toEqual(all);
        throw error;
      }
    };
    const { digest } = await parent.repo.checkoutComposefs('main', parent.image);
    await expect(make('archive', parent.cli.path)).resolves.toBe(digest);
    // There the command is ended by an assertion.
    const refused = { code: 'NOT_SUPPORTED', message: expect.stringMatching(/pull the commit/) as string };
    await expect(make('bare-user', parent.cli.path)).rejects.toMatchObject(refused);
    const child = await cliRepo('bare-user');
    await child.ostree('pull-local', parent.cli.path, 'main');
    await child.ostree('config', 'set', 'core.parent', parent.cli.path);
    await using repo = await Repo.open(child.path);
    expect((await repo.checkoutComposefs('main', parent.image)).digest).toBe(digest);
    await rm(objectFile(child.path, file, 'file'));
    await expect(repo.checkoutComposefs('main', parent.image)).rejects.toMatchObject({
      ...refused,
      checksum: file,
    });
  });

  it('is aborted: rejects at once, and nothing is there, later either', async () => {
    const all = await fixture('bare-user');
    // Takes a second or more to read, and no space.
    await truncate(join(all.tree, 'usr/lib/large'), 256 << 20);
    await commit(all);
    const controller = new AbortController();
    const made = all.repo.checkoutComposefs('main', all.image, { signal: controller.signal });
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 100);
    await expect(made).rejects.toThrow('enough');
    await all.repo.close();
    // Alone at the gate once the thread has ended.
    await using again = await Repo.open(all.cli.path);
    await using _ = await again.lock('exclusive');
    expect(await readdir(all.dir)).toEqual([]);
  });
});

describe.skipIf(without !== undefined)(`a digest in the commit${why}`, () => {
  it.each(MODES)('is that of the command, and of the image, in %s', async (mode) => {
    const all = await fixture(mode);
    const { checksum } = await commit(all, { composefs: true });
    const flags = ['--canonical-permissions', '--timestamp=2020-01-01 00:00:00 +0000', '--parent=none'];
    const theirs = await all.cli.ostree(
      'commit',
      '--generate-composefs-metadata',
      ...flags,
      '--branch=main',
      all.tree,
    );
    expect(checksum).toBe(theirs);
    const { metadata } = await all.repo.readCommit(checksum);
    const shown = await all.cli.ostree('show', '--print-hex', `--print-metadata-key=${DIGEST}`, theirs);
    expect(hex(metadata[DIGEST])).toBe(shown);
    expect((await all.repo.checkoutComposefs(checksum, all.image)).digest).toBe(shown);
  });

  it('stands where the command has it, among the rest', async () => {
    const all = await fixture('archive');
    await writeTree(all.tree, { 'usr/lib/modules/6.1/vmlinuz': 'kernel' });
    const { checksum } = await commit(all, {
      composefs: true,
      bootable: true,
      generateSizes: true,
      metadata: { a: 'b', c: 'd' },
      bindRefs: ['other'],
    });
    const theirs = await all.cli.ostree(
      ...['commit', '--generate-composefs-metadata', '--bootable', '--generate-sizes', '--bind-ref=other'],
      ...[
        '--add-metadata-string=a=b',
        '--add-metadata-string=c=d',
        '--canonical-permissions',
        '--parent=none',
      ],
      ...['--timestamp=2020-01-01 00:00:00 +0000', '--branch=main', all.tree],
    );
    expect(checksum).toBe(theirs);
  });

  it('is there in a transaction, and of several sources', async () => {
    const all = await fixture('bare-user');
    const more = await temporaryDirectory();
    await writeTree(more, { 'usr/more': 'more' });
    const made = await all.repo.transaction(async (txn) => {
      const { checksum } = await txn.commit({ tree: [all.tree, more], composefs: true });
      await txn.setRef('main', checksum);
      return checksum;
    });
    const { metadata } = await all.repo.readCommit(made);
    expect((await all.repo.checkoutComposefs('main', all.image)).digest).toBe(hex(metadata[DIGEST]));
  });

  it('is aborted: the branch stays', async () => {
    const all = await fixture('archive');
    const controller = new AbortController();
    const made = commit(all, {
      composefs: true,
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === 'commit') controller.abort(new Error('enough'));
      },
    });
    // It may have been done before the progress was told.
    const outcome = await made.then(
      () => 'made',
      (error: Error) => error.message,
    );
    expect(['made', 'enough']).toContain(outcome);
    expect(await all.repo.hasRef('main')).toBe(outcome === 'made');
  });
});
