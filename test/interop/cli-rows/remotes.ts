// Commands about remotes, and those that pull.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { expect, onTestFinished } from 'vitest';

import { gpgKey } from '../../support/gpg.js';
import { nginx } from '../../support/nginx.js';
import { cliRepo, type CliRepo, temporaryDirectory } from '../../support/repo.js';
import { lines, type Rows, stateOf, twoCommits } from './pair.js';

const COLLECTION = 'org.example.Os';

interface Twins {
  ours: Repo;
  theirs: CliRepo;
  same: () => Promise<void>;
}

/** Two empty repositories. */
async function twins(mode = 'bare-user'): Promise<Twins> {
  const [mine, theirs] = [await cliRepo(mode), await cliRepo(mode)];
  const ours = await Repo.open(mine.path);
  onTestFinished(() => ours.close());
  return {
    ours,
    theirs,
    same: async () => expect(await stateOf(mine.path)).toEqual(await stateOf(theirs.path)),
  };
}

/** The same, each with the remote origin: a repository served over HTTP, whose summary is there. */
async function served() {
  const { cli, commits } = await twoCommits();
  await cli.ostree('summary', '--update');
  const { url } = await nginx(cli.path);
  const pair = await twins();
  await pair.ours.remotes.add('origin', url, { gpgVerify: false });
  await pair.theirs.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
  return { ...pair, url, commits };
}

/** A signed repository of a collection, and two that know it. */
async function collection() {
  const key = await gpgKey();
  const cli = await cliRepo('archive');
  await cli.ostree('config', 'set', 'core.collection-id', COLLECTION);
  const commit = await cli.commit('main', { a: 'a' }, `--gpg-sign=${key.keyId}`, `--gpg-homedir=${key.path}`);
  await cli.ostree('summary', '--update');
  const { url } = await nginx(cli.path);
  const pair = await twins();
  const keyFile = join(await temporaryDirectory(), 'key.asc');
  await writeFile(keyFile, key.publicKey);
  await pair.ours.remotes.add('origin', url, { collectionId: COLLECTION, gpgKeys: [keyFile] });
  await pair.theirs.ostree(
    'remote',
    'add',
    `--collection-id=${COLLECTION}`,
    `--gpg-import=${keyFile}`,
    'origin',
    url,
  );
  return { ...pair, cli, commit, url, key, keyFile };
}

/** The command looks for them in its working directory. */
async function listCookies({ path }: CliRepo): Promise<string> {
  const { stdout } = await execa('ostree', ['--repo=.', 'remote', 'list-cookies', 'origin'], { cwd: path });
  return stdout;
}

