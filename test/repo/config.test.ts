import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';

describe('repo.config', () => {
  it('reads what the command wrote, and the reverse', async () => {
    const cli = await cliRepo();
    await cli.ostree('config', 'set', 'core.min-free-space-percent', '7');
    await using repo = await Repo.open(cli.path);
    expect(await repo.config.get('core.min-free-space-percent')).toBe('7');
    expect(await repo.config.get('core.nothing')).toBeNull();
    await repo.config.set('archive.zlib-level', 1);
    await repo.config.set('core.fsync', false);
    await repo.config.set('core.default-repo-finders', ['config', 'mount']);
    expect(await cli.ostree('config', 'get', 'archive.zlib-level')).toBe('1');
    expect(await cli.ostree('config', 'get', 'core.fsync')).toBe('false');
    expect(await cli.ostree('config', 'get', 'core.default-repo-finders')).toBe('config;mount;');
    expect(await repo.config.toObject()).toMatchObject({
      core: { mode: 'archive-z2', fsync: 'false' },
      archive: { 'zlib-level': '1' },
    });
    await repo.config.unset('core.fsync');
    expect(await repo.config.get('core.fsync')).toBeNull();
  });

  it('reads sections and keys by whatever name', async () => {
    const cli = await cliRepo();
    await appendFile(join(cli.path, 'config'), '[__proto__]\n__proto__=one\nconstructor=two\n');
    await using repo = await Repo.open(cli.path);
    const all = await repo.config.toObject();
    expect(Object.keys(all)).toEqual(['core', '__proto__']);
    expect(Object.entries(Object.entries(all)[1]?.[1] ?? {})).toEqual([
      ['__proto__', 'one'],
      ['constructor', 'two'],
    ]);
    expect(await repo.config.get('__proto__.__proto__')).toBe('one');
    await repo.remotes.add('origin', 'http://h/', { settings: { ['__proto__']: 'mine' } });
    expect(Object.entries((await repo.remotes.get('origin')).settings)).toEqual([['__proto__', 'mine']]);
  });

  it('reaches a remote, whose name may hold dots', async () => {
    const cli = await cliRepo();
    await cli.ostree('remote', 'add', '--no-gpg-verify', 'my.remote', 'http://example.com/repo');
    await using repo = await Repo.open(cli.path);
    expect(await repo.config.get('remote "my.remote".url')).toBe('http://example.com/repo');
  });

  it('shows a changed collection id at once', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await repo.config.set('core.collection-id', 'org.example.Os');
    expect(repo.collectionId).toBe('org.example.Os');
  });

  it('loses none of many changes made at once, through two objects', async () => {
    const cli = await cliRepo();
    await using one = await Repo.open(cli.path);
    await using two = await Repo.open(cli.path);
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).config.set(`test.key${i}`, i)),
    );
    expect(Object.keys((await one.config.toObject())['test'] ?? {})).toHaveLength(20);
  });

  it('refuses what the repository could not be opened with, and leaves the file as it was', async () => {
    const cli = await cliRepo();
    const file = join(cli.path, 'config');
    const before = await readFile(file, 'utf8');
    await using repo = await Repo.open(cli.path);
    const bad: [string, string][] = [
      ['core.min-free-space-percent', '200'],
      ['core.min-free-space-size', 'much'],
      ['core.mode', 'none'],
      ['core.repo_version', '2'],
      ['core.locking', 'perhaps'],
      ['core.default-repo-finders', 'none'],
      ['core.parent', '/no/such/repository'],
      ['core.parent', cli.path],
      ['sysroot.bootloader', 'lilo'],
    ];
    for (const [key, value] of bad) {
      await expect(repo.config.set(key, value), key).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await readFile(file, 'utf8'), key).toBe(before);
    }
    await expect(repo.config.unset('core.repo_version')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await repo.config.set('core.min-free-space-percent', '7');
    expect(await cli.ostree('config', 'get', 'core.min-free-space-percent')).toBe('7');
  });

  it('takes another repository for its parent, but none whose parent it is', async () => {
    const [cli, parent] = [await cliRepo(), await cliRepo()];
    await using repo = await Repo.open(cli.path);
    await using other = await Repo.open(parent.path);
    await repo.config.set('core.parent', parent.path);
    expect(repo.parent).toBe(parent.path);
    await expect(other.config.set('core.parent', cli.path)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await other.config.get('core.parent')).toBeNull();
  });

  it('sees after reload() what somebody else changed', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await cli.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
    expect(repo.collectionId).toBeNull();
    await repo.reload();
    expect(repo.collectionId).toBe('org.example.Os');
  });

  it.each(['core.toString', 'core.constructor', 'constructor.name', 'toString.length'])(
    'has no value for %j, which is not set',
    async (key) => {
      const cli = await cliRepo();
      await using repo = await Repo.open(cli.path);
      expect(await repo.config.get(key)).toBeNull();
      await repo.config.set(key, 'x');
      expect(await repo.config.get(key)).toBe('x');
    },
  );

  it.each(['', 'core', 'core.\ud800', 'core.', '.mode', 'co[re.mode', 'core.mo=de', 'core. mode'])(
    'refuses the key %j',
    async (key) => {
      const cli = await cliRepo();
      await using repo = await Repo.open(cli.path);
      await expect(repo.config.set(key, 'x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    },
  );

  it.each([null, undefined, {}, Symbol('x'), NaN, ['a;b'], [1], 'a\0b', 'a\ud800b', ['\udc00']])(
    'refuses the value %s',
    async (value) => {
      const cli = await cliRepo();
      await using repo = await Repo.open(cli.path);
      await expect(repo.config.set('core.x', value as never)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_INVALID_ARG_/),
      });
    },
  );
});
