import { chmod, chown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MergePreview } from 'ostree';
import { describe, expect, it } from 'vitest';

import { booted, device, whyNotBooted } from '../support/booted.js';

/** What an entry of /etc may be, in a word. */
const STATE = `
  const state = async (path) => {
    const stat = await fs.lstat(path).catch(() => undefined);
    if (!stat) return null;
    const mode = (stat.mode & 0o7777).toString(8) + ' ' + stat.uid + ':' + stat.gid;
    if (stat.isSymbolicLink()) return '-> ' + (await fs.readlink(path));
    return stat.isDirectory() ? 'dir ' + mode : mode + ' ' + (await fs.readFile(path, 'utf8'));
  };
  const states = async (root) => Object.fromEntries(await Promise.all(
    [...new Set(args)].map(async (name) => [name, await state(root + '/' + name)])));`;

type Edit = (etc: string) => Promise<unknown>;
const nothing: Edit = async () => {};
const write =
  (name: string, text: string, mode = 0o644): Edit =>
  async (etc) => {
    await writeFile(join(etc, name), text);
    await chmod(join(etc, name), mode);
  };
const remove =
  (name: string): Edit =>
  (etc) =>
    rm(join(etc, name), { recursive: true });
const link =
  (name: string, target: string): Edit =>
  async (etc) => {
    await rm(join(etc, name), { force: true });
    await symlink(target, join(etc, name));
  };
const directory =
  (name: string, mode = 0o755): Edit =>
  async (etc) => {
    await mkdir(join(etc, name), { recursive: true });
    await chmod(join(etc, name), mode);
  };
const all =
  (...edits: Edit[]): Edit =>
  async (etc) => {
    for (const edit of edits) await edit(etc);
  };

interface Case {
  local: Edit;
  shipped: Edit;
  /** What /etc of the new deployment has then. */
  then: Record<string, string | null>;
  /** What previewMerge() says of paths, in short: local/shipped: result. */
  preview: Record<string, string>;
}

// Shipped in version 1: conf, keep and dir/inner, with mode 644.
const CASES: Record<string, Case> = {
  'a file that nobody changed': {
    local: nothing,
    shipped: nothing,
    then: { keep: '644 0:0 shipped\n' },
    preview: {},
  },
  'a file that is changed here': {
    local: write('keep', 'mine'),
    shipped: nothing,
    then: { keep: '644 0:0 mine' },
    preview: { '/keep': 'modified/-: local' },
  },
  'a file that the new version changes': {
    local: nothing,
    shipped: write('keep', 'theirs'),
    then: { keep: '644 0:0 theirs' },
    preview: { '/keep': '-/modified: shipped' },
  },
  'a file that both change': {
    local: write('keep', 'mine'),
    shipped: write('keep', 'theirs'),
    then: { keep: '644 0:0 mine' },
    preview: { '/keep': 'modified/modified: local' },
  },
  'files that one side adds': {
    local: write('mine', 'm'),
    shipped: write('theirs', 't'),
    then: { mine: '644 0:0 m', theirs: '644 0:0 t' },
    preview: { '/mine': 'added/-: local', '/theirs': '-/added: shipped' },
  },
  'a file that both add': {
    local: write('new', 'mine'),
    shipped: write('new', 'theirs'),
    then: { new: '644 0:0 mine' },
    preview: { '/new': 'added/added: local' },
  },
  'a file that is removed here': {
    local: remove('keep'),
    shipped: nothing,
    then: { keep: null },
    preview: { '/keep': 'removed/-: local' },
  },
  'a file that is removed here and changed by the new version': {
    local: remove('keep'),
    shipped: write('keep', 'theirs'),
    then: { keep: null },
    preview: { '/keep': 'removed/modified: local' },
  },
  'a file that the new version removes': {
    local: nothing,
    shipped: remove('keep'),
    then: { keep: null },
    preview: { '/keep': '-/removed: shipped' },
  },
  'a file that is changed here and removed by the new version': {
    local: write('keep', 'mine'),
    shipped: remove('keep'),
    then: { keep: '644 0:0 mine' },
    preview: { '/keep': 'modified/removed: local' },
  },
  'a directory that is removed here, with what the new version changes in it': {
    local: remove('dir'),
    shipped: all(write('dir/inner', 'theirs'), write('dir/more', 'theirs')),
    then: { dir: null, 'dir/inner': null, 'dir/more': null },
    preview: {
      '/dir': 'removed/-: local',
      '/dir/inner': 'removed/modified: local',
      '/dir/more': 'removed/added: local',
    },
  },
  'a file in a directory that the new version removes': {
    local: write('dir/mine', 'm'),
    shipped: remove('dir'),
    then: { dir: 'dir 755 0:0', 'dir/mine': '644 0:0 m', 'dir/inner': null },
    preview: {
      '/dir': '-/removed: local',
      '/dir/inner': '-/removed: shipped',
      '/dir/mine': 'added/-: local',
    },
  },
  permissions: {
    local: all(write('keep', 'shipped\n', 0o600), directory('dir', 0o700)),
    shipped: nothing,
    // The mode of a directory goes with a file that is put into it, and is lost without one.
    then: { keep: '600 0:0 shipped\n', dir: 'dir 755 0:0' },
    preview: { '/keep': 'modified/-: local', '/dir': 'modified/-: shipped' },
  },
  'permissions of a directory with a change in it': {
    local: all(directory('dir', 0o700), write('dir/mine', 'm')),
    shipped: nothing,
    then: { dir: 'dir 700 0:0', 'dir/mine': '644 0:0 m' },
    preview: { '/dir': 'modified/-: local', '/dir/mine': 'added/-: local' },
  },
  owners: {
    local: (etc) => chown(join(etc, 'keep'), 12, 34),
    shipped: nothing,
    then: { keep: '644 12:34 shipped\n' },
    preview: { '/keep': 'modified/-: local' },
  },
  symlinks: {
    local: all(link('keep', 'conf'), link('mine', '/nowhere')),
    shipped: link('theirs', 'keep'),
    then: { keep: '-> conf', mine: '-> /nowhere', theirs: '-> keep' },
    preview: {
      '/keep': 'modified/-: local',
      '/mine': 'added/-: local',
      '/theirs': '-/added: shipped',
    },
  },
  'a directory that both add': {
    local: all(directory('new', 0o711), write('new/mine', 'm')),
    shipped: all(directory('new', 0o750), write('new/theirs', 't')),
    then: { new: 'dir 711 0:0', 'new/mine': '644 0:0 m', 'new/theirs': '644 0:0 t' },
    preview: {
      '/new': 'added/added: local',
      '/new/mine': 'added/-: local',
      '/new/theirs': '-/added: shipped',
    },
  },
};

