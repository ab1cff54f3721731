import {
  appendFile,
  chmod,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import { type FsckFindingKind, type FsckFound, type FsckProgress, type FsckReport, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { holdLock } from '../support/lock-holder.js';
import { checksumsAt, cliFsck, copyRepo, objectFile, setXattr } from '../support/objects.js';
import { type CliRepo, cliRepo, ostree, temporaryDirectory, writeTree } from '../support/repo.js';

const BIG = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) >> 8));

/** Files, an executable, a link, an empty file, the same content twice. */
async function fixture(mode: string): Promise<{ cli: CliRepo; commit: string }> {
  const cli = await cliRepo(mode);
  const tree = join(await temporaryDirectory(), 'tree');
  await writeTree(tree, {
    'etc/hosts': 'localhost',
    'usr/bin/tool': '#!/bin/sh',
    'usr/share/big': BIG,
    'usr/share/empty': '',
    'usr/share/twin': 'localhost',
  });
  await chmod(join(tree, 'usr/bin/tool'), 0o755);
  await chmod(join(tree, 'usr/bin'), 0o711);
  await symlink('bin/tool', join(tree, 'usr/link'));
  const commit = await cli.ostree('commit', '--branch=main', '--canonical-permissions', `--tree=dir=${tree}`);
  return { cli, commit };
}

/** Our report, and the command's verdict on a copy. */
async function both(path: string, ...args: string[]): Promise<{ report: FsckReport; cliOk: boolean }> {
  const copy = await copyRepo(path);
  await using repo = await Repo.open(path);
  const report = await repo.fsck({
    verifyBindings: args.includes('--verify-bindings'),
    verifyBackRefs: args.includes('--verify-back-refs'),
  });
  return { report, cliOk: await cliFsck(copy, ...args) };
}

async function flip(path: string, offset: number): Promise<void> {
  const data = await readFile(path);
  data[offset] = (data[offset] ?? 0) ^ 1;
  await rm(path); // content objects are read-only
  await writeFile(path, data);
}

describe('fsck of a sound repository', () => {
  it.each(['archive', 'bare-user', 'bare-user-only', 'bare'])('says ok in mode %s', async (mode) => {
    const { cli } = await fixture(mode);
    const { report, cliOk } = await both(cli.path);
    expect(cliOk).toBe(true);
    expect(report).toEqual({
      verdict: 'ok',
      // The commit; /, etc, usr, usr/bin, usr/share with two sorts of metadata; five contents.
      objects: 1 + 5 + 2 + 5,
      commits: 1,
      findings: [],
      markedPartial: [],
      tombstones: [],
    });
  });

  it('says ok of an empty one', async () => {
    const cli = await cliRepo();
    expect((await both(cli.path)).report).toMatchObject({ verdict: 'ok', objects: 0, commits: 0 });
  });

  it('ignores what is no collection among the mirrors, over which libostree ends the process', async () => {
    const cli = await cliRepo();
    const commit = await cli.commit('main', { a: '1' });
    await mkdir(join(cli.path, 'refs/mirrors/no id'), { recursive: true });
    await writeFile(join(cli.path, 'refs/mirrors/no id/main'), commit);
    await using repo = await Repo.open(cli.path);
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok', commits: 1 });
    expect(await repo.listRefs({ collections: true })).toEqual([]);
  });

  it('follows history, and counts what commits share once', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { a: '1', same: 'x' });
    await cli.commit('main', { a: '2', same: 'x' });
    const { report, cliOk } = await both(cli.path);
    expect(cliOk).toBe(true);
    expect(report).toMatchObject({ verdict: 'ok', commits: 2, objects: 2 + 2 + 1 + 3 });
  });

  it('says ok of objects in a parent repository, and finds damage there', async () => {
    const parent = await cliRepo('bare-user');
    const commit = await parent.commit('main', { a: 'alpha' });
    const child = await cliRepo('bare-user');
    await child.ostree('config', 'set', 'core.parent', parent.path);
    await child.ostree('refs', '--create=copy', commit);
    await using repo = await Repo.open(child.path);
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok', commits: 1 });
    const [file = ''] = await checksumsAt(parent.path, commit, '/a');
    await rm(objectFile(parent.path, file, 'file'));
    expect(await repo.fsck()).toMatchObject({ verdict: 'corrupt', findings: [{ kind: 'missing' }] });
  });
});

