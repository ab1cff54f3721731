// Commands that only read.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { execa } from 'execa';
import { checksumFile, type Commit, features } from 'ostree';
import { expect } from 'vitest';

import { snapshot } from '../../support/snapshot.js';
import { temporaryDirectory, writeTree } from '../../support/repo.js';
import { labelsOf, policyRoot, whyNoLabels } from '../../support/selinux.js';
import { expectNotSupported } from './newer.js';
import { FILES, lines, pair, type Rows } from './pair.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export const readRows: Rows = {
  'ostree cat': async () => {
    const { ours, theirs } = await pair();
    expect(await ours.readFile('main', '/usr/share/doc', 'utf8')).toBe(
      await theirs('cat', 'main', '/usr/share/doc'),
    );
  },

  'ostree ls': async () => {
    const { ours, theirs } = await pair();
    const paths = async (...args: string[]) =>
      lines(await theirs('ls', '--nul-filenames-only', ...args)).flatMap((text) => text.split('\0'));
    const flat = await ours.readdir('main', '/usr');
    expect(['/usr', ...flat.map(({ path }) => path)]).toEqual((await paths('main', '/usr')).filter(Boolean));
    const deep = await all(ours.walk('main'));
    expect(deep.map(({ path }) => path)).toEqual((await paths('-R', 'main')).filter(Boolean));
    const [line = ''] = lines(await theirs('ls', '-d', '-C', 'main', '/etc/hosts'));
    const { checksum, size } = await ours.lstat('main', '/etc/hosts');
    expect(line).toContain(checksum);
    expect(line).toContain(` ${size} `);
    expect(await ours.xattrs('main', '/etc/hosts')).toEqual({});
  },

  'ostree show': async () => {
    const { ours, theirs } = await pair(async (cli) => {
      const tree = ['--tree=ref=main', '--add-detached-metadata-string=note=later'];
      await cli.ostree('commit', '--branch=noted', ...tree);
    });
    const commit = await ours.readCommit('main');
    const shown = await theirs('show', 'main');
    expect(shown).toContain(`commit ${commit.checksum}`);
    expect(shown).toContain(`Parent:  ${commit.parent}`);
    expect(shown).toContain(`ContentChecksum:  ${commit.contentChecksum}`);
    expect(shown).toContain(commit.subject);
    expect(await theirs('show', '--print-metadata-key=version', 'main')).toBe(`'${String(commit.version)}'`);
    const noted = await ours.readCommit('noted');
    expect(await theirs('show', '--print-detached-metadata-key=note', 'noted')).toBe(
      `'${String(noted.detachedMetadata?.['note'])}'`,
    );
  },

  'ostree log': async () => {
    const { ours, theirs } = await pair();
    const log: Commit[] = await all(ours.log('main'));
    const shown = await theirs('log', 'main');
    expect(log.map(({ checksum }) => checksum)).toEqual(
      [...shown.matchAll(/^commit (\w{64})$/gm)].map(([, checksum]) => checksum),
    );
  },

  'ostree rev-parse': async () => {
    const { ours, theirs, commits } = await pair();
    const [first = '', second = ''] = commits;
    for (const rev of ['main', 'main^', first, second.slice(0, 12)])
      expect(await ours.resolveRev(rev)).toBe(await theirs('rev-parse', rev));
  },

  'ostree diff': async () => {
    const { ours, theirs } = await pair();
    const { added, removed, modified } = await ours.diff('main^', 'main');
    const printed = [
      ...modified.map(({ path }) => `M    ${path}`),
      ...removed.map(({ path }) => `D    ${path}`),
      ...added.map(({ path }) => `A    ${path}`),
    ];
    expect(printed.sort()).toEqual(lines(await theirs('diff', 'main^', 'main')).sort());
  },

  'ostree checksum': async () => {
    const path = join(await temporaryDirectory(), 'file');
    await writeFile(path, 'content');
    const { stdout } = await execa('ostree', ['checksum', path]);
    expect(await checksumFile(path)).toBe(stdout);
  },

  'ostree checkout': async () => {
    const { ours, theirs } = await pair();
    const dir = await temporaryDirectory();
    const [mine, other] = [join(dir, 'ours'), join(dir, 'theirs')];
    await ours.checkout('main', mine, { userMode: true });
    await theirs('checkout', '--user-mode', '--disable-cache', 'main', other);
    expect(await snapshot(mine)).toEqual(await snapshot(other));
    await writeTree(mine, { 'extra/file': 'kept' });
    await writeTree(other, { 'extra/file': 'kept' });
    await ours.checkout('main^', mine, { userMode: true, overwrite: 'union-files', subpath: '/etc' });
    await theirs('checkout', '--user-mode', '--disable-cache', '--union', '--subpath=/etc', 'main^', other);
    const content = async (root: string) =>
      Object.entries(await snapshot(root)).map(([path, what]) => [path, what.replace(/ mtime=\d+/, '')]);
    expect(await content(mine)).toEqual(await content(other));
    const [image, theirImage] = [join(dir, 'image'), join(dir, 'their-image')];
    for (const [verity, flag] of [
      [true, '--composefs'],
      [false, '--composefs-noverity'],
    ] as const) {
      const made = ours.checkoutComposefs('main', image, { verity });
      if (features.composefs !== true) {
        await expectNotSupported(made);
        continue;
      }
      await made;
      await theirs('checkout', flag, 'main', theirImage);
      expect(await readFile(image)).toEqual(await readFile(theirImage));
    }
    if (whyNoLabels) return;
    const selinuxPolicy = await policyRoot();
    const [labelled, expected] = [join(dir, 'labelled'), join(dir, 'expected')];
    await ours.checkout('main', labelled, { subpath: '/etc', selinuxPolicy, selinuxPrefix: '/usr/bin' });
    const flags = [`--selinux-policy=${selinuxPolicy}`, '--selinux-prefix=/usr/bin', '--subpath=/etc'];
    await theirs('checkout', ...flags, 'main', expected);
    const labels = await labelsOf(labelled);
    expect(labels).toEqual(await labelsOf(expected));
    expect(labels).toHaveProperty('hosts', 'system_u:object_r:bin_t:s0');
  },

  'ostree export': async () => {
    const { ours, theirPath } = await pair();
    const args = [`--repo=${theirPath}`, 'export', '--prefix=top/', '--subpath=usr', 'main'];
    const { stdout } = await execa('ostree', args, { encoding: 'buffer', stripFinalNewline: false });
    const archive = await buffer(ours.exportTar('main', { prefix: 'top/', subpath: '/usr' }));
    expect(archive.equals(Buffer.from(stdout))).toBe(true);
    expect(Object.keys(FILES)).toHaveLength(3);
  },
};
