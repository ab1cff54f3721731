// Reading damaged repositories: whatever stands where an object, a ref or the
// config should, every call settles with an error of its own kind.
import { appendFile, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

import { Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { DIRMETA, forge, forgeCommit, forgeFile, forgeTree } from '../support/forge.js';
import { checksumsAt, copyRepo, objectFile } from '../support/objects.js';
import { type Outcomes, probe } from '../support/probe.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { CALLS, SET_UP } from './read-calls.js';

/** What a damaged repository may answer. Anything else would be a guess. */
const HONEST =
  /^(ok|CORRUPT|NOT_FOUND|PARTIAL|SIGNATURE|CONFLICT|TOO_LARGE|NOT_DIRECTORY|IS_DIRECTORY|INVALID_ARGUMENT|NOT_SUPPORTED|EXISTS|FAILED: .+)$/;

interface Damaged {
  path: string;
  commit: string;
}

/** What all calls come to on each of these, in one process. */
async function outcomesOf(damaged: Record<string, Damaged>): Promise<Record<string, Outcomes>> {
  const dir = await temporaryDirectory();
  const cases: Record<string, Damaged & { tree: string }> = {};
  const calls: Record<string, string> = {};
  for (const [i, [what, it]] of Object.entries(damaged).entries()) {
    const tree = join(dir, `tree-${i}`);
    await writeTree(tree, { new: 'new' });
    cases[what] = { ...it, tree };
    for (const [name, code] of Object.entries(CALLS))
      calls[`${what}: ${name}`] = `(({ repo, other, another, given }) => ${code})(cases['${what}'])`;
  }
  const all = await probe({ setUp: SET_UP, calls, given: { cases } });
  expect(Object.entries(all).filter(([, came]) => !HONEST.test(came))).toEqual([]);
  return Object.fromEntries(
    Object.keys(damaged).map((what) => [
      what,
      Object.fromEntries(Object.keys(CALLS).map((name) => [name, all[`${what}: ${name}`] ?? 'nothing'])),
    ]),
  );
}

async function outcomesOn(path: string, commit: string): Promise<Outcomes> {
  const { it = {} } = await outcomesOf({ it: { path, commit } });
  return it;
}

interface Sample {
  cli: CliRepo;
  commit: string;
  /** The file of each kind of object on the way to /dir/file. */
  objects: Record<string, string>;
}

async function sample(mode = 'archive'): Promise<Sample> {
  const cli = await cliRepo(mode);
  const tree = await temporaryDirectory();
  await writeTree(tree, { 'dir/file': 'content', 'dir/deep/other': 'other', big: 'x'.repeat(200_000) });
  await symlink('dir', join(tree, 'link'));
  const commitTree = (subject: string) =>
    cli.ostree(
      'commit',
      '--branch=main',
      `--subject=${subject}`,
      `--tree=dir=${tree}`,
      '--add-detached-metadata-string=a=b',
    );
  await commitTree('first');
  const commit = await commitTree('second');
  const [file] = await checksumsAt(cli.path, 'main', '/dir/file');
  const [big] = await checksumsAt(cli.path, 'main', '/big');
  const [dirtree, dirmeta] = await checksumsAt(cli.path, 'main', '/dir');
  const at = (checksum: string | undefined, extension: string) =>
    objectFile(cli.path, checksum ?? '', extension);
  const extension = mode === 'archive' ? 'filez' : 'file';
  return {
    cli,
    commit,
    objects: {
      commit: at(commit, 'commit'),
      commitmeta: at(commit, 'commitmeta'),
      dirtree: at(dirtree, 'dirtree'),
      dirmeta: at(dirmeta, 'dirmeta'),
      file: at(file, extension),
      big: at(big, extension),
    },
  };
}

const DAMAGED = ['commit', 'commitmeta', 'dirtree', 'dirmeta', 'file', 'big'];

describe('an object that is damaged', () => {
  it.each(DAMAGED.flatMap((kind) => [[kind, 'archive'] as const, [kind, 'bare-user'] as const]))(
    '%s of an %s repository: cut off, garbage, missing',
    async (kind, mode) => {
      const { cli, commit, objects } = await sample(mode);
      const file = objects[kind] ?? '';
      const whole = await readFile(file);
      const none = new Uint8Array();
      const damages: [string, Uint8Array | null][] = [
        ...[0, 1, Math.floor(whole.length / 2), whole.length - 1].map((length): [string, Uint8Array] => [
          `cut off at ${length}`,
          whole.subarray(0, length),
        ]),
        ['zeroes', new Uint8Array(whole.length)],
        ['ones', new Uint8Array(whole.length).fill(0xff)],
        ['noise', Uint8Array.from({ length: whole.length }, (_, i) => (i * 31 + (i >> 3) * 7) & 0xff)],
        ['longer', Buffer.concat([whole, new Uint8Array(100).fill(0x41)])],
        ['missing', null],
      ];
      const copies: Record<string, Damaged> = {};
      for (const [what, bytes] of damages) {
        const copy = await copyRepo(cli.path);
        const target = file.replace(cli.path, copy);
        await truncate(target, 0);
        await appendFile(target, bytes ?? none); // keeps the extended attributes
        if (bytes === null) await rm(target);
        copies[what] = { path: copy, commit };
      }
      for (const [what, outcomes] of Object.entries(await outcomesOf(copies))) {
        const noticed = Object.entries(outcomes).filter(([, came]) => came !== 'ok');
        // Behind its last block, a compressed file may have anything: the command finds no fault, either.
        const isLonger = what === 'longer' && extname(file) === '.filez';
        if (kind !== 'commitmeta' && !isLonger) expect(noticed, `${kind} ${what}`).not.toEqual([]);
      }
    },
    300_000,
  );
});

describe('an object that says what is not so', () => {
  const bytesOf = (checksum: string) => new Uint8Array(Buffer.from(checksum, 'hex'));
  const tree = (value: unknown) => new Variant('(a(say)a(sayay))', value).toBytes();
  const NAME = 'ab'.repeat(32);

  const forgeries: Record<string, (path: string, file: string, meta: string) => Promise<string>> = {
    'a checksum that is too short': async (path, _, meta) => {
      const contents = await forge(path, 'dirtree', tree([[['file', new Uint8Array(31)]], []]));
      return await forgeCommit(path, 'main', { contents: contents || meta });
    },
    'a checksum that is too long': async (path) =>
      forgeCommit(path, 'main', {
        contents: await forge(path, 'dirtree', tree([[['file', new Uint8Array(33)]], []])),
      }),
    'no checksum of a directory': async (path) =>
      forgeCommit(path, 'main', {
        contents: await forge(path, 'dirtree', tree([[], [['dir', new Uint8Array(), new Uint8Array()]]])),
      }),
    'a commit without a root': async (path) => {
      const value = [{}, new Uint8Array(), [], 's', '', 0n, new Uint8Array(), new Uint8Array(5)];
      const checksum = await forge(path, 'commit', new Variant('(a{sv}aya(say)sstayay)', value).toBytes());
      await writeFile(`${path}/refs/heads/main`, `${checksum}\n`);
      return checksum;
    },
    'a parent that is no checksum': async (path, _, meta) => {
      const contents = await forgeTree(path, {});
      const value = [{}, new Uint8Array(3), [], 's', '', 0n, bytesOf(contents), bytesOf(meta)];
      const checksum = await forge(path, 'commit', new Variant('(a{sv}aya(say)sstayay)', value).toBytes());
      await writeFile(`${path}/refs/heads/main`, `${checksum}\n`);
      return checksum;
    },
    'a name with a slash': async (path, file) =>
      forgeCommit(path, 'main', { contents: await forgeTree(path, { files: [['a/../../b', file]] }) }),
    'the name ..': async (path, file) =>
      forgeCommit(path, 'main', { contents: await forgeTree(path, { files: [['..', file]] }) }),
    'the same name twice': async (path, file) =>
      forgeCommit(path, 'main', {
        contents: await forgeTree(path, {
          files: [
            ['a', file],
            ['a', file],
          ],
        }),
      }),
    'a name that is not UTF-8': async (path, file) => {
      const bytes = Buffer.from(tree([[['AAAA', bytesOf(file)]], []]));
      bytes.set([0xff, 0xfe, 0xff, 0xfe], bytes.indexOf('AAAA'));
      return await forgeCommit(path, 'main', { contents: await forge(path, 'dirtree', bytes) });
    },
    'a directory in itself': async (path, _, meta) => {
      const contents = await forgeTree(path, { directories: [['dir', NAME, meta]] }, NAME);
      return await forgeCommit(path, 'main', { contents });
    },
    'two directories in each other': async (path, _, meta) => {
      const other = 'cd'.repeat(32);
      await forgeTree(
        path,
        {
          directories: [
            ['dir', other, meta],
            ['x', other, meta],
          ],
        },
        NAME,
      );
      await forgeTree(
        path,
        {
          directories: [
            ['dir', NAME, meta],
            ['y', NAME, meta],
          ],
        },
        other,
      );
      return await forgeCommit(path, 'main', { contents: NAME });
    },
    'a commit that is its own parent': async (path) =>
      forgeCommit(path, 'main', { contents: await forgeTree(path, {}), parent: NAME, checksum: NAME }),
    'a directory that doubles at each of 60 levels': async (path, file, meta) => {
      let contents = await forgeTree(path, { files: [['file', file]] });
      for (let i = 0; i < 60; i++)
        contents = await forgeTree(path, {
          directories: [
            ['a', contents, meta],
            ['b', contents, meta],
          ],
        });
      await forgeCommit(path, 'wide', { contents });
      return await forgeCommit(path, 'main', { contents: await forgeTree(path, {}) });
    },
    'directories 5,000 levels deep': async (path, file, meta) => {
      let contents = await forgeTree(path, { files: [['file', file]] });
      for (let i = 0; i < 5000; i++)
        contents = await forgeTree(path, { directories: [['d', contents, meta]] });
      return await forgeCommit(path, 'main', { contents });
    },
    'a file where a dirmeta should be': async (path) => {
      const contents = await forgeTree(path, {});
      return await forgeCommit(path, 'main', {
        contents: await forgeTree(path, { directories: [['dir', contents, contents]] }),
      });
    },
  };

  it.each(Object.keys(forgeries))('%s', { timeout: 120_000 }, async (what) => {
    const { cli } = await sample();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const file = await forgeFile(cli.path, { content: Buffer.from('x') });
    const commit = (await forgeries[what]?.(cli.path, file, meta)) ?? '';
    const outcomes = await outcomesOn(cli.path, commit);
    if (!/doubles/.test(what))
      expect(
        Object.values(outcomes).some((came) => came !== 'ok'),
        what,
      ).toBe(true);
  });

  const files: Record<string, (path: string) => Promise<string>> = {
    'a size that is too large': (path) => forgeFile(path, { content: Buffer.from('x'), size: 2 ** 40 }),
    'a size that is too small': (path) => forgeFile(path, { content: Buffer.alloc(100_000, 'x'), size: 3 }),
    'a header that is larger than the file': (path) =>
      forgeFile(path, { content: Buffer.from('x'), headerSize: 0xffffffff }),
    'an empty header': (path) => forgeFile(path, { content: Buffer.from('x'), headerSize: 0 }),
    'the mode of a device': (path) => forgeFile(path, { content: Buffer.from('x'), mode: 0o020644 }),
    'a mode of all bits': (path) => forgeFile(path, { content: Buffer.from('x'), mode: 0xffffffff }),
    'a bomb of zlib': (path) => forgeFile(path, { content: Buffer.alloc(64 << 20), size: 1 << 20 }),
    'a link to nothing': (path) => forgeFile(path, { target: '' }),
  };

  it.each(Object.keys(files))('a file with %s', { timeout: 120_000 }, async (what) => {
    const { cli } = await sample();
    const meta = await forge(cli.path, 'dirmeta', DIRMETA);
    const file = (await files[what]?.(cli.path)) ?? '';
    const dir = await forgeTree(cli.path, { files: [['file', file]] });
    const contents = await forgeTree(cli.path, {
      files: [
        ['big', file],
        ['link', file],
      ],
      directories: [['dir', dir, meta]],
    });
    const outcomes = await outcomesOn(cli.path, await forgeCommit(cli.path, 'main', { contents }));
    expect(
      Object.values(outcomes).some((came) => came !== 'ok'),
      what,
    ).toBe(true);
  });
});

describe('a repository that is damaged', () => {
  const damages: Record<string, (path: string) => Promise<unknown>> = {
    'an empty config': (path) => writeFile(join(path, 'config'), ''),
    'a config that is no key file': (path) => writeFile(join(path, 'config'), 'mode=archive\n[core\n\0\xff'),
    'a config of another mode': (path) =>
      writeFile(join(path, 'config'), '[core]\nrepo_version=1\nmode=strange\n'),
    'a config of another version': (path) =>
      writeFile(join(path, 'config'), '[core]\nrepo_version=9\nmode=archive-z2\n'),
    'a config that is a directory': async (path) => {
      await rm(join(path, 'config'));
      await mkdir(join(path, 'config'));
    },
    'no config': (path) => rm(join(path, 'config')),
    'remotes without a URL, and with binary values': (path) =>
      appendFile(
        join(path, 'config'),
        Buffer.from('[remote "a"]\n[remote "b"]\nurl=\xff\xfe\n[remote ""]\nurl=x\n', 'latin1'),
      ),
    'its own parent': (path) => appendFile(join(path, 'config'), `parent=${path}\n`),
    'no objects': (path) => rm(join(path, 'objects'), { recursive: true }),
    'objects that are a file': async (path) => {
      await rm(join(path, 'objects'), { recursive: true });
      await writeFile(join(path, 'objects'), '');
    },
    'no refs': (path) => rm(join(path, 'refs'), { recursive: true }),
    'a ref of garbage': (path) => writeFile(join(path, 'refs/heads/main'), 'not a checksum\n'),
    'an empty ref': (path) => writeFile(join(path, 'refs/heads/main'), ''),
    'a ref of binary zeroes': (path) => writeFile(join(path, 'refs/heads/main'), new Uint8Array(65)),
    'a ref of 8 MB': (path) => writeFile(join(path, 'refs/heads/main'), 'a'.repeat(8 << 20)),
    'a ref to an object that is no commit': async (path) => {
      const [dirtree] = await checksumsAt(path, 'main', '/');
      await writeFile(join(path, 'refs/heads/main'), `${dirtree}\n`);
    },
    'a ref that is a directory': async (path) => {
      await rm(join(path, 'refs/heads/main'));
      await mkdir(join(path, 'refs/heads/main/x'), { recursive: true });
    },
    'an alias to itself': async (path) => {
      await rm(join(path, 'refs/heads/main'));
      await symlink('main', join(path, 'refs/heads/main'));
    },
    'a ref with a name that is none': (path) =>
      rename(
        join(path, 'refs/heads/main'),
        Buffer.concat([Buffer.from(`${path}/refs/heads/`), Buffer.from([0xff, 0x20])]),
      ),
    'garbage among the objects': async (path) => {
      await writeFile(join(path, 'objects/zz'), '');
      await mkdir(join(path, 'objects/00'), { recursive: true });
      await writeFile(join(path, 'objects/00/x.commit'), '');
      await writeFile(join(path, 'objects/00', `${'0'.repeat(62)}.strange`), '');
      await writeFile(join(path, 'objects/00', `${'G'.repeat(62)}.dirtree`), '');
    },
    'a summary of garbage': async (path) => {
      await writeFile(join(path, 'summary'), 'garbage');
      await writeFile(join(path, 'summary.sig'), new Uint8Array(100).fill(0xff));
    },
  };

  it.each(Object.keys(damages))('%s', { timeout: 120_000 }, async (what) => {
    const { cli, commit } = await sample();
    await damages[what]?.(cli.path);
    await outcomesOn(cli.path, commit);
  });
});
