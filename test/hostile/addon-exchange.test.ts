// The functions of the addon for exchange, repair, retention, deltas and commits, below the TypeScript that checks
// their arguments: arguments of the right shape, of which a few are odd, many calls at a time. (addon.test.ts calls all
// functions, but with arguments that few accept.)
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { probe } from '../support/probe.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

const CALLS = 500;

const FUZZ = `
  const { native, repoPath, otherPath, tree, medium, seed, calls } = JSON.parse(process.env.FUZZ);
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
  const wrong = (right) => (random() < 0.04 ? pick([undefined, null, 1.5, -1, 2 ** 53, {}, [], 'x', () => {}, new Array(3), Symbol('x')]) : right);
  const maybe = (make, chance = 0.3) => (random() < chance ? wrong(make()) : undefined);
  const flag = () => wrong(random() < 0.5);

  const { handle: repo } = await addon.repoOpen({ path: repoPath }, addon.callNew());
  const { handle: other } = await addon.repoOpen({ path: otherPath }, addon.callNew());
  const head = await addon.refResolve(repo, 'main', false, addon.callNew());
  const parent = await addon.refResolve(repo, 'main^', false, addon.callNew());
  const { rootContents, rootMetadata } = await addon.commitRead(repo, 'main', false, addon.callNew());
  const odd = ['', 'zz', 'f'.repeat(64), 'F'.repeat(64), '../../../x', 'a\\0b', '\\ud800', 'x'.repeat(5000), '/', '..', 'ä', '__proto__', 'missing^', 'main^^^^'];
  // As root they could be written to: nothing leads out of the test's own directories.
  const harmless = odd.filter((name) => !name.includes('/') && !name.startsWith('.'));
  const rev = () => wrong(random() < 0.7 ? pick(['main', head, parent, 'main^', 'next']) : pick(odd));
  const commit = () => wrong(random() < 0.7 ? pick([head, parent]) : pick(odd));
  const text = () => wrong(random() < 0.7 ? pick(['main', 'next', 'a', 'dir', '/dir/b', 'origin']) : pick(odd));
  const number = () => wrong(pick([0, 1, 2, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -1]));
  const object = () => ({
    type: wrong(pick(['file', 'dirtree', 'dirmeta', 'commit', 'commitmeta', 'tombstone-commit', 'payload-link', 'x'])),
    checksum: wrong(pick([head, parent, rootContents, rootMetadata, 'f'.repeat(64), ...odd])),
  });
  const ref = () => ({ collectionId: wrong(pick(['org.example.Os', 'org.example.Os', 'org.example.Other', '..', ''])), ref: text(), checksum: maybe(commit, 0.1) });
  const path = () => wrong(pick([medium + '/a', medium + '/b/c', otherPath, repoPath, tree, '/dev/null', '/proc/self/x', ...harmless]));
  const url = () => wrong(pick(['file://' + repoPath, 'file://' + otherPath, 'http://127.0.0.1:1/', 'file:///', 'x', '', 'http://' + 'x'.repeat(5000)]));
  const bytes = () => new Uint8Array(pick([0, 1, 64, 70_000]));
  const prune = () => ({
    refsOnly: flag(), depth: number(), keepYoungerThan: maybe(number), onlyBranches: many(text), retainDepth: Object.fromEntries(many(() => [String(pick(odd)), number()])),
    commitOnly: flag(), deleteCommit: maybe(commit, 0.1), staticDeltas: flag(), dryRun: wrong(random() < 0.9),
    rules: maybe(() => many(() => ({ pattern: text(), depth: maybe(number), keepYoungerThan: maybe(number) }))),
  });
  const delta = () => ({
    to: rev(), from: maybe(rev, 0.7), fromParent: random() < 0.2, ifNotExists: flag(), inline: flag(), bsdiff: flag(), filename: maybe(() => path(), 0.3),
    minFallbackSize: maybe(number), maxBsdiffSize: maybe(number), maxChunkSize: maybe(number), bigEndian: maybe(flag), sign: flag(),
  });
  const pull = () => ({
    source: wrong(pick(['file://' + otherPath, 'origin', 'file://' + repoPath, 'file://' + tree, ...odd])), refs: maybe(() => many(text), 0.5), collectionRefs: maybe(() => many(ref), 0.3),
    depth: maybe(number), mirror: flag(), commitOnly: flag(), subdirs: maybe(() => many(path)), localCacheRepos: maybe(() => many(path), 0.5), trusted: flag(),
    deltas: maybe(() => pick(['auto', 'off', 'required', 'x'])), overrideRemoteName: maybe(text), gpgVerify: wrong(false), gpgVerifySummary: maybe(flag), dryRun: maybe(flag, 0.1),
    stallTimeout: maybe(() => pick([0, 1, 100]), 0.2), maxMetadataSize: maybe(number, 0.1), overrideCommits: maybe(() => Object.fromEntries(many(() => [String(pick(odd)), commit()])), 0.1),
    keyrings: maybe(() => many(() => ({ ...ref(), remote: text() })), 0.1), summary: maybe(() => ({ bytes: bytes(), signatures: bytes() }), 0.1),
  });
  const source = () => pick([
    { ref: rev(), subpath: maybe(path), prefix: maybe(text) }, { dir: wrong(tree), prefix: maybe(text) }, { dir: path() },
    { contents: commit(), metadata: commit() }, { contents: rootContents, metadata: rootMetadata }, { tar: path() }, { prefix: text() },
  ]);
  const spec = () => ({
    tree: many(source), branch: maybe(text, 0.7), base: maybe(rev, 0.2), parent: maybe(commit, 0.2), subject: '', body: '', version: maybe(text), timestamp: maybe(number),
    bindRefs: maybe(() => many(text)), bindings: flag(), bootable: maybe(flag, 0.1), uid: maybe(number), gid: maybe(number), canonicalPermissions: flag(), modeRoExecutables: flag(), xattrs: flag(),
    statOverride: maybe(() => Object.fromEntries(many(() => [String(pick(odd)), pick([{ add: number() }, { set: number() }, {}])])), 0.2), skip: maybe(() => many(text)), skipGlobs: maybe(() => many(() => pick(['**/**/**', '[', '*'.repeat(3000), '/dir/?', '\\\\']))),
    generateSizes: flag(), devino: maybe(() => addon.devinoNew(), 0.1), skipIfUnchanged: flag(), cache: maybe(path, 0.2), concurrency: maybe(number, 0.2), fsync: false,
  });
  let found = [];
  let staged = [];
  let scans = [];
  let asides = [];
  const functions = {
    findRemotes: () => [wrong(repo), { refs: many(ref), finders: wrong(pick([['config'], [], ['mount'], ['x'], undefined])), urls: maybe(() => many(url), 0.8), networkRetries: maybe(() => 0) }],
    pullFromRemotes: () => [wrong(repo), random() < 0.8 ? found.slice(0, 3) : many(() => pick([repo, {}, null])), { ...pull(), source: undefined }],
    usbCopy: () => [wrong(repo), { path: path(), fsync: false }, { ...pull(), source: wrong('file://' + repoPath) }],
    pull: () => [wrong(other), pull()],
    fsckSetAside: () => [wrong(repo), many(object), many(commit)],
    fsckSettle: () => [wrong(repo), random() < 0.5 && asides.length ? pick(asides) : { directory: wrong(pick(['', 'repair-x', '../refs', ...odd])), objects: many(object), marked: many(commit) }, many(object)],
    fsckBury: () => [wrong(repo), many(commit)],
    pruneScanTrees: () => [wrong(repo), prune()],
    pruneRun: () => [wrong(repo), prune(), random() < 0.8 && scans.length ? pick(scans) : pick([repo, {}, undefined])],
    objectVerify: () => [wrong(repo), many(object, 40), number()],
    objectRead: () => [wrong(repo), object(), { maxSize: number(), verify: flag() }],
    objectReachable: () => [wrong(repo), rev(), maybe(number)],
    deltaGenerate: () => [wrong(repo), delta()],
    deltaPublish: () => [wrong(repo), staged.length ? pick(staged) : pick([repo, {}, null]), wrong(pick([head, parent + '-' + head, ...odd])), maybe(path), Object.fromEntries(many(() => [String(pick(odd)), many(bytes)]))],
    deltaDiscard: () => [staged.length ? pick(staged) : pick([repo, {}, null])],
    deltaReindex: () => [wrong(repo), maybe(commit)],
    deltaRemove: () => [wrong(repo), wrong(pick([head, parent + '-' + head, ...odd]))],
    deltaRead: () => [wrong(repo), wrong(pick([head, parent + '-' + head, ...odd]))],
    deltaOpen: () => [wrong(repo), path()],
    commitCreate: () => [wrong(repo), spec(), maybe(() => ({ [String(pick(odd))]: pick([1, 'x', bytes(), true]) })), undefined],
  };
  const counts = { threw: 0, rejected: 0, settled: 0 };
  const ok = {};
  const running = new Set();
  for (let i = 0; i < calls; i++) {
    const name = pick(Object.keys(functions));
    const call = addon.callNew(random() < 0.1 ? () => {} : undefined);
    try {
      const result = addon[name](...functions[name](), wrong(call));
      if (result instanceof Promise) {
        const impatience = setTimeout(() => addon.callCancel(call), 2_000);
        const one = result.then(
          (value) => {
            counts.settled++;
            ok[name] = (ok[name] ?? 0) + 1;
            if (name === 'findRemotes') found = [...value.map((remote) => remote.handle), ...found].slice(0, 10);
            if (name === 'deltaGenerate' && value.staged) staged = [value.staged, ...staged].slice(0, 5);
            if (name === 'pruneScanTrees') scans = [value, ...scans].slice(0, 3);
            if (name === 'fsckSetAside') asides = [value, ...asides].slice(0, 5);
          },
          () => counts.rejected++,
        ).finally(() => { clearTimeout(impatience); running.delete(one); });
        running.add(one);
        if (random() < 0.1) addon.callCancel(call);
      }
    } catch {
      counts.threw++;
    }
    if (random() < 0.3) await Promise.all(running);
  }
  await Promise.all(running);
  console.log(JSON.stringify({ ...counts, kinds: Object.keys(ok).length }));
`;