interface Damage {
  name: string;
  mode: string;
  damage: (repo: string, commit: string) => Promise<void>;
  kind: FsckFindingKind | null;
  paths?: string[];
}

const at = async (repo: string, path: string) => await checksumsAt(repo, 'main', path);
const content = async (repo: string, path: string, extension = 'file') =>
  objectFile(repo, (await at(repo, path))[0] ?? '', extension);
const dirtree = async (repo: string, path: string) =>
  objectFile(repo, (await at(repo, path))[0] ?? '', 'dirtree');
const dirmeta = async (repo: string, path: string) =>
  objectFile(repo, (await at(repo, path))[1] ?? '', 'dirmeta');

const damages: Damage[] = [
  {
    name: 'a changed byte',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/share/big'],
    damage: async (repo) => {
      const file = await content(repo, '/usr/share/big');
      await chmod(file, 0o644);
      const data = await readFile(file);
      data[150_000] = (data[150_000] ?? 0) ^ 1;
      await writeFile(file, data);
    },
  },
  {
    name: 'a truncated file',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/share/big'],
    damage: async (repo) => truncate(await content(repo, '/usr/share/big'), 1000),
  },
  {
    name: 'a file with more at its end',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/etc/hosts', '/usr/share/twin'],
    damage: async (repo) => appendFile(await content(repo, '/etc/hosts'), 'x'),
  },
  {
    name: 'a missing file',
    mode: 'bare-user',
    kind: 'missing',
    paths: ['/etc/hosts', '/usr/share/twin'],
    damage: async (repo) => rm(await content(repo, '/etc/hosts')),
  },
  {
    name: 'a file without its attribute',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => setXattr(await content(repo, '/usr/bin/tool'), 'user.ostreemeta', null),
  },
  {
    name: 'an attribute that is too short',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) =>
      setXattr(await content(repo, '/usr/bin/tool'), 'user.ostreemeta', Buffer.alloc(5)),
  },
  {
    name: 'an attribute with another mode',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) =>
      setXattr(
        await content(repo, '/usr/bin/tool'),
        'user.ostreemeta',
        Buffer.from('000000000000000000008180', 'hex'),
      ),
  },
  {
    name: 'a mode of no file',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) =>
      setXattr(
        await content(repo, '/usr/bin/tool'),
        'user.ostreemeta',
        Buffer.from('0000000000000000000041ed', 'hex'),
      ),
  },
  {
    name: 'another target of a link',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/link'],
    damage: async (repo) => writeFile(await content(repo, '/usr/link'), 'elsewhere'),
  },
  {
    name: 'a directory in place of a file',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => {
      const file = await content(repo, '/usr/bin/tool');
      await rm(file);
      await mkdir(file);
    },
  },
  {
    name: 'a link in place of a file',
    mode: 'bare-user',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => {
      const file = await content(repo, '/usr/bin/tool');
      await rm(file);
      await symlink('/dev/zero', file);
    },
  },
  {
    name: 'a changed byte in an archive',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/share/big'],
    damage: async (repo) => flip(await content(repo, '/usr/share/big', 'filez'), 500),
  },
  {
    name: 'a truncated archive',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/share/big'],
    damage: async (repo) => truncate(await content(repo, '/usr/share/big', 'filez'), 400),
  },
  {
    name: 'an archive cut in its header',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/share/big'],
    damage: async (repo) => truncate(await content(repo, '/usr/share/big', 'filez'), 20),
  },
  {
    name: 'an empty archive',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => truncate(await content(repo, '/usr/bin/tool', 'filez'), 0),
  },
  {
    name: 'another mode in the header of an archive',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => flip(await content(repo, '/usr/bin/tool', 'filez'), 8 + 8 + 8 + 3),
  },
  {
    name: 'more at the end of an archive',
    mode: 'archive',
    kind: null,
    damage: async (repo) => appendFile(await content(repo, '/usr/bin/tool', 'filez'), 'xx'),
  },
  {
    name: 'another mode on disk',
    mode: 'bare-user-only',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => chmod(await content(repo, '/usr/bin/tool'), 0o644),
  },
  {
    name: 'another link on disk',
    mode: 'bare-user-only',
    kind: 'corrupt',
    paths: ['/usr/link'],
    damage: async (repo) => {
      const file = await content(repo, '/usr/link');
      await rm(file);
      await symlink('elsewhere', file);
    },
  },
  {
    name: 'another mode on disk',
    mode: 'bare',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => chmod(await content(repo, '/usr/bin/tool'), 0o700),
  },
  {
    name: 'a new attribute',
    mode: 'bare',
    kind: 'corrupt',
    paths: ['/usr/bin/tool'],
    damage: async (repo) => setXattr(await content(repo, '/usr/bin/tool'), 'user.new', Buffer.from('x')),
  },
  {
    name: 'a missing dirtree',
    mode: 'archive',
    kind: 'missing',
    paths: ['/usr'],
    damage: async (repo) => rm(await dirtree(repo, '/usr')),
  },
  {
    name: 'a changed dirtree',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/share'],
    damage: async (repo) => flip(await dirtree(repo, '/usr/share'), 0),
  },
  {
    name: 'an empty dirtree',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/share'],
    damage: async (repo) => truncate(await dirtree(repo, '/usr/share'), 0),
  },
  {
    name: 'a missing dirmeta',
    mode: 'archive',
    kind: 'missing',
    paths: ['/usr/bin'],
    damage: async (repo) => rm(await dirmeta(repo, '/usr/bin')),
  },
  {
    name: 'a changed dirmeta',
    mode: 'archive',
    kind: 'corrupt',
    paths: ['/usr/bin'],
    damage: async (repo) => flip(await dirmeta(repo, '/usr/bin'), 11),
  },
  {
    name: 'a missing commit',
    mode: 'archive',
    kind: 'missing',
    paths: [],
    damage: async (repo, commit) => rm(objectFile(repo, commit, 'commit')),
  },
  {
    name: 'a changed commit',
    mode: 'archive',
    kind: 'corrupt',
    paths: [],
    damage: async (repo, commit) => {
      const file = objectFile(repo, commit, 'commit');
      await flip(file, (await readFile(file)).indexOf('ostree.ref-binding') + 5);
    },
  },
  {
    name: 'an empty commit',
    mode: 'archive',
    kind: 'corrupt',
    paths: [],
    damage: async (repo, commit) => truncate(objectFile(repo, commit, 'commit'), 0),
  },
  {
    name: 'a ref without a checksum',
    mode: 'archive',
    kind: 'ref',
    damage: async (repo) => writeFile(join(repo, 'refs/heads/main'), 'rubbish'),
  },
  {
    name: 'a ref to nothing',
    mode: 'archive',
    kind: 'missing',
    paths: [],
    damage: async (repo) => writeFile(join(repo, 'refs/heads/other'), 'a'.repeat(64)),
  },
  {
    name: 'a commit that an fsck marked',
    mode: 'archive',
    kind: 'fsck-partial',
    damage: async (repo, commit) => writeFile(join(repo, 'state', `${commit}.commitpartial`), 'f'),
  },
  {
    name: 'a partial commit, whose objects are not looked at',
    mode: 'archive',
    kind: 'partial',
    damage: async (repo, commit) => {
      await rm(await dirtree(repo, '/usr'));
      await writeFile(join(repo, 'state', `${commit}.commitpartial`), '');
    },
  },
  {
    name: 'an object that no commit needs',
    mode: 'archive',
    kind: null,
    damage: async (repo) => {
      await mkdir(join(repo, 'objects/00'), { recursive: true });
      await writeFile(objectFile(repo, '0'.repeat(64), 'filez'), 'rubbish');
    },
  },
];