export const remoteRows: Rows = {
  'ostree remote add': async () => {
    const { ours, theirs } = await twins();
    await ours.remotes.add('origin', 'https://example.org/repo', {
      gpgVerify: false,
      collectionId: COLLECTION,
      contentUrl: 'https://example.org/content',
    });
    await theirs.ostree(
      'remote',
      'add',
      '--no-gpg-verify',
      `--collection-id=${COLLECTION}`,
      '--contenturl=https://example.org/content',
      'origin',
      'https://example.org/repo',
    );
    // The command writes the lines in another order.
    const settings = async (repo: string) => (await stateOf(repo))['config']?.split('\n').sort();
    expect(await settings(ours.path)).toEqual(await settings(theirs.path));
  },

  'ostree remote delete': async () => {
    const { ours, theirs, same } = await served();
    await ours.remotes.remove('origin');
    await theirs.ostree('remote', 'delete', 'origin');
    await same();
  },

  'ostree remote list': async () => {
    const { ours, theirs } = await served();
    const list = await ours.remotes.list();
    expect(list.map(({ name }) => name)).toEqual(lines(await theirs.ostree('remote', 'list')));
    expect(list.map(({ name, url }) => `${name} ${url}`)).toEqual(
      lines(await theirs.ostree('remote', 'list', '--show-urls')).map((line) => line.replace(/\s+/, ' ')),
    );
  },

  'ostree remote show-url': async () => {
    const { ours, theirs } = await served();
    expect((await ours.remotes.get('origin')).url).toBe(await theirs.ostree('remote', 'show-url', 'origin'));
  },

  'ostree remote gpg-import': async () => {
    const { ours, theirs } = await served();
    const key = await gpgKey();
    const file = join(await temporaryDirectory(), 'key.asc');
    await writeFile(file, key.publicKey);
    const count = await ours.remotes.importGpgKeys('origin', [file]);
    const printed = await theirs.ostree('remote', 'gpg-import', `--keyring=${file}`, 'origin');
    expect(printed).toContain(`Imported ${count} GPG key`);
  },

  'ostree remote gpg-list-keys': async () => {
    const { ours, theirs, key } = await collection();
    const [listed] = await ours.remotes.gpgKeys('origin');
    const printed = await theirs.ostree('remote', 'gpg-list-keys', 'origin');
    expect(listed?.fingerprint).toBe(key.keyId);
    expect(printed).toContain(key.keyId);
    expect(printed).toContain(listed?.userIds[0]?.email);
  },

  'ostree remote refs': async () => {
    const { ours, theirs } = await served();
    const refs = await ours.remotes.refs('origin');
    expect(refs.map(({ ref }) => `origin:${ref}`)).toEqual(
      lines(await theirs.ostree('remote', 'refs', 'origin')),
    );
  },

  'ostree remote summary': async () => {
    const { ours, theirs } = await served();
    const { refs } = await ours.remotes.summary('origin');
    const printed = await theirs.ostree('remote', 'summary', 'origin');
    for (const { ref, checksum } of refs) {
      expect(printed).toContain(`* ${ref}`);
      expect(printed).toContain(checksum);
    }
  },

  'ostree remote add-cookie': async () => {
    const { ours, theirs } = await served();
    const cookie = { domain: 'example.org', path: '/', name: 'token', value: 'secret' };
    await ours.remotes.cookies.add('origin', cookie);
    await theirs.ostree(
      'remote',
      'add-cookie',
      'origin',
      cookie.domain,
      cookie.path,
      cookie.name,
      cookie.value,
    );
    await using other = await Repo.open(theirs.path);
    const [mine, added] = [
      await ours.remotes.cookies.list('origin'),
      await other.remotes.cookies.list('origin'),
    ];
    expect(mine).toMatchObject([cookie]);
    expect(added).toMatchObject([cookie]);
  },

  'ostree remote list-cookies': async () => {
    const { theirs } = await served();
    await theirs.ostree('remote', 'add-cookie', 'origin', 'example.org', '/', 'token', 'secret');
    await using other = await Repo.open(theirs.path);
    const [cookie] = await other.remotes.cookies.list('origin');
    const printed = await listCookies(theirs);
    expect(printed).toContain(`Domain: ${cookie?.domain}`);
    expect(printed).toContain(`Name: ${cookie?.name}`);
    expect(printed).toContain(`Value: ${cookie?.value}`);
  },

  'ostree remote delete-cookie': async () => {
    const { theirs } = await served();
    await theirs.ostree('remote', 'add-cookie', 'origin', 'example.org', '/', 'token', 'secret');
    await theirs.ostree('remote', 'add-cookie', 'origin', 'example.org', '/', 'other', 'secret');
    await using repo = await Repo.open(theirs.path);
    await repo.remotes.cookies.remove('origin', { domain: 'example.org', path: '/', name: 'token' });
    expect(await listCookies(theirs)).not.toContain('Name: token');
    await theirs.ostree('remote', 'delete-cookie', 'origin', 'example.org', '/', 'other');
    expect(await repo.remotes.cookies.list('origin')).toEqual([]);
  },

  'ostree pull': async () => {
    const { ours, theirs, same } = await served();
    await ours.pull('origin', { refs: ['main'], depth: 1 });
    await theirs.ostree('pull', '--depth=1', 'origin', 'main');
    await same();
    const mirrors = await served();
    await mirrors.ours.pull('origin', { mirror: true, commitOnly: true });
    await mirrors.theirs.ostree('pull', '--mirror', '--commit-metadata-only', 'origin');
    await mirrors.same();
  },

  'ostree find-remotes': async () => {
    const { ours, theirs, same, commit } = await collection();
    const found = await ours.findRemotes([{ collectionId: COLLECTION, ref: 'main' }], {
      finders: ['config'],
    });
    const printed = await theirs.ostree('find-remotes', '--finders=config', COLLECTION, 'main');
    for (const { url } of found) expect(printed).toContain(`Result 0: ${url}`);
    expect(printed).toContain(`(${COLLECTION}, main) = ${commit}`);
    await ours.pullFromRemotes(found);
    await theirs.ostree('find-remotes', '--finders=config', '--pull', COLLECTION, 'main');
    await same();
  },

  'ostree create-usb': async () => {
    const { cli } = await collection();
    const [mine, other] = [await temporaryDirectory(), await temporaryDirectory()];
    await using repo = await Repo.open(cli.path);
    await repo.createUsb(mine, { refs: [{ collectionId: COLLECTION, ref: 'main' }], destination: 'os' });
    await cli.ostree('create-usb', '--destination-repo=os', other, COLLECTION, 'main');
    expect(await stateOf(join(mine, 'os'))).toEqual(await stateOf(join(other, 'os')));
  },
};