function inShort({ entries }: MergePreview): Record<string, string> {
  const pairs = entries.map(
    ({ path, local, shipped, result }) => [path, `${local ?? '-'}/${shipped ?? '-'}: ${result}`] as const,
  );
  // Each version ships a conf that says its name.
  return Object.fromEntries(pairs.filter(([path]) => path !== '/conf'));
}

const PREVIEW = `
  const { checksum } = await sysroot.upgrade({ pullOnly: true });
  const preview = await sysroot.previewMerge(checksum);`;

describe.skipIf(whyNotBooted)(`The merge of /etc, ${booted}`, () => {
  it.each(Object.entries(CASES))('%s', async (_name, { local, shipped, then, preview }) => {
    const machine = await device();
    const boot = await machine.boot();
    await machine.publish('2', {}, { edit: (tree) => shipped(join(tree, 'usr/etc')) });
    const etc = await boot.run<string>(`return sysroot.booted.path + '/etc'`);
    await local(join(machine.sysroot, etc));
    const names = Object.keys(then);
    const result = await boot.run<{ preview: MergePreview; after: Record<string, string | null> }>(
      `${STATE} ${PREVIEW}
      const { deployment } = await sysroot.upgrade();
      return { preview, after: await states(deployment.path + '/etc') };`,
      { args: names },
    );
    expect(result.after).toEqual(then);
    expect(result.preview.from?.version).toBe('1');
    expect(inShort(result.preview)).toEqual(preview);
    const both = result.preview.entries.filter((entry) => entry.local && entry.shipped);
    expect(result.preview.conflicts).toEqual(both);
  });

  it.each<[string, Edit, Edit, string]>([
    [
      'a changed file is a directory now',
      write('keep', 'm'),
      all(remove('keep'), directory('keep')),
      '/keep',
    ],
    ['an added file is a directory now', write('new', 'm'), directory('new'), '/new'],
    [
      'a directory with a new file is a file now',
      write('dir/m', 'm'),
      all(remove('dir'), write('dir', 't')),
      '/dir/m',
    ],
  ])('fails where %s, leaves all as it is, and the preview says so', async (_name, local, shipped, path) => {
    const machine = await device();
    const boot = await machine.boot();
    await machine.publish('2', {}, { edit: (tree) => shipped(join(tree, 'usr/etc')) });
    const etc = await boot.run<string>(`return sysroot.booted.path + '/etc'`);
    await local(join(machine.sysroot, etc));
    const result = await boot.run<{ preview: MergePreview; code: string; left: number }>(`${PREVIEW}
      const code = await sysroot.upgrade().then(() => 'done', (error) => error.name);
      const left = (await fs.readdir('/ostree/deploy/tiny/deploy')).filter((name) => !name.endsWith('origin'));
      return { preview, code, left: left.length };`);
    expect(result.code).toBe('OstreeError');
    expect(result.left).toBe(1);
    expect(result.preview.entries.filter((entry) => entry.result === 'blocked')).toMatchObject([{ path }]);
    expect(await (await machine.boot()).run(`return sysroot.booted.version`)).toBe('1');
  });

  it('is of the stateroot that is named, and of nobody where there is no deployment', async () => {
    const boot = await (await device()).boot();
    const preview = await boot.run(`
      await sysroot.initStateroot('other');
      return await sysroot.previewMerge(sysroot.booted.checksum, { stateroot: 'other' });`);
    expect(preview).toMatchObject({ from: null, entries: [], conflicts: [] });
    await expect(boot.run(`await sysroot.previewMerge('no/such')`)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