describe('fsck of a damaged repository', () => {
  it.each(damages)(
    'finds $name in mode $mode, as the command does',
    async ({ mode, damage, kind, paths }) => {
      const { cli, commit } = await fixture(mode);
      await damage(cli.path, commit);
      const { report, cliOk } = await both(cli.path);
      expect(report.findings.map((finding) => finding.kind)).toEqual(kind === null ? [] : [kind]);
      expect(report.verdict).toBe(kind === null ? 'ok' : kind === 'partial' ? 'partial' : 'corrupt');
      expect(cliOk).toBe(report.verdict !== 'corrupt');
      if (!paths) return;
      expect(report.findings[0]?.paths).toEqual(paths);
      if (paths.length > 0) expect(report.findings[0]?.commits).toEqual([commit]);
    },
  );

  it('names the object, every commit that needs it, and the ref of a missing commit', async () => {
    const cli = await cliRepo('archive');
    const first = await cli.commit('main', { 'a/file': 'x', b: '1' });
    const second = await cli.commit('main', { 'a/file': 'x', b: '2' });
    await writeFile(join(cli.path, 'refs/heads/gone'), 'b'.repeat(64));
    const [file = ''] = await checksumsAt(cli.path, first, '/a/file');
    await rm(objectFile(cli.path, file, 'filez'));
    await using repo = await Repo.open(cli.path);
    const { findings } = await repo.fsck();
    expect(findings.find(({ object }) => object.type === 'file')).toEqual({
      object: { type: 'file', checksum: file },
      kind: 'missing',
      message: expect.stringContaining(file),
      commits: [first, second].sort(),
      paths: ['/a/file'],
      deleted: false,
    });
    expect(findings.find(({ object }) => object.type === 'commit')).toMatchObject({
      object: { checksum: 'b'.repeat(64) },
      kind: 'missing',
      ref: 'gone',
    });
  });

  it('goes on after the first fault, and changes nothing', async () => {
    const { cli } = await fixture('archive');
    await rm(await content(cli.path, '/etc/hosts', 'filez'));
    await flip(await content(cli.path, '/usr/share/big', 'filez'), 500);
    await rm(await dirmeta(cli.path, '/usr/bin'));
    const before = await readdir(cli.path, { recursive: true });
    await using repo = await Repo.open(cli.path);
    const report = await repo.fsck();
    expect(report.findings.map(({ kind }) => kind).sort()).toEqual(['corrupt', 'missing', 'missing']);
    expect(await readdir(cli.path, { recursive: true })).toEqual(before);
  });

  it('accepts a link target that is no UTF-8, as the command does', async () => {
    const cli = await cliRepo('bare-user');
    const tree = join(await temporaryDirectory(), 'tree');
    await mkdir(tree);
    await symlink(Buffer.from([0x61, 0xff]), join(tree, 'odd'));
    await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
    const { report, cliOk } = await both(cli.path);
    expect(report.verdict === 'ok').toBe(cliOk);
  });
});

