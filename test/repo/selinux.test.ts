// Labels by an SELinux policy: commits and checkouts, beside the command's.
import { chmod, lchown, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type CommitOptions, DevInoCache, type OstreeError, Repo, type TreeSource, version } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { cliFsck, objectFile } from '../support/objects.js';
import { type CliRepo, cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import {
  CONTEXTS,
  labelIn,
  labelsOf,
  type Policy,
  policyFiles,
  policyRoot,
  whyNoLabels,
  whyNoSelinux,
} from '../support/selinux.js';
import { isRoot } from '../support/trees.js';

const TIME = new Date(1_700_000_000_000);
const AT_TIME = '--timestamp=@1700000000';
const isBefore2025 = version.libostree < '2025.2';

const FILES = {
  'etc/passwd': 'root',
  'etc/hosts': 'localhost',
  'usr/bin/tool': '#!/bin/sh',
  'usr/etc/passwd': 'shipped',
  'proc/empty': '',
  unlabelled: 'as it is',
  other: 'other',
};

/** Something to commit where it does not matter what. */
const ANY: TreeSource = { files: [{ path: 'etc/passwd', content: 'root' }] };

/** With attributes that a policy replaces; with `more`, others that it leaves. */
async function newTree({ more = true } = {}): Promise<string> {
  const dir = join(await temporaryDirectory(), 'tree');
  await writeTree(dir, FILES);
  await symlink('hosts', join(dir, 'etc/link'));
  await chmod(join(dir, 'usr/bin/tool'), 0o755);
  if (isRoot) await lchown(join(dir, 'etc/link'), 7, 7);
  const set = (name: string, ...paths: string[]) => paths.flatMap((path) => [join(dir, path), name]);
  const attributes = [
    ...(more ? set('user.more', 'etc/hosts', 'usr/etc') : []),
    ...(isRoot ? set('security.selinux', 'etc', 'etc/passwd', 'unlabelled') : []),
  ];
  const script = `
import os, sys
for i in range(1, len(sys.argv), 2):
    os.setxattr(sys.argv[i], sys.argv[i + 1], b'old\\0')
`;
  await execa('python3', ['-c', script, ...attributes]);
  return dir;
}

async function label(repo: Repo, rev: string, path: string): Promise<string | undefined> {
  const found = labelIn(await repo.xattrs(rev, path));
  return found?.replace('system_u:object_r:', '').replace(':s0', '');
}

/** The same commit by the command and by commit(): their checksums, and so all that is in them, must be equal. */
async function compare(
  mode: string,
  args: string[],
  options: CommitOptions,
  prepare?: (cli: CliRepo) => Promise<unknown>,
): Promise<{ repo: Repo; theirs: CliRepo; checksum: string }> {
  const [theirs, ours] = [await cliRepo(mode), await cliRepo(mode)];
  for (const cli of [theirs, ours]) await prepare?.(cli);
  const expected = await theirs.ostree('commit', '--branch=main', AT_TIME, ...args);
  const repo = await Repo.open(ours.path);
  const { checksum } = await repo.commit({ branch: 'main', timestamp: TIME, ...options });
  expect(checksum).toBe(expected);
  return { repo, theirs, checksum };
}

describe.skipIf(whyNoSelinux)(`commit({ selinux })${whyNoSelinux}`, () => {
  it.each(['archive', 'bare-user', ...(isRoot ? ['bare'] : [])])(
    'is the commit that the command makes (%s)',
    async (mode) => {
      const tree = await newTree({ more: mode !== 'bare' });
      const policy = await policyRoot();
      const args = [`--selinux-policy=${policy}`, `--tree=dir=${tree}`];
      const { repo, theirs } = await compare(mode, args, { tree, selinux: { policy } });
      expect(await label(repo, 'main', '/')).toBe('root_t');
      expect(await label(repo, 'main', '/etc/passwd')).toBe('passwd_file_t');
      expect(await theirs.ostree('ls', '-X', 'main', '/etc/link')).toContain('link_t');
      expect(await label(repo, 'main', '/proc')).toBe('mnt_t');
      expect(await label(repo, 'main', '/unlabelled')).toBe(isRoot ? 'old' : undefined);
      expect((await repo.fsck()).verdict).toBe('ok');
      await repo.close();
    },
  );

  it.each<[string, string[], Partial<CommitOptions>]>([
    ['no attributes', ['--no-xattrs'], { xattrs: false }],
    ['canonical permissions', ['--canonical-permissions'], { canonicalPermissions: true }],
    [
      'an owner',
      ['--owner-uid=3', '--owner-gid=4', '--mode-ro-executables'],
      { owner: { uid: 3, gid: 4 }, modeRoExecutables: true },
    ],
    ['sizes', ['--generate-sizes'], { generateSizes: true }],
  ])('together with %s', async (_, args, options) => {
    const tree = await newTree();
    const policy = await policyRoot();
    const all = [...args, `--selinux-policy=${policy}`, `--tree=dir=${tree}`];
    const { repo } = await compare('archive', all, { ...options, tree, selinux: { policy } });
    await repo.close();
  });

  it('labels where the configuration keeps attributes out of an archive', async () => {
    const tree = await newTree();
    const policy = await policyRoot();
    const args = [`--selinux-policy=${policy}`, `--tree=dir=${tree}`];
    const { repo } = await compare('archive', args, { tree, selinux: { policy } }, (cli) =>
      cli.ostree('config', 'set', 'core.disable-xattrs', 'true'),
    );
    await repo.close();
  });

  it.each<[string, string[], TreeSource[]]>([
    ['a commit', ['--tree=ref=old'], [{ ref: 'old' }]],
    ['a commit with other labels', ['--tree=ref=labelled'], [{ ref: 'labelled' }]],
    ['two commits', ['--tree=ref=labelled', '--tree=ref=old'], [{ ref: 'labelled' }, { ref: 'old' }]],
  ])('labels what comes from %s', async (_, args, sources) => {
    const policy = await policyRoot();
    const other = await policyRoot({ contexts: CONTEXTS.replaceAll('etc_t', 'other_t') });
    const tree = await newTree();
    const all = [`--selinux-policy=${policy}`, ...args];
    const options = { tree: sources, selinux: { policy } };
    const { repo } = await compare('bare-user', all, options, async (cli) => {
      await cli.ostree('commit', '--branch=old', AT_TIME, `--tree=dir=${tree}`);
      const relabel = ['--tree=ref=old', `--selinux-policy=${other}`];
      await cli.ostree('commit', '--branch=labelled', AT_TIME, ...relabel);
    });
    expect(await label(repo, 'main', '/etc')).toBe('etc_t');
    await repo.close();
  });

  it('leaves what comes from a base', async () => {
    const policy = await policyRoot();
    const [tree, more] = [await newTree(), await newTree()];
    await writeFile(join(more, 'etc/new'), 'new');
    const args = [`--selinux-policy=${policy}`, '--base=old', `--tree=dir=${more}`];
    const options = { base: 'old', tree: more, selinux: { policy } };
    const { repo } = await compare('archive', args, options, (cli) =>
      cli.ostree('commit', '--branch=old', AT_TIME, `--tree=dir=${tree}`),
    );
    await repo.close();
  });

  it('labels archives, with parents that are made and hard links', async () => {
    const dir = await temporaryDirectory();
    const script = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], 'w', format=tarfile.PAX_FORMAT) as tar:
    def add(name, **more):
        info = tarfile.TarInfo(name)
        for key, value in more.items(): setattr(info, key, value)
        info.size = 0 if 'linkname' in more or more.get('type') == tarfile.DIRTYPE else 3
        tar.addfile(info, io.BytesIO(b'abc') if info.size else None)
    add('etc/passwd')
    add('etc/hosts', pax_headers={'SCHILY.xattr.user.more': 'kept'})
    add('etc/link', type=tarfile.SYMTYPE, linkname='hosts')
    add('usr/bin', type=tarfile.DIRTYPE, mode=0o755)
    add('usr/bin/hard', type=tarfile.LNKTYPE, linkname='etc/passwd')
`;
    const tar = join(dir, 'made.tar');
    await execa('python3', ['-c', script, tar]);
    const policy = await policyRoot();
    const args = [`--selinux-policy=${policy}`, '--tar-autocreate-parents', `--tree=tar=${tar}`];
    const tree = { tar, autocreateParents: true };
    const { repo } = await compare('archive', args, { tree, selinux: { policy } });
    expect(await label(repo, 'main', '/usr/bin/hard')).toBe('passwd_file_t');
    await repo.close();
  });

  it('labels a hard link of an archive to a file of a directory as that file', async () => {
    const dir = await temporaryDirectory();
    const tar = join(dir, 'made.tar');
    const script = `
import sys, tarfile
with tarfile.open(sys.argv[1], 'w') as tar:
    info = tarfile.TarInfo('usr/bin/hard')
    info.type, info.linkname = tarfile.LNKTYPE, 'etc/passwd'
    tar.addfile(info)
`;
    await execa('python3', ['-c', script, tar]);
    const tree = await newTree();
    const policy = await policyRoot();
    const args = [`--selinux-policy=${policy}`, `--tree=dir=${tree}`, `--tree=tar=${tar}`];
    const { repo } = await compare('archive', args, { tree: [tree, { tar }], selinux: { policy } });
    await repo.close();
  });

  it('labels files that exist only in memory, and directories that nothing gives', async () => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    await repo.commit({
      branch: 'main',
      tree: {
        files: [{ path: 'passwd', content: 'x', xattrs: { 'security.selinux': Buffer.from('old') } }],
        prefix: '/etc',
      },
      selinux: { policy: await policyRoot() },
    });
    const found = [];
    for (const path of ['/', '/etc', '/etc/passwd']) found.push(await label(repo, 'main', path));
    expect(found).toEqual(['root_t', 'etc_t', 'passwd_file_t']);
    expect(Object.keys(await repo.xattrs('main', '/etc/passwd'))).toEqual(['security.selinux']);
  });

  it('labels what a checkout linked', async () => {
    const policy = await policyRoot();
    const { path } = await cliRepo('bare-user');
    await using repo = await Repo.open(path);
    await repo.commit({ branch: 'main', tree: await newTree() });
    const devinoCache = new DevInoCache();
    const destination = join(await temporaryDirectory(), 'checkout');
    await repo.checkout('main', destination, { userMode: true, devinoCache });
    const { stats } = await repo.commit({
      branch: 'next',
      tree: destination,
      devinoCache,
      selinux: { policy },
    });
    expect(stats.cacheHits).toBeGreaterThan(0);
    expect(await label(repo, 'next', '/etc/passwd')).toBe('passwd_file_t');
    expect((await repo.fsck()).verdict).toBe('ok');
  });

  it.each<[string, string[], (tree: string) => CommitOptions]>([
    ['a directory', ['--tree=dir=TREE'], (tree) => ({ tree })],
    ['a commit', ['--tree=ref=old'], () => ({ tree: { ref: 'old' } })],
    ['the base', ['--base=old', '--tree=dir=TREE'], (tree) => ({ base: 'old', tree })],
    ['the first of two', ['--tree=ref=old', '--tree=dir=TREE'], (tree) => ({ tree: [{ ref: 'old' }, tree] })],
  ])('takes the policy from %s', async (_, args, options) => {
    const tree = await newTree();
    await writeTree(tree, policyFiles('usr/etc/selinux'));
    const all = ['-P', ...args.map((arg) => arg.replace('TREE', tree))];
    const selinux = { fromBase: true } as const;
    const { repo } = await compare('archive', all, { ...options(tree), selinux }, (cli) =>
      cli.ostree('commit', '--branch=old', AT_TIME, `--tree=dir=${tree}`),
    );
    // What comes from a base is not labelled, but what is committed on top of it.
    expect(await label(repo, 'main', '/usr/bin/tool')).toBe('bin_t');
    await repo.close();
  });

  it.each<[string, Policy | null]>([
    ['there is none', null],
    ['it is off', { config: 'SELINUX=disabled\nSELINUXTYPE=made\n' }],
    ['it has no mode', { config: 'SELINUXTYPE=made\n' }],
  ])('labels nothing where %s', async (_, policy) => {
    const tree = await newTree();
    const root = policy === null ? await temporaryDirectory() : await policyRoot(policy);
    const args = [`--selinux-policy=${root}`, `--tree=dir=${tree}`];
    const { repo } = await compare('archive', args, { tree, selinux: { policy: root } });
    await repo.close();
  });

  it('gives /usr/etc the labels of /etc in epoch 1', async () => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const policy = await policyRoot();
    const tree = await newTree();
    await repo.commit({ branch: 'old', tree, selinux: { policy, labelingEpoch: 0 } });
    await repo.commit({ branch: 'new', tree, selinux: { policy, labelingEpoch: 1 } });
    const found = [];
    for (const rev of ['old', 'new'])
      for (const path of ['/usr/etc', '/usr/etc/passwd', '/usr/bin'])
        found.push(await label(repo, rev, path));
    expect(found).toEqual(['usr_etc_t', 'usr_etc_t', 'bin_t', 'etc_t', 'passwd_file_t', 'bin_t']);
  });

  it('reads a file again whose label has changed, and no other', async () => {
    const { path } = await cliRepo('bare-user');
    await using repo = await Repo.open(path);
    const policy = await policyRoot();
    const tree = await newTree();
    const commit = (branch: string) =>
      repo.commit({ branch, tree, cache: join(path, '../cache'), selinux: { policy } });
    await expect
      .poll(async () => (await commit('one')).stats.cacheHits, { timeout: 5000 })
      .toBeGreaterThan(0);
    const { stats: before } = await commit('one');
    const contexts = join(policy, 'etc/selinux/made/contexts/files/file_contexts');
    await writeFile(contexts, CONTEXTS.replace('passwd_file_t', 'shadow_t'));
    const { stats, checksum } = await commit('two');
    expect(stats.cacheHits).toBe(before.cacheHits - 1);
    expect(await label(repo, 'two', '/etc/passwd')).toBe('shadow_t');
    // As without a cache.
    const plain = await repo.commit({ branch: 'three', tree, selinux: { policy } });
    const whole = await repo.readCommit(checksum);
    expect(plain).toMatchObject({ rootContents: whole.rootContents, rootMetadata: whole.rootMetadata });
  });

  it('keeps many policies of one process apart', async () => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const names = Array.from({ length: 12 }, (_, i) => `kind${i}_t`);
    const tree = await newTree();
    await Promise.all(
      names.map(async (name, i) => {
        const policy = await policyRoot({
          contexts: `/.*\tsystem_u:object_r:${name}:s0\n`,
          name: `made${i}`,
        });
        await repo.commit({ branch: name, tree, selinux: { policy } });
      }),
    );
    for (const name of names)
      for (const path of ['/', '/etc', '/etc/passwd', '/usr/bin/tool'])
        expect(await label(repo, name, path)).toBe(name);
  });

  it.each(['bare-user-only', ...(isRoot ? ['bare without attributes'] : [])])(
    'refuses what the command would write damaged (%s)',
    async (what) => {
      const cli = await cliRepo(what === 'bare-user-only' ? what : 'bare');
      if (what !== 'bare-user-only') await cli.ostree('config', 'set', 'core.disable-xattrs', 'true');
      const policy = await policyRoot();
      const tree = await newTree();
      await using repo = await Repo.open(cli.path);
      const commit = repo.commit({ branch: 'main', tree, selinux: { policy } });
      await expect(commit).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
      expect(await repo.listRefs()).toEqual([]);
      await cli.ostree('commit', '--branch=main', `--selinux-policy=${policy}`, `--tree=dir=${tree}`);
      expect(await cliFsck(cli.path)).toBe(false);
    },
  );

  it.skipIf(!isRoot)(
    `writes no damaged files into bare repositories${isRoot ? '' : ' (skipped: it needs root)'}`,
    async () => {
      const policy = await policyRoot();
      const tree = await newTree();
      const [theirs, ours] = [await cliRepo('bare'), await cliRepo('bare')];
      await theirs.ostree('commit', '--branch=main', `--selinux-policy=${policy}`, `--tree=dir=${tree}`);
      expect(await cliFsck(theirs.path)).toBe(!isBefore2025);
      await using repo = await Repo.open(ours.path);
      await repo.commit({ branch: 'main', tree, selinux: { policy } });
      expect(await cliFsck(ours.path)).toBe(true);
      expect(Object.keys(await repo.xattrs('main', '/etc/hosts'))).toEqual(['security.selinux', 'user.more']);
    },
  );

  it.each<[string, Policy | ((root: string) => Promise<unknown>), string]>([
    ['no type', { config: 'SELINUX=enforcing\n' }, 'SELINUXTYPE'],
    ['an empty type', { config: 'SELINUX=enforcing\nSELINUXTYPE=\n' }, 'SELINUXTYPE'],
    ['an absolute type', { config: 'SELINUX=enforcing\nSELINUXTYPE=/made\n' }, 'SELINUXTYPE'],
    ['a type elsewhere', { config: 'SELINUX=enforcing\nSELINUXTYPE=../made\n' }, 'SELINUXTYPE'],
    ['version 0', { version: '0' }, 'policy.0'],
    ['version 0 and a line break', { version: '0\n' }, 'policy.0'],
    ['a version beyond int', { version: '4294967296' }, 'policy.4294967296'],
    ['a version beyond all', { version: '9'.repeat(30) }, 'policy.9'],
    ['a pipe as configuration', (root) => fifo(`${root}/etc/selinux/config`), 'regular'],
    [
      'a pipe of contexts',
      (root) => fifo(`${root}/etc/selinux/made/contexts/files/file_contexts`),
      'regular',
    ],
    [
      'a pipe of substitutions',
      (root) => fifo(`${root}/etc/selinux/made/contexts/files/file_contexts.subs`),
      'regular',
    ],
  ])('refuses %s in a policy', async (_, how, part) => {
    const policy = await policyRoot(typeof how === 'function' ? {} : how);
    if (typeof how === 'function') await how(policy);
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const commit = repo.commit({ branch: 'main', tree: ANY, selinux: { policy } });
    const error: unknown = await commit.catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      path: expect.stringContaining(`${policy}/etc/selinux`) as string,
    });
    const { message, path } = error as OstreeError;
    expect(`${message} ${path}`).toContain(part);
  });

  it.each<[string, (root: string) => Promise<unknown>]>([
    ['no binary policy', (root) => execa('rm', [`${root}/etc/selinux/made/policy/policy.33`])],
    ['no contexts', (root) => execa('rm', [`${root}/etc/selinux/made/contexts/files/file_contexts`])],
    [
      'contexts that are none',
      (root) => writeFile(`${root}/etc/selinux/made/contexts/files/file_contexts`, '/[ x\n'),
    ],
    ['no directory of that name', (root) => execa('rm', ['-r', `${root}/etc/selinux/made`])],
    [
      'a configuration that is no text',
      (root) => writeFile(`${root}/etc/selinux/config`, Buffer.of(0xff, 0x0a)),
    ],
    ['nothing at all', (root) => execa('rm', ['-r', root])],
  ])('fails over a policy with %s', async (_, change) => {
    const policy = await policyRoot();
    await change(policy);
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const commit = repo.commit({ branch: 'main', tree: ANY, selinux: { policy } });
    await expect(commit).rejects.toMatchObject({ name: 'OstreeError', path: policy });
    expect(await repo.listRefs()).toEqual([]);
  });

  it('leaves nothing of a commit whose policy it has looked at, not even of a damaged one', async () => {
    const cli = await cliRepo('archive');
    const whole = await cli.commit('whole', policyFiles('usr/etc/selinux'));
    const off = await cli.commit('off', policyFiles('usr/etc/selinux', { version: '0' }));
    await cli.commit('damaged', policyFiles('usr/etc/selinux', { contexts: `${CONTEXTS}# damaged\n` }));
    const path = '/usr/etc/selinux/made/contexts/files/file_contexts';
    const { checksum: file } = await Repo.open(cli.path).then(async (repo) => {
      await using opened = repo;
      return await opened.stat('damaged', path);
    });
    await writeFile(objectFile(cli.path, String(file), 'filez'), 'damaged');
    const temporary = await temporaryDirectory();
    const { stdout, exitCode } = await runModule(
      `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      for (const ref of process.argv.slice(2))
        await repo.commit({ tree: { ref }, selinux: { fromBase: true } }).then(
          () => console.log('made'),
          (error) => console.log(error.code, error.path),
        );
      await repo.close();
      `,
      [cli.path, whole, off, 'damaged'],
      { env: { TMPDIR: temporary } },
    );
    expect(stdout.split('\n')).toEqual([
      'made',
      'INVALID_ARGUMENT /usr/etc/selinux/made/policy/policy.0',
      `CORRUPT ${path}`,
    ]);
    expect(exitCode).toBe(0);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('is cancelled', async () => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    const policy = await policyRoot();
    const controller = new AbortController();
    const commit = repo.commit({
      branch: 'main',
      tree: ANY,
      selinux: { policy },
      signal: controller.signal,
    });
    controller.abort();
    await expect(commit).rejects.toMatchObject({ name: 'AbortError' });
    expect(await repo.listRefs()).toEqual([]);
  });
});

