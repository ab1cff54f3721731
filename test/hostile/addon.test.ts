// The addon itself, below the TypeScript that checks arguments: whatever it is
// called with, it throws or rejects, and the process lives.
import { describe, expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

const CALLS = 3_000;

// Calls every function of the addon with arguments drawn from values that are
// wrong, almost right, or the handles of something else.
const FUZZ = `
  const { native, repoPath, otherPath, sysrootPath, seed, calls } = JSON.parse(process.env.FUZZ);
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

  const open = await addon.repoOpen({ path: repoPath }, addon.callNew());
  const sysroot = await addon.sysrootOpen(sysrootPath, addon.callNew());
  const toClose = await addon.sysrootOpen(sysrootPath, addon.callNew());
  const [deployment] = sysroot.deployments;
  const main = await addon.refResolve(open.handle, 'main', false, addon.callNew());
  const cursor = addon.treeWalk(open.handle, 'main', '/');
  const { file } = await addon.fileOpen(open.handle, 'main', 'dir/b', addon.callNew());
  // On a repository of its own: what needs the other one for itself would wait for it.
  const other = await addon.repoOpen({ path: otherPath }, addon.callNew());
  const [{ transaction }, { transaction: toEnd }] = [
    await addon.transactionBegin(other.handle, false, addon.callNew()),
    await addon.transactionBegin(other.handle, false, addon.callNew()),
  ];
  const files = addon.fileSetNew(other.handle);
  const names = ['commit', 'commitmeta', 'tombstone-commit', 'payload-link', 'x'].map((type) => ({ type, checksum: main }));
  const values = [
    undefined, null, true, false, 0, -1, 1.5, NaN, Infinity, 2 ** 53, -(2 ** 31), 10n, Symbol('x'),
    '', 'x', 'main', 'main^', 'missing^', 'zz', '../../../x', 'a\\0b', 'x'.repeat(5000), '\\ud800', main, 'f'.repeat(64), repoPath,
    [], ['main'], [undefined], [[]], [1, 'x'], new Array(3), {}, { path: 'x' }, { ref: 'x', checksum: null }, { ref: 'main', checksum: 'zz' },
    { get path() { throw new Error('getter'); } }, new Proxy({}, { get() { throw new Error('trap'); } }), Object.create(null),
    () => {}, () => { throw new Error('callback'); }, class {}, new Uint8Array(3), new Uint8Array(0), new Float64Array(2), Buffer.from('x'),
    new ArrayBuffer(4), new Date(), new Date(NaN), new Map(), new Error('x'), Promise.resolve(), open.handle, open, globalThis.process.versions,
    cursor, file, transaction, files, other.handle, names, ...names, { from: { rev: 'main' }, to: { dir: repoPath } }, [{ path: 'a', type: 'file' }], { tree: [{ files }] }, { tree: [{ contents: main, metadata: main }] },
    '/', 'dir/b', sysroot.handle, deployment.id, deployment, { rev: main, stateroot: 'tiny' }, { append: ['a'] }, { delete: ['b'] }, ['quiet', 'a=b'],
  ];
  const call = () => (random() < 0.8 ? addon.callNew(random() < 0.3 ? () => {} : undefined) : pick(values));
  const argument = () => {
    const roll = random();
    if (roll < 0.25) return open.handle;
    if (roll < 0.85) return pick(values);
    return call();
  };

  const functions = Object.keys(addon);
  let threw = 0, rejected = 0, settled = 0;
  for (let i = 0; i < calls; i++) {
    const name = functions[i % functions.length];
    const args = Array.from({ length: Math.floor(random() * 7) }, argument);
    const handle = name === 'sysrootClose' ? toClose.handle : name.startsWith('sysroot') ? sysroot.handle : name.startsWith('cursor') ? cursor : /^transaction(Commit|Abort)/.test(name) ? toEnd : /^transaction[^B]/.test(name) ? transaction : /^fileSet[^N]/.test(name) ? files : /^file(Fill|Seek|Close)/.test(name) ? file : open.handle;
    if (random() < 0.6) args.unshift(handle);
    if (random() < 0.8) args.push(call());
    let result;
    try {
      result = random() < 0.9 ? addon[name](...args) : addon[name].apply(pick(values), args);
    } catch {
      threw++;
      continue;
    }
    if (result instanceof Promise) {
      const last = args.at(-1);
      const impatience = setTimeout(() => { try { addon.callCancel(last); } catch {} }, 2_000);
      await result.then(() => settled++, () => rejected++);
      clearTimeout(impatience);
    }
  }
  console.log(JSON.stringify({ functions: functions.length, threw, rejected, settled }));
`;

const IN_A_WORKER = `
  import { Worker } from 'node:worker_threads';
  new Worker(process.env.SOURCE, { eval: true });
`;

describe('the addon, called with anything', () => {
  it.each([
    ['on the main thread', 1],
    ['on the main thread', 2],
    ['in a Worker', 3],
  ])('%s, never ends the process (seed %i)', async (where, seed) => {
    const cli = await cliRepo('bare-user');
    await cli.commit('main', { a: '1', 'dir/b': '2' });
    const other = await cliRepo('archive');
    const sysroot = await (await tinyOs()).sysroot();
    await sysroot.pull();
    await sysroot.admin('deploy', '--os=tiny', REFSPEC);
    const native = new URL('../../dist/native.js', import.meta.url).href;
    const ended = await runModule(where === 'in a Worker' ? IN_A_WORKER : FUZZ, [], {
      cwd: await temporaryDirectory(), // where a path among the arguments would end up
      env: {
        SOURCE: FUZZ,
        FUZZ: JSON.stringify({
          native,
          repoPath: cli.path,
          otherPath: other.path,
          sysrootPath: sysroot.path,
          seed,
          calls: CALLS,
        }),
      },
    });
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0, signal: undefined });
    const counts = JSON.parse(ended.stdout) as { threw: number; rejected: number };
    expect(counts.threw).toBeGreaterThan(0);
    expect(counts.rejected).toBeGreaterThan(0);
  });
});