describe('fsck of bindings', () => {
  it('finds a ref that its commit is not bound to', async () => {
    const cli = await cliRepo('archive');
    const commit = await cli.commit('main', { a: '1' });
    await cli.ostree('refs', '--create=other', commit);
    expect((await both(cli.path)).report.verdict).toBe('ok');
    const { report, cliOk } = await both(cli.path, '--verify-bindings');
    expect(cliOk).toBe(false);
    expect(report).toMatchObject({
      verdict: 'corrupt',
      findings: [
        { kind: 'binding', ref: 'other', commits: [commit], object: { type: 'commit', checksum: commit } },
      ],
    });
    expect(report.findings[0]?.message).toContain('‘other’');
  });

  it('finds a commit that the ref it is bound to does not name', async () => {
    const cli = await cliRepo('archive');
    const first = await cli.commit('main', { a: '1' });
    expect((await both(cli.path, '--verify-back-refs')).report.verdict).toBe('ok');
    await cli.commit('main', { a: '2' });
    const { report, cliOk } = await both(cli.path, '--verify-back-refs');
    expect(cliOk).toBe(false);
    expect(report).toMatchObject({ verdict: 'corrupt', findings: [{ kind: 'back-ref', commits: [first] }] });
  });

  it('finds that a ref of the bindings does not exist, whatever its name', async () => {
    const cli = await cliRepo('archive');
    const tree = join(await temporaryDirectory(), 'tree');
    await writeTree(tree, { a: '1' });
    await cli.ostree('commit', '--branch=main', '--bind-ref=missing', `--tree=dir=${tree}`);
    await cli.ostree('commit', '--orphan', '--bind-ref=missing^', `--tree=dir=${tree}`);
    await using repo = await Repo.open(cli.path);
    const { findings } = await repo.fsck({ verifyBackRefs: true });
    expect(findings.map(({ kind }) => kind)).toEqual(['back-ref', 'back-ref']);
  });

  it('checks the collection', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { a: '1' });
    await cli.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
    const { report, cliOk } = await both(cli.path, '--verify-bindings');
    expect(cliOk).toBe(false);
    expect(report.findings).toMatchObject([{ kind: 'binding', ref: '(org.example.Os, main)' }]);
  });
});