describe('the options of a commit', () => {
  it.each<[unknown, string, unknown?]>([
    ['', 'ERR_INVALID_ARG_VALUE'],
    [1, 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: '/', fromBase: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ policy: '/', epoch: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: '/', labelingEpoch: 2 }, 'ERR_INVALID_ARG_VALUE'],
    [{ policy: '/', labelingEpoch: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ fromBase: false }, 'ERR_INVALID_ARG_VALUE'],
    [{ fromBase: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ fromBase: true }, 'ERR_INVALID_ARG_VALUE', { tar: '/missing' }],
    [{ fromBase: true }, 'ERR_INVALID_ARG_VALUE', [{ files: [] }, '/missing']],
    [{ fromBase: true }, 'ERR_INVALID_ARG_VALUE', []],
  ])('%j is refused', async (selinux, code, tree = '/missing') => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    await expect(repo.commit({ tree, selinux } as never)).rejects.toMatchObject({ code });
  });
});

describe.skipIf(whyNoLabels)(`checkout({ selinuxPolicy })${whyNoLabels}`, () => {
  /** The same checkout by the command and by checkout(): every label must be the same. */
  async function both(
    mode: string,
    args: string[],
    options: Record<string, unknown>,
    contexts = CONTEXTS.replace('<<none>>', 'system_u:object_r:none_t:s0'),
  ): Promise<Record<string, string>> {
    const cli = await cliRepo(mode);
    const tree = await newTree({ more: false });
    await writeTree(tree, { 'usr/etc/hosts': 'shipped' });
    await cli.ostree('commit', '--branch=main', `--tree=dir=${tree}`);
    const policy = await policyRoot({ contexts });
    const dir = await temporaryDirectory();
    const [mine, theirs] = [join(dir, 'mine'), join(dir, 'theirs')];
    await cli.ostree('checkout', `--selinux-policy=${policy}`, ...args, 'main', theirs);
    await using repo = await Repo.open(cli.path);
    const result = await repo.checkout('main', mine, { selinuxPolicy: policy, ...options });
    expect(result.hardlinked).toBe(0);
    const labels = await labelsOf(mine);
    expect(labels).toEqual(await labelsOf(theirs));
    return labels;
  }

  it.each(['archive', 'bare', 'bare-user'])('labels as the command does (%s)', async (mode) => {
    const labels = await both(mode, [], {});
    expect(labels).toMatchObject({
      'etc/passwd': 'system_u:object_r:passwd_file_t:s0',
      'usr/bin/tool': 'system_u:object_r:bin_t:s0',
    });
  });

  it.each<[string, string[], Record<string, unknown>, Record<string, string>]>([
    ['a prefix', ['--selinux-prefix=/etc'], { selinuxPrefix: '/etc' }, { other: 'etc_t' }],
    ['a prefix with a slash', ['--selinux-prefix=/etc/'], { selinuxPrefix: '/etc/' }, { other: 'etc_t' }],
    ['a subpath', ['--subpath=/usr/etc'], { subpath: '/usr/etc' }, { passwd: 'usr_etc_t' }],
    [
      'a subpath and a prefix',
      ['--subpath=/usr/etc', '--selinux-prefix=/etc'],
      { subpath: '/usr/etc', selinuxPrefix: '/etc' },
      { passwd: 'passwd_file_t', hosts: 'etc_t' },
    ],
    ['a single file', ['--subpath=/etc/passwd'], { subpath: '/etc/passwd' }, {}],
    [
      'a single file and a prefix',
      ['--subpath=/etc/passwd', '--selinux-prefix=/usr/bin'],
      { subpath: '/etc/passwd', selinuxPrefix: '/usr/bin' },
      { passwd: 'bin_t' },
    ],
  ])('with %s', async (_, args, options, expected) => {
    const labels = await both('archive', args, options);
    for (const [path, type] of Object.entries(expected))
      expect(labels[path]).toBe(`system_u:object_r:${type}:s0`);
  });

  it('has no labels of files in user mode', async () => {
    expect(await both('archive', ['--user-mode'], { userMode: true })).toEqual({});
  });

  it('labels nothing in a repository without attributes', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', FILES);
    await cli.ostree('config', 'set', 'core.disable-xattrs', 'true');
    await using repo = await Repo.open(cli.path);
    const dir = join(await temporaryDirectory(), 'checkout');
    await repo.checkout('main', dir, { selinuxPolicy: await policyRoot() });
    expect(await labelsOf(dir)).toEqual({});
  });

  // The command crashes.
  it('leaves without a label what the policy has none for', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', FILES);
    await using repo = await Repo.open(cli.path);
    const dir = join(await temporaryDirectory(), 'checkout');
    await repo.checkout('main', dir, { selinuxPolicy: await policyRoot() });
    const labels = await labelsOf(dir);
    expect(labels).toHaveProperty('other');
    expect(labels).not.toHaveProperty('unlabelled');
  });

  it('labels what an update brings', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', FILES);
    const selinuxPolicy = await policyRoot();
    await using repo = await Repo.open(cli.path);
    const dir = join(await temporaryDirectory(), 'checkout');
    await repo.checkout('main', dir, { selinuxPolicy });
    await cli.commit('main', { ...FILES, 'etc/passwd': 'changed', 'usr/bin/new': 'new' });
    await repo.checkout('main', dir, { selinuxPolicy, from: 'main^' });
    expect(await labelsOf(dir)).toMatchObject({
      'etc/passwd': 'system_u:object_r:passwd_file_t:s0',
      'usr/bin/new': 'system_u:object_r:bin_t:s0',
    });
  });

  it('fails where there is no policy that is switched on', async () => {
    const cli = await cliRepo('archive');
    await cli.commit('main', FILES);
    await using repo = await Repo.open(cli.path);
    const dir = await temporaryDirectory();
    const off = await policyRoot({ config: 'SELINUX=disabled\n' });
    for (const selinuxPolicy of [dir, off, join(dir, 'missing')]) {
      const checkout = repo.checkout('main', join(dir, 'checkout'), { selinuxPolicy });
      await expect(checkout).rejects.toMatchObject({ code: 'NOT_FOUND', path: selinuxPolicy });
    }
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('the options of a checkout', () => {
  it.each<[object, string]>([
    [{ selinux: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPolicy: true }, 'ERR_INVALID_ARG_TYPE'],
    [{ selinuxPolicy: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPolicy: '/', requireHardlinks: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPrefix: '/etc' }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPolicy: '/', selinuxPrefix: '' }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPolicy: '/', selinuxPrefix: 'etc' }, 'ERR_INVALID_ARG_VALUE'],
    [{ selinuxPolicy: '/', selinuxPrefix: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('%j are refused', async (options, code) => {
    await using repo = await Repo.open((await cliRepo('archive')).path);
    await expect(repo.checkout('main', '/missing/x', options as never)).rejects.toMatchObject({ code });
  });
});

async function fifo(path: string): Promise<void> {
  await execa('rm', ['-f', path]);
  await execa('mkfifo', [path]);
}
