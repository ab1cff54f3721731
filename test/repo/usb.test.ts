import { lstat, mkdir, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type PullProgress, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { cliFsck } from '../support/objects.js';
import { cliRepo, type CliRepo, ostree, temporaryDirectory } from '../support/repo.js';

const COLLECTION = 'org.example.Os';

/** A repository of a collection, with two refs, one of which has a history. */
async function collection(...args: string[]): Promise<{ cli: CliRepo; commits: string[] }> {
  const cli = await cliRepo('archive');
  await cli.ostree('config', 'set', 'core.collection-id', COLLECTION);
  const commits = [
    await cli.commit('main', { a: '1', 'usr/b': 'b' }, ...args),
    await cli.commit('main', { a: '2', 'usr/b': 'b' }, ...args),
    await cli.commit('os/next', { c: 'c' }, ...args),
  ];
  await cli.ostree('summary', '--update');
  return { cli, commits };
}

/** Everything on a medium: of directories and links what they are, of files the bytes. */
async function layout(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(root, { recursive: true })) {
    const path = join(root, name);
    const stats = await lstat(path);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory()) found[name] = `directory ${mode}`;
    else if (stats.isSymbolicLink()) found[name] = `link ${await readlink(path)}`;
    // It tells the second in which it was made; what else is in it is compared below.
    else if (name.endsWith('/summary')) found[name] = `file ${mode} ${stats.size}`;
    else found[name] = `file ${mode} ${(await readFile(path)).toString('base64')}`;
  }
  return found;
}

async function summaryOf(repo: string): Promise<unknown> {
  await using opened = await Repo.open(repo);
  const { lastModified, metadata, ...summary } = await opened.summary.read();
  expect(lastModified).toBeInstanceOf(Date);
  const { 'ostree.summary.last-modified': _, ...rest } = metadata;
  return { ...summary, metadata: rest };
}

