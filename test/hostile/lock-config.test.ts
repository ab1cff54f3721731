// What a config may say of locks that libostree ends the process over: a timeout that it asserts not to be, and locks
// that are switched on while it would have to give one back that it has never taken.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { probe } from '../support/probe.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

async function given() {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  const tree = await temporaryDirectory();
  await writeTree(tree, { a: '2' });
  return { cli, given: { path: cli.path, tree } };
}

const OPEN = 'const repo = await Repo.open(given.path);';

it('a lock timeout below -2 is not written', async () => {
  const { cli, given: its } = await given();
  const before = await readFile(join(cli.path, 'config'), 'utf8');
  const calls = {
    below: `repo.config.set('core.lock-timeout-secs', -3)`,
    wrapped: `repo.config.set('core.lock-timeout-secs', 2 ** 32 - 3)`,
    commit: `repo.commit({ tree: given.tree, branch: 'main' })`,
  };
  expect(await probe({ setUp: OPEN, calls, given: its })).toEqual({
    below: 'INVALID_ARGUMENT',
    wrapped: 'INVALID_ARGUMENT',
    commit: 'ok',
  });
  expect(await readFile(join(cli.path, 'config'), 'utf8')).toBe(before);
});

it('a lock timeout below -2 that is there already is CORRUPT', async () => {
  const { cli, given: its } = await given();
  const setUp = `${OPEN}
    const lock = await repo.lock('shared');
    const { writeFileSync, readFileSync } = await import('node:fs');
    const config = given.path + '/config';
    writeFileSync(config, readFileSync(config, 'utf8') + '\\n[core]\\nlock-timeout-secs=-3\\n');`;
  const calls = {
    open: 'Repo.open(given.path)',
    commit: `repo.commit({ tree: given.tree, branch: 'main' })`,
    begin: 'repo.begin()',
    lock: `repo.lock('exclusive', { timeout: 0 })`,
    prune: 'repo.prune({ dryRun: true })',
    fsck: 'repo.fsck()',
    summary: 'repo.summary.regenerate()',
    reload: 'repo.reload()',
    reloadLocked: 'lock.repo.reload()',
    release: 'lock.release()',
    read: `repo.resolveRev('main')`,
  };
  const corrupt = Object.fromEntries(Object.keys(calls).map((name) => [name, 'CORRUPT']));
  expect(await probe({ setUp, calls, given: its })).toEqual({
    ...corrupt,
    lock: 'LOCKED', // by its own
    prune: 'CORRUPT',
    release: 'ok',
    read: 'ok',
  });
  const config = join(cli.path, 'config');
  await writeFile(config, (await readFile(config, 'utf8')).replace('=-3', '=-2')); // none, as with core.locking=false
  expect(await probe({ setUp: OPEN, calls: { commit: calls.commit }, given: its })).toEqual({ commit: 'ok' });
});

it.each(['core.locking', 'core.lock-timeout-secs'])(
  'what %s has switched off is not switched on within a lock or a transaction',
  async (key) => {
    const { cli, given: its } = await given();
    const [off, on] = key === 'core.locking' ? ['false', 'true'] : ['-2', '30'];
    await using before = await Repo.open(cli.path);
    await before.config.set(key, off);
    const setUp = `${OPEN}
      const { writeFileSync, readFileSync } = await import('node:fs');
      const config = given.path + '/config';
      const lock = await repo.lock('shared');
      const [one, two] = [await repo.begin(), await repo.begin()];
      const set = (at) => at.repo.config.set(given.key, given.on);`;
    const calls = {
      setLocked: 'set(lock)',
      setBegun: 'set(one)',
      kept: `repo.config.get(given.key).then((value) => { if (value !== given.off) throw new Error(value); })`,
      // By somebody else.
      written: `(async () => writeFileSync(config, readFileSync(config, 'utf8').replace(given.off, given.on)))()`,
      reloadLocked: 'lock.repo.reload()',
      reloadBegun: 'two.repo.reload()',
      release: 'lock.release()',
      commit: 'one.commitTransaction()',
      abort: 'two.abort()',
      after: `repo.lock('exclusive').then((exclusive) => exclusive.release())`,
      off: `repo.config.set(given.key, given.off)`,
      on: `repo.config.set(given.key, given.on)`,
    };
    const outcomes = await probe({ setUp, calls, given: { ...its, key, off, on } });
    expect(outcomes).toEqual({
      ...Object.fromEntries(Object.keys(calls).map((name) => [name, 'ok'])),
      setLocked: 'LOCKED',
      setBegun: 'LOCKED',
      reloadLocked: 'LOCKED',
      reloadBegun: 'LOCKED',
    });
  },
);
