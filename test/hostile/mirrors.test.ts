// A directory among the mirrors that is no collection, over which libostree ends the process.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { expect, it } from 'vitest';

import { mountedMedium } from '../support/medium.js';
import { probe } from '../support/probe.js';
import { cliRepo } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

async function addMirror(repo: string, commit: string) {
  const directory = join(repo, 'refs/mirrors/no id');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'main'), commit);
}

it('keeps summaries from being made, and nobody from pulling', async () => {
  const source = await cliRepo();
  const commit = await source.commit('main', { a: '1' });
  await source.ostree('summary', '--update');
  const cli = await cliRepo();
  await cli.ostree('pull-local', source.path, 'main');
  await addMirror(cli.path, commit);
  const auto = await cliRepo();
  await auto.ostree('pull-local', source.path, 'main');
  await auto.ostree('config', 'set', 'core.auto-update-summary', 'true');
  await addMirror(auto.path, commit);
  await auto.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
  const outcomes = await probe({
    setUp: 'const repo = await Repo.open(given.path), auto = await Repo.open(given.auto);',
    calls: {
      pullLocal: 'repo.pullLocal(given.source, { mirror: true })',
      regenerate: 'repo.summary.regenerate()',
      regenerateWithRef: 'auto.summary.regenerate()', // commits the ref ostree-metadata first
      setRef: `auto.setRef('other', given.commit)`,
      commit: `auto.commit({ tree: { ref: 'main' }, branch: 'third' })`,
      setRefWithout: `repo.setRef('other', given.commit)`,
      prune: 'repo.prune()',
    },
    given: { path: cli.path, auto: auto.path, source: source.path, commit },
  });
  expect(outcomes).toEqual({
    pullLocal: 'ok',
    regenerate: 'CORRUPT',
    regenerateWithRef: 'CORRUPT',
    setRef: 'CORRUPT',
    commit: 'CORRUPT',
    setRefWithout: 'ok',
    prune: 'ok',
  });
  expect(await auto.ostree('refs')).toBe('main');
});

it('on a medium is CORRUPT for who looks for remotes there, and keeps nobody from looking elsewhere', async (context) => {
  const medium = await mountedMedium(context);
  const source = await cliRepo();
  const commit = await source.commit('main', { a: '1' });
  const cli = await cliRepo();
  const path = join(medium, '.ostree/repo');
  await mkdir(path, { recursive: true });
  await execa('ostree', ['init', `--repo=${path}`, '--mode=archive']);
  const find = (options: string) =>
    `repo.findRemotes([{ collectionId: 'org.example.Os', ref: 'main' }]${options})`;
  const calls = { named: find(`, { finders: ['mount'] }`), byDefault: find('') };
  const probed = async () =>
    await probe({ setUp: 'const repo = await Repo.open(given.path);', calls, given: { path: cli.path } });
  expect(await probed()).toEqual({ named: 'ok', byDefault: 'ok' });
  await addMirror(path, commit);
  expect(await probed()).toEqual({ named: 'CORRUPT', byDefault: 'ok' });
  await rm(join(path, 'refs/mirrors/no id'), { recursive: true });
  await execa('ostree', [`--repo=${path}`, 'config', 'set', 'core.parent', path]);
  expect(await probed()).toEqual({ named: 'CORRUPT', byDefault: 'ok' });
});

it('is a warning when deployments are cleaned up after', async () => {
  const os = await tinyOs();
  const { path, pull, admin } = await os.sysroot();
  await pull();
  await admin('deploy', '--os=tiny', REFSPEC);
  const repo = join(path, 'ostree/repo');
  const { stdout: commit } = await execa('ostree', [`--repo=${repo}`, 'rev-parse', REFSPEC]);
  await addMirror(repo, commit);
  const outcomes = await probe({
    setUp: `const sysroot = await Sysroot.open(given.path);
      const warned = new Promise((resolve) => process.once('warning', resolve));`,
    calls: {
      cleanup: 'sysroot.cleanup()',
      deploy: `sysroot.deploy(given.commit, { stateroot: 'tiny' })`,
      warned: `warned.then(({ message }) => { if (!/no id/.test(message)) throw new Error(message); })`,
      auto: `sysroot.repo.config.set('core.auto-update-summary', true)`,
      cleanupWithSummary: 'sysroot.cleanup()',
      deployWithSummary: `sysroot.deploy(given.commit, { stateroot: 'tiny' })`,
      upgrade: `sysroot.upgrade({ stateroot: 'tiny' })`,
    },
    given: { path, commit },
  });
  expect(outcomes).toEqual({
    cleanup: 'CORRUPT',
    deploy: 'ok',
    warned: 'ok',
    auto: 'ok',
    cleanupWithSummary: 'CORRUPT',
    deployWithSummary: 'CORRUPT',
    upgrade: 'CORRUPT',
  });
  expect(await readFile(join(repo, 'refs/mirrors/no id/main'), 'utf8')).toBe(commit);
});