describe('findings as they are made', () => {
  it('are told once each, and are those of the report', async () => {
    const { cli } = await fixture('archive');
    for (const path of ['/usr/share/big', '/usr/bin/tool'])
      await truncate(await content(cli.path, path, 'filez'), 10);
    await rm(await content(cli.path, '/etc/hosts', 'filez'));
    await writeFile(join(cli.path, 'refs/heads/odd'), 'no checksum\n');
    await using repo = await Repo.open(cli.path);
    const told: FsckFound[] = [];
    const { findings } = await repo.fsck({ onFinding: (finding) => told.push(finding) });
    const facts = findings.map(({ object, kind, message }) => ({ object, kind, message }));
    const byText = (list: FsckFound[]) => list.map((one) => JSON.stringify(one)).sort();
    expect(byText(told)).toEqual(byText(facts));
    expect(told.map(({ kind }) => kind).sort()).toEqual(['corrupt', 'corrupt', 'missing', 'ref']);
  });

  it('come with the progress, before there is a report', async () => {
    const cli = await cliRepo('archive');
    const names = Array.from({ length: 500 }, (_, i) => `${Math.floor(i / 100)}/${i}`);
    await cli.commit('main', Object.fromEntries(names.map((name) => [name, name.repeat(50)])));
    await writeFile(join(cli.path, 'refs/heads/odd'), 'no checksum\n');
    await using repo = await Repo.open(cli.path);
    const events: string[] = [];
    const report = await repo.fsck({
      onFinding: ({ kind }) => events.push(kind),
      onProgress: ({ objects, total }) => events.push(objects < total ? 'goes on' : 'done'),
    });
    expect(report.findings.map(({ kind }) => kind)).toEqual(['ref']);
    expect(events.filter((event) => event === 'ref')).toHaveLength(1);
    expect(events.indexOf('ref')).toBeLessThan(events.lastIndexOf('done'));
  });

  it('are refused a listener that is none, and reject with what one throws', async () => {
    const { cli } = await fixture('archive');
    await rm(await content(cli.path, '/etc/hosts', 'filez'));
    await using repo = await Repo.open(cli.path);
    await expect(repo.fsck({ onFinding: 1 as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    const error = new Error('enough');
    const thrown = repo.fsck({
      onFinding: () => {
        throw error;
      },
    });
    await expect(thrown).rejects.toBe(error);
  });
});

/** Objects, and marks of partial commits. */
async function state(repo: string): Promise<string[]> {
  const files = await readdir(repo, { recursive: true });
  return files.filter((name) => /^(objects|state)\/.*\./.test(name)).sort();
}

describe('fsck that mends', () => {
  it.each(['archive', 'bare-user'])(
    'deletes what is corrupt and marks its commits, as the command does (%s)',
    async (mode) => {
      const { cli, commit } = await fixture(mode);
      const extension = mode === 'archive' ? 'filez' : 'file';
      await truncate(await content(cli.path, '/usr/share/big', extension), 100);
      await rm(await content(cli.path, '/usr/bin/tool', extension));
      const copy = await copyRepo(cli.path);
      await using repo = await Repo.open(cli.path);
      const report = await repo.fsck({ delete: true });
      expect(report).toMatchObject({ verdict: 'corrupt', markedPartial: [commit] });
      expect(report.findings.map(({ kind, deleted }) => `${kind} ${deleted}`).sort()).toEqual([
        'corrupt true',
        'missing false',
      ]);
      expect(await cliFsck(copy, '--delete')).toBe(false);
      expect(await state(cli.path)).toEqual(await state(copy));
      expect(await readFile(join(cli.path, 'state', `${commit}.commitpartial`), 'utf8')).toBe('f');
      expect((await repo.fsck()).findings).toMatchObject([{ kind: 'fsck-partial', commits: [commit] }]);
    },
  );

  it('deletes a commit that is damaged itself, and marks the others that lack something', async () => {
    const { cli } = await fixture('archive');
    const tool = await content(cli.path, '/usr/bin/tool', 'filez');
    const commit = async (branch: string) =>
      await cli.ostree('commit', `--branch=${branch}`, '--subject=Subject', '--tree=ref=main');
    const damaged = await commit('damaged');
    const sound = await commit('sound');
    await cli.ostree('refs', '--delete', 'main');
    await cli.ostree('prune', '--refs-only');
    const file = objectFile(cli.path, damaged, 'commit');
    await flip(file, (await readFile(file)).indexOf('Subject'));
    await rm(tool);
    await using repo = await Repo.open(cli.path);
    const report = await repo.fsck({ delete: true });
    expect(report.markedPartial).toEqual([sound]);
    expect(report.findings.map(({ kind, deleted }) => `${kind} ${deleted}`).sort()).toEqual([
      'corrupt true',
      'missing false',
    ]);
    expect(await repo.hasObject({ type: 'commit', checksum: damaged })).toBe(false);
  });

  it('marks commits once all that is corrupt is deleted: an fsck leaves out those that are marked', async () => {
    const { cli, commit } = await fixture('archive');
    for (const path of ['/usr/share/big', '/usr/bin/tool', '/etc/hosts'])
      await truncate(await content(cli.path, path, 'filez'), 10);
    await using repo = await Repo.open(cli.path);
    const marks = join(cli.path, 'state');
    await rename(marks, `${marks}.away`); // nothing can be marked, as when it is killed before
    await expect(repo.fsck({ delete: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await rename(`${marks}.away`, marks);
    const report = await repo.fsck({ markPartial: true });
    expect(report.findings.map(({ kind }) => kind)).toEqual(['missing', 'missing', 'missing']);
    expect(report.markedPartial).toEqual([commit]);
  });

  it('only marks commits with markPartial', async () => {
    const { cli, commit } = await fixture('archive');
    await rm(await content(cli.path, '/usr/bin/tool', 'filez'));
    const copy = await copyRepo(cli.path);
    await using repo = await Repo.open(cli.path);
    expect(await repo.fsck({ markPartial: true })).toMatchObject({
      verdict: 'corrupt',
      markedPartial: [commit],
    });
    await cliFsck(copy);
    expect(await state(cli.path)).toEqual(await state(copy));
  });

  it('puts tombstones in place of commits without their parent, as the command does', async () => {
    const cli = await cliRepo('archive');
    const first = await cli.commit('main', { a: '1' });
    const second = await cli.commit('main', { a: '2' });
    await cli.commit('main', { a: '3' });
    await rm(objectFile(cli.path, first, 'commit'));
    const copy = await copyRepo(cli.path);
    await using repo = await Repo.open(cli.path);
    expect(await repo.fsck({ addTombstones: true })).toMatchObject({ verdict: 'ok', tombstones: [second] });
    expect(await cliFsck(copy, '--add-tombstones')).toBe(true);
    expect(await state(cli.path)).toEqual(await state(copy));
    expect(await repo.config.get('core.tombstone-commits')).toBe('true');
  });

  it('waits for the locks of others', async () => {
    const cli = await cliRepo();
    await cli.commit('main', { a: '1' });
    await using repo = await Repo.open(cli.path);
    const release = await holdLock(cli.path, 'F_RDLCK');
    expect(await repo.fsck()).toMatchObject({ verdict: 'ok' }); // both only read
    let done = false;
    const deleting = repo.fsck({ delete: true }).finally(() => (done = true));
    await repo.resolveRev('main');
    expect(done).toBe(false);
    await release();
    expect(await deleting).toMatchObject({ verdict: 'ok' });
  });
});

describe('fsck', () => {
  it('tells how far it is', async () => {
    const { cli } = await fixture('bare-user');
    await using repo = await Repo.open(cli.path);
    const seen: FsckProgress[] = [];
    const report = await repo.fsck({ onProgress: (progress) => seen.push(progress) });
    const files = await readdir(join(cli.path, 'objects'), { recursive: true });
    const metadata = files.filter((name) => /\.(commit|dirtree|dirmeta)$/.test(name));
    const sizes = await Promise.all(
      metadata.map(async (name) => (await stat(join(cli.path, 'objects', name))).size),
    );
    const contents = BIG.length + 'localhost'.length + '#!/bin/sh'.length;
    expect(seen.at(-1)).toEqual({
      objects: report.objects,
      total: report.objects,
      bytes: sizes.reduce((sum, size) => sum + size, contents),
    });
  });

  it('stops when aborted', async () => {
    const { cli } = await fixture('bare-user');
    await using repo = await Repo.open(cli.path);
    const reason = new Error('enough');
    const early = new AbortController();
    const queued = repo.fsck({ signal: early.signal });
    early.abort(reason);
    await expect(queued).rejects.toBe(reason);

    // Directories enough for progress before the first file, and one that takes minutes to hash.
    await cli.commit('slow', Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`${i}/${i}`, 'slow'])));
    const [slow = ''] = await checksumsAt(cli.path, 'slow', '/0/0');
    await truncate(objectFile(cli.path, slow, 'file'), 2 ** 38);
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(repo.fsck({ signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  it('runs under a lock that is held', async () => {
    const { cli } = await fixture('archive');
    await using repo = await Repo.open(cli.path);
    await using lock = await repo.lock('exclusive');
    expect(await lock.repo.fsck({ delete: true })).toMatchObject({ verdict: 'ok' });
  });

  it('refuses bad arguments', async () => {
    const cli = await cliRepo();
    await using repo = await Repo.open(cli.path);
    await expect(repo.fsck({ delete: 1 as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(repo.fsck(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await repo.close();
    await expect(repo.fsck()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('checks a repository that pulled only commits', async () => {
    const source = await cliRepo('archive');
    await source.commit('main', { a: '1' });
    const target = await cliRepo('archive');
    await target.ostree('pull-local', '--commit-metadata-only', source.path, 'main');
    const { report, cliOk } = await both(target.path);
    expect(cliOk).toBe(true);
    expect(report).toMatchObject({ verdict: 'partial', commits: 0, findings: [{ kind: 'partial' }] });
    expect(await ostree(`--repo=${target.path}`, 'fsck')).toContain('1 partial commits not verified');
  });
});
