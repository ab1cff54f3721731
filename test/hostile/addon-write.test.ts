// The functions of the addon that take files and objects, below the TypeScript
// that checks them: with arguments of the right shape and wrong content, many at a
// time. (addon.test.ts calls all functions, but with arguments that few accept.)
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { cliRepo } from '../support/repo.js';

const CALLS = 1_200;

const FUZZ = `
  const { native, repoPath, otherPath, seed, calls } = JSON.parse(process.env.FUZZ);
  const addon = (await import(native)).native();

  // mulberry32
  let state = seed;
  function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  const pick = (list) => list[Math.floor(random() * list.length)];
  const many = (make, most = 4) => Array.from({ length: Math.floor(random() * most) }, make);
  const wrong = (right) => (random() < 0.03 ? pick([undefined, null, 1.5, -1, {}, [], 'x', () => {}]) : right);

  const source = await addon.repoOpen({ path: otherPath }, addon.callNew());
  const target = await addon.repoOpen({ path: repoPath }, addon.callNew());
  const main = await addon.refResolve(source.handle, 'main', false, addon.callNew());
  const checksums = [main, 'f'.repeat(64), 'zz', ''];
  const texts = ['a', 'b', 'dir', 'dir/c', '', '/', '.', '..', 'a/../b', '//a//', 'a\\0b', '\\ud800', 'x'.repeat(300), 'ä'];
  const bytes = () => new Uint8Array(pick([0, 1, 100, 70_000]));
  const number = () => pick([0, 1, 0o644, 0o7777, 0o177777, 2 ** 32 - 1]);
  const entry = () => ({
    path: wrong(pick(texts)), type: wrong(pick(['file', 'file', 'symlink', 'directory', 'fifo'])), mode: wrong(number()),
    uid: wrong(number()), gid: wrong(number()), target: wrong(pick(texts)), content: wrong(bytes()),
    xattrs: wrong(Object.fromEntries(many(() => [pick(texts), wrong(bytes())]))),
  });
  const name = () => wrong(pick(texts));
  const checksum = () => wrong(pick(checksums));
  const object = () => ({ type: wrong(pick(['file', 'dirtree', 'dirmeta', 'commit', 'commitmeta', 'payload-link', 'x'])), checksum: checksum() });
  const options = () => ({ xattrs: random() < 0.5, canonicalPermissions: random() < 0.5, skip: random() < 0.2 ? ['/a'] : [] });

  let { transaction } = await addon.transactionBegin(target.handle, false, addon.callNew());
  let files = addon.fileSetNew(target.handle);
  const sources = () => many(() => pick([{ files, prefix: name() }, { contents: checksum(), metadata: checksum() }]), 3);
  const functions = {
    fileSetAppend: () => [wrong(files), wrong(bytes())],
    fileSetAdd: () => [wrong(files), many(entry)],
    fileSetClose: () => [wrong(files)],
    transactionWriteFiles: () => [wrong(transaction), wrong(files)],
    transactionWriteTree: () => [
      wrong(transaction),
      many(() => ({ name: name(), checksum: checksum() })),
      many(() => ({ name: name(), contents: checksum(), metadata: checksum() })),
    ],
    transactionImport: () => [wrong(transaction), wrong(source.handle), many(object), wrong(random() < 0.5)],
    transactionWriteCommit: () => [wrong(transaction), { ...options(), tree: sources(), subject: '', body: '', parent: null }, undefined, undefined],
  };
  const counts = { threw: 0, rejected: 0, settled: 0 };
  const ok = {};
  const running = new Set();
  for (let i = 0; i < calls; i++) {
    const name = pick(Object.keys(functions));
    const call = addon.callNew();
    try {
      const result = addon[name](...functions[name](), wrong(call));
      if (result instanceof Promise) {
        const one = result.then(
          (value) => {
            counts.settled++;
            ok[name] = (ok[name] ?? 0) + 1;
            if (value?.checksums) checksums.push(...value.checksums);
            if (value?.rootContents) checksums.push(value.rootContents, value.rootMetadata);
          },
          () => counts.rejected++,
        ).finally(() => running.delete(one));
        running.add(one);
        if (random() < 0.1) addon.callCancel(call);
      }
    } catch {
      counts.threw++;
    }
    // Mostly several at a time, also of what is closed meanwhile.
    if (random() < 0.2) await Promise.all(running);
    if (random() < 0.1) files = addon.fileSetNew(target.handle);
    if (checksums.length > 200) checksums.splice(4, 100);
    if (random() < 0.01) {
      void addon[pick(['transactionAbort', 'transactionCommit'])](transaction, addon.callNew()).catch(() => {});
      ({ transaction } = await addon.transactionBegin(target.handle, false, addon.callNew()));
    }
  }
  await Promise.all(running);
  await addon.transactionCommit(transaction, addon.callNew());
  console.log(JSON.stringify({ ...counts, kinds: Object.keys(ok).length }));
`;

describe('writing through the addon, with anything', () => {
  it.each([
    ['archive', 1],
    ['bare-user', 2],
    ['bare-user-only', 3],
  ] as const)('never ends the process, nor damages the repository (%s, seed %i)', async (mode, seed) => {
    const cli = await cliRepo(mode);
    const other = await cliRepo('archive');
    await other.commit('main', { a: '1', 'dir/b': '2' }, '--canonical-permissions');
    const native = new URL('../../dist/native.js', import.meta.url).href;
    const ended = await runModule(FUZZ, [], {
      env: {
        FUZZ: JSON.stringify({ native, repoPath: cli.path, otherPath: other.path, seed, calls: CALLS }),
      },
    });
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined });
    const counts = JSON.parse(ended.stdout) as Record<string, number>;
    // Each of them did something, once at least.
    expect(counts).toMatchObject({ kinds: 6 });
    for (const name of ['threw', 'rejected', 'settled']) expect(counts[name], name).toBeGreaterThan(50);
    await using repo = await Repo.open(cli.path);
    const { findings, objects } = await repo.fsck();
    // A commit, its dirtree and its dirmeta at least: how many more depends on which of the racing calls came first.
    expect(objects).toBeGreaterThanOrEqual(3);
    // Imported were single objects, without what they need.
    expect(findings.filter(({ kind }) => kind !== 'missing')).toEqual([]);
  });
});