describe('createUsb', () => {
  it.each([
    { name: 'where systems look', destination: undefined, args: [] },
    { name: 'elsewhere, with a link', destination: 'data/os', args: ['--destination-repo=data/os'] },
    { name: 'without a dot', destination: 'ostree/repo', args: ['--destination-repo=ostree/repo'] },
  ])('makes what the command makes: $name', async ({ destination, args }) => {
    const { cli } = await collection();
    const [ours, theirs] = [await temporaryDirectory(), await temporaryDirectory()];
    await cli.ostree('create-usb', ...args, theirs, COLLECTION, 'main', COLLECTION, 'os/next');
    await using repo = await Repo.open(cli.path);
    const refs = [
      { collectionId: COLLECTION, ref: 'main' },
      { collectionId: COLLECTION, ref: 'os/next' },
    ];
    const result = await repo.createUsb(ours, { refs, destination });
    const path = destination ?? '.ostree/repo';
    expect(result).toEqual({ path: join(ours, path), refs });
    expect(await layout(ours)).toEqual(await layout(theirs));
    expect(await summaryOf(join(ours, path))).toEqual(await summaryOf(join(theirs, path)));
    expect(await cliFsck(join(ours, path))).toBe(true);
    const listed = await ostree(`--repo=${join(ours, path)}`, 'refs', '-c');
    expect(listed.split('\n').sort()).toEqual([`(${COLLECTION}, main)`, `(${COLLECTION}, os/next)`]);
    // A second time changes nothing, where the command would make a further link.
    const first = await layout(ours);
    await repo.createUsb(ours, { refs, destination });
    expect(await layout(ours)).toEqual(first);
  });

  it('takes a commit in place of the head, as the command does', async () => {
    const { cli, commits } = await collection();
    const [ours, theirs] = [await temporaryDirectory(), await temporaryDirectory()];
    const [first = ''] = commits;
    await cli.ostree('create-usb', `--commit=${first}`, theirs, COLLECTION, 'main');
    await using repo = await Repo.open(cli.path);
    await repo.createUsb(ours, { refs: [{ collectionId: COLLECTION, ref: 'main', checksum: first }] });
    expect(await layout(ours)).toEqual(await layout(theirs));
  });

  it('takes from a repository of any mode, and tells how far it is', async () => {
    const { cli: source } = await collection();
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    await repo.pull(`file://${source.path}`, {
      collectionRefs: [{ collectionId: COLLECTION, ref: 'main' }],
      mirror: true,
    });
    const [ours, theirs] = [await temporaryDirectory(), await temporaryDirectory()];
    await cli.ostree('create-usb', theirs, COLLECTION, 'main');
    const phases = new Set<PullProgress['phase']>();
    const onProgress = ({ phase }: PullProgress) => void phases.add(phase);
    await repo.createUsb(ours, {
      refs: [{ collectionId: COLLECTION, ref: 'main' }],
      fsync: false,
      onProgress,
    });
    expect(await layout(ours)).toEqual(await layout(theirs));
    expect(phases).toContain('done');
  });

  it('links beside others, each target once', async () => {
    const { cli } = await collection();
    const medium = await temporaryDirectory();
    await mkdir(join(medium, '.ostree/repos.d'), { recursive: true });
    await symlink('../../elsewhere', join(medium, '.ostree/repos.d/00-generated'));
    await using repo = await Repo.open(cli.path);
    const refs = [{ collectionId: COLLECTION, ref: 'main' }];
    await repo.createUsb(medium, { refs, destination: 'data' });
    await repo.createUsb(medium, { refs, destination: './data' });
    expect((await readdir(join(medium, '.ostree/repos.d'))).sort()).toEqual(['00-generated', '01-generated']);
    expect(await readlink(join(medium, '.ostree/repos.d/01-generated'))).toBe('../../data');
  });

  it('is what others pull from', async () => {
    const key = await gpgKey();
    const { cli, commits } = await collection(`--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
    const medium = await temporaryDirectory();
    await using repo = await Repo.open(cli.path);
    const { path } = await repo.createUsb(medium, { refs: [{ collectionId: COLLECTION, ref: 'main' }] });
    const keyFile = join(medium, 'key.asc');
    await writeFile(keyFile, key.publicKey);
    const target = await cliRepo('bare-user');
    await target.ostree(
      'remote',
      'add',
      `--collection-id=${COLLECTION}`,
      `--gpg-import=${keyFile}`,
      'usb',
      `file://${path}`,
    );
    const printed = await target.ostree('find-remotes', '--finders=config', '--pull', COLLECTION, 'main');
    expect(printed).toContain(`file://${path}`);
    expect(printed).toContain('Pulled 1/1 refs successfully');
    expect(await target.ostree('rev-parse', 'usb:main')).toBe(commits[1]);
    const other = await cliRepo('bare-user');
    await other.ostree(
      'remote',
      'add',
      '--no-gpg-verify',
      `--collection-id=${COLLECTION}`,
      'plain',
      `file://${path}`,
    );
    await other.ostree('pull', 'plain', commits[1] ?? '');
    expect(await cliFsck(other.path)).toBe(true);
  });

  it('fails where it cannot, with a code', async () => {
    const { cli } = await collection();
    const medium = await temporaryDirectory();
    await using repo = await Repo.open(cli.path);
    const refs = [{ collectionId: COLLECTION, ref: 'main' }];
    const attempt = (path: string, options: object = {}) => repo.createUsb(path, { refs, ...options });
    await expect(attempt(join(medium, 'nothing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await writeFile(join(medium, 'file'), '');
    await expect(attempt(join(medium, 'file'))).rejects.toMatchObject({ code: 'NOT_DIRECTORY' });
    await expect(attempt(medium, { destination: 'file/repo' })).rejects.toMatchObject({
      code: 'NOT_DIRECTORY',
    });
    await expect(attempt(join(cli.path, '..'), { destination: 'repo' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const odd = join(medium, 'odd/deltas/ab/c');
    await attempt(medium, { destination: 'odd' });
    await mkdir(odd, { recursive: true });
    await writeFile(join(odd, 'superblock'), '');
    await expect(attempt(medium, { destination: 'odd' })).rejects.toMatchObject({ code: 'CORRUPT' });
    await symlink('/proc', join(medium, 'proc'));
    await expect(attempt(medium, { destination: 'proc/sys' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(
      attempt(medium, { refs: [{ collectionId: COLLECTION, ref: 'nothing' }] }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const controller = new AbortController();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(attempt(medium, { signal: controller.signal })).rejects.toBe(reason);
  });

  it('refuses bad arguments', async () => {
    const { cli } = await collection();
    await using repo = await Repo.open(cli.path);
    const ref = { collectionId: COLLECTION, ref: 'main' };
    const type = { code: 'ERR_INVALID_ARG_TYPE' };
    const value = { code: 'ERR_INVALID_ARG_VALUE' };
    const tries: [unknown, unknown, object][] = [
      [1, { refs: [ref] }, type],
      ['', { refs: [ref] }, value],
      ['/m', undefined, type],
      ['/m', {}, type],
      ['/m', { refs: [] }, value],
      ['/m', { refs: [{ ...ref, collectionId: 'x' }] }, value],
      ['/m', { refs: [{ ...ref, ref: '..' }] }, value],
      ['/m', { refs: [{ ...ref, checksum: 'x' }] }, value],
      ['/m', { refs: [ref], destination: '/x' }, value],
      ['/m', { refs: [ref], destination: 'a/../../x' }, value],
      ['/m', { refs: [ref], fsync: 1 }, type],
      ['/m', { refs: [ref], depth: 1 }, value],
    ];
    for (const [path, options, error] of tries)
      await expect(repo.createUsb(path as never, options as never)).rejects.toMatchObject(error);
  });
});