const IN_A_WORKER = `
  import { Worker } from 'node:worker_threads';
  new Worker(process.env.SOURCE, { eval: true });
`;

it('a delta may be published with a key that has no signature', async () => {
  const cli = await cliRepo();
  const commit = await cli.commit('main', { a: '1' });
  const options = `{ to: 'main', fromParent: false, ifNotExists: false, inline: false, bsdiff: true, sign: true }`;
  const outcomes = await probe({
    setUp: 'const { handle: raw } = await addon.repoOpen({ path: given.path }, call());',
    calls: {
      publish: `addon.deltaGenerate(raw, ${options}, call()).then(({ staged }) =>
        addon.deltaPublish(raw, staged, given.commit, undefined, { 'ostree.sign.x': [] }, call()))`,
    },
    given: { path: cli.path, commit },
  });
  expect(outcomes).toEqual({ publish: 'ok' });
  expect(await cli.ostree('static-delta', 'list')).toBe(commit);
});

describe('exchange, repair and deltas through the addon, with anything', () => {
  it.each([
    ['on the main thread', 'archive', 1],
    ['in a Worker', 'bare-user', 2],
  ])('never end the process (%s, %s, seed %i)', async (where, mode, seed) => {
    const cli = await cliRepo(mode);
    await cli.ostree('config', 'set', 'core.collection-id', 'org.example.Os');
    await cli.commit('main', { a: '1', 'dir/b': '2' });
    await cli.commit('main', { a: '1', 'dir/b': '3' });
    await cli.commit('next', { c: '1' });
    await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', 'http://127.0.0.1:1/');
    const other = await cliRepo('archive');
    await other.ostree('pull-local', cli.path, 'main');
    const tree = await temporaryDirectory();
    const medium = await temporaryDirectory();
    const native = new URL('../../dist/native.js', import.meta.url).href;
    const given = { native, repoPath: cli.path, otherPath: other.path, tree, medium, seed, calls: CALLS };
    const ended = await runModule(where === 'in a Worker' ? IN_A_WORKER : FUZZ, [], {
      cwd: await temporaryDirectory(), // where a path among the arguments would end up
      env: { SOURCE: FUZZ, FUZZ: JSON.stringify(given) },
    });
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined });
    const counts = JSON.parse(ended.stdout) as Record<string, number>;
    // Most of them did something, once at least.
    expect(counts['kinds']).toBeGreaterThan(10);
    for (const name of ['threw', 'rejected', 'settled']) expect(counts[name], name).toBeGreaterThan(30);
  });
});
