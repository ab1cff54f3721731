// Commands that write commits, refs and settings.
import { join } from 'node:path';

import { features, Repo } from 'ostree';
import { expect } from 'vitest';

import { cliRepo, ostree, temporaryDirectory, writeTree } from '../../support/repo.js';
import { policyFiles, policyRoot, whyNoSelinux } from '../../support/selinux.js';
import { expectNotSupported } from './newer.js';
import { FILES, lines, pair, type Rows, stateOf, TIME } from './pair.js';

const timestamp = new Date(1_700_000_000_000);

export const writeRows: Rows = {
  'ostree init': async () => {
    for (const mode of ['archive', 'bare', 'bare-user', 'bare-user-only'] as const) {
      const dir = await temporaryDirectory();
      const [ours, theirs] = [join(dir, 'ours'), join(dir, 'theirs')];
      await using repo = await Repo.create(ours, { mode, collectionId: 'org.example.Os' });
      await ostree(`--repo=${theirs}`, 'init', `--mode=${mode}`, '--collection-id=org.example.Os');
      expect(await stateOf(repo.path)).toEqual(await stateOf(theirs));
    }
  },

  'ostree config': async () => {
    const { ours, theirs, same } = await pair();
    await ours.config.set('core.min-free-space-size', '5MB');
    await theirs('config', 'set', 'core.min-free-space-size', '5MB');
    await same();
    expect(await ours.config.get('core.min-free-space-size')).toBe(
      await theirs('config', 'get', 'core.min-free-space-size'),
    );
    await ours.config.unset('core.min-free-space-size');
    await theirs('config', 'unset', 'core.min-free-space-size');
    await same();
  },

  'ostree commit': async () => {
    const { ours, theirs, same } = await pair();
    const dir = await temporaryDirectory();
    await writeTree(dir, { ...FILES, skipped: 'x' });
    const { checksum } = await ours.commit({
      tree: { dir },
      branch: 'main',
      subject: 'third',
      body: 'more',
      timestamp,
      version: '3',
      detachedMetadata: { note: 'n' },
      owner: { uid: 0, gid: 0 },
      skip: ['/skipped'],
      bindRefs: ['other'],
    });
    const skipList = join(await temporaryDirectory(), 'skip');
    await writeTree(join(skipList, '..'), { skip: '/skipped\n' });
    const printed = await theirs(
      'commit',
      `--tree=dir=${dir}`,
      '--branch=main',
      '--subject=third',
      '--body=more',
      `--timestamp=${TIME}`,
      '--add-metadata-string=version=3',
      '--add-detached-metadata-string=note=n',
      '--owner-uid=0',
      '--owner-gid=0',
      `--skip-list=${skipList}`,
      '--bind-ref=other',
    );
    expect(checksum).toBe(printed);
    await same();
    const ofComposefs = { tree: { dir }, branch: 'composefs', timestamp, composefs: true, parent: null };
    if (features.composefs === true) {
      const flags = ['--generate-composefs-metadata', '--branch=composefs', `--timestamp=${TIME}`];
      expect((await ours.commit(ofComposefs)).checksum).toBe(
        await theirs('commit', `--tree=dir=${dir}`, ...flags),
      );
      await same();
    } else await expectNotSupported(ours.commit(ofComposefs));
    // Nothing is committed where nothing changed.
    const again = {
      tree: { dir },
      branch: 'main',
      owner: { uid: 0, gid: 0 },
      skip: ['/skipped'],
      skipIfUnchanged: true,
    };
    expect(await ours.commit(again)).toMatchObject({ changed: false, checksum });
    await same();
    const composed = await ours.commit({
      tree: [{ ref: 'main^' }, { ref: 'main' }],
      branch: 'composed',
      timestamp,
    });
    const args = ['--tree=ref=main^', '--tree=ref=main', '--branch=composed', `--timestamp=${TIME}`];
    expect(composed.checksum).toBe(await theirs('commit', ...args));
    await same();
    if (whyNoSelinux) return;
    const policy = await policyRoot();
    await writeTree(dir, policyFiles('etc/selinux'));
    const branch = 'labelled';
    const labelled = await ours.commit({ tree: { dir }, branch, timestamp, selinux: { policy } });
    const flags = [`--tree=dir=${dir}`, `--branch=${branch}`, `--timestamp=${TIME}`];
    expect(labelled.checksum).toBe(await theirs('commit', ...flags, `--selinux-policy=${policy}`));
    const own = await ours.commit({ tree: { dir }, branch, timestamp, selinux: { fromBase: true } });
    expect(own.checksum).toBe(await theirs('commit', ...flags, '--selinux-policy-from-base'));
    await same();
  },

  'ostree refs': async () => {
    const { ours, theirs, same, commits } = await pair();
    const [first = ''] = commits;
    await ours.setRef('os/stable', first);
    await theirs('refs', '--create=os/stable', first);
    await ours.setAlias('current', 'os/stable');
    await theirs('refs', '--alias', '--create=current', 'os/stable');
    await same();
    expect((await ours.listRefs()).map(({ ref }) => ref)).toEqual(lines(await theirs('refs')).sort());
    expect((await ours.listRefs({ prefix: 'os' })).map(({ ref }) => ref)).toEqual(
      lines(await theirs('refs', '--list', 'os')).sort(),
    );
    const aliases = (await ours.listRefs({ aliases: true })).filter(({ alias }) => alias);
    expect(aliases.map(({ ref, alias }) => `${ref} -> ${alias}`)).toEqual(
      lines(await theirs('refs', '--alias')),
    );
    await ours.deleteRef('main');
    await theirs('refs', '--delete', 'main');
    await same();
  },

  'ostree reset': async () => {
    const { ours, theirs, same, commits } = await pair();
    const [first = ''] = commits;
    await ours.resetRef('main', first);
    await theirs('reset', 'main', first);
    await same();
  },

  'ostree fsck': async () => {
    const { ours, theirs } = await pair();
    const { verdict, objects, commits } = await ours.fsck({ verifyBindings: true, verifyBackRefs: false });
    const printed = await theirs('fsck', '--verify-bindings');
    expect(verdict).toBe('ok');
    expect(objects).toBeGreaterThan(commits);
    expect(printed).toContain('no errors found');
    expect(commits).toBe(2);
  },

  'ostree prune': async () => {
    const { ours, theirs, same } = await pair();
    const { pruned } = await ours.prune({ refsOnly: true, depth: 0 });
    expect(await theirs('prune', '--refs-only', '--depth=0')).toContain(`Deleted ${pruned} objects`);
    await same();
  },

  'ostree pull-local': async () => {
    const { ours: source, theirPath } = await pair();
    const [mine, other] = [await cliRepo('bare-user'), await cliRepo('bare-user')];
    await using repo = await Repo.open(mine.path);
    await repo.pullLocal(source, { refs: ['main'], depth: -1 });
    await other.ostree('pull-local', '--untrusted', '--depth=-1', theirPath, 'main');
    expect(await stateOf(mine.path)).toEqual(await stateOf(other.path));
  },
};
