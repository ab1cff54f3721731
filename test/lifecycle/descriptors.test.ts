// A process that has no descriptors left: GLib ends it where it finds none to wake a thread by.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, it } from 'vitest';

import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const CALLS = `
  import { closeSync, openSync } from 'node:fs';
  import { Repo, Sysroot } from 'ostree';
  const given = JSON.parse(process.env.GIVEN);
  const repo = await Repo.open(given.path);
  const calls = {
    fsck: () => repo.fsck(),
    commit: () => repo.commit({ tree: given.tree, branch: 'new' }),
    pull: () => repo.pull('origin', { refs: ['main'] }),
    pullLocal: () => repo.pullLocal(given.source),
    remoteRefs: () => repo.remotes.refs('origin'),
    setRef: () => repo.setRef('other', given.main),
    config: () => repo.config.toObject(),
    prune: () => repo.prune(),
    tar: async () => { for await (const chunk of repo.exportTar('main')) void chunk; },
    lock: () => repo.lock('shared').then((lock) => lock.release()),
    begin: () => repo.begin().then((transaction) => transaction.abort()),
    deploy: () => sysroot.deploy(given.commit, { stateroot: 'tiny' }),
    status: () => sysroot.status(),
  };
  const outcome = async (call) => await call().then(() => 'ok', ({ code, message }) => code + ' ' + message);
  async function withoutDescriptors(what) {
    const fds = [];
    try { for (;;) fds.push(openSync('/dev/null')); } catch {}
    try { return await what(); } finally { for (const fd of fds) closeSync(fd); }
  }
  const all = async () => {
    const outcomes = {};
    for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcome(call);
    return outcomes;
  };
  const first = await withoutDescriptors(() => outcome(calls.fsck));
  const sysroot = await Sysroot.open(given.sysroot);
  const without = await withoutDescriptors(all);
  const ended = [];
  for (let i = 0; i < 20; i++) { // each at once after it began, beside something that wants a context, too
    const held = await repo.lock('exclusive');
    const ends = () => Promise.all([sysroot.status().catch(() => {}), outcome(() => held.release())]);
    ended.push((await withoutDescriptors(ends))[1]);
    const begun = await repo.begin();
    ended.push(await withoutDescriptors(() => outcome(() => begun.abort())));
  }
  const after = await all();
  const again = await withoutDescriptors(all);
  console.log(JSON.stringify({ first, without, ended, after, again }));
  await repo.close();
  await sysroot.close();
`;

it('has calls that fail, and work once there are descriptors again', async () => {
  const source = await cliRepo();
  const main = await source.commit('main', { a: '1' });
  await source.ostree('summary', '--update');
  const cli = await cliRepo();
  await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', `file://${source.path}`);
  await cli.ostree('pull-local', source.path, 'main');
  const tree = await temporaryDirectory();
  await writeTree(tree, { b: '2' });
  const os = await tinyOs();
  const { path: sysroot, pull, admin } = await os.sysroot();
  await pull();
  await admin('deploy', '--os=tiny', REFSPEC);
  const commit = await os.publish('1'); // whose commit is there already
  await pull();
  const given = { path: cli.path, main, source: source.path, tree, sysroot, commit };
  const result = await execa(
    'bash',
    ['-c', 'ulimit -n 128 && exec "$0" "$@"', process.execPath, '--input-type=module', '--eval', CALLS],
    { cwd: root, reject: false, timeout: 60_000, env: { GIVEN: JSON.stringify(given) } },
  );
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  const came = JSON.parse(result.stdout) as Record<string, Record<string, string>>;
  expect(came['first']).toMatch(
    /^FAILED eventfd\(\): Too many open files; the process needs more descriptors/,
  );
  for (const [name, outcome] of Object.entries({ ...came['without'], ...came['again'] }))
    expect(outcome, name).toMatch(/^FAILED .*Too many open files/);
  expect(new Set(Object.values(came['ended'] ?? {}))).toEqual(new Set(['ok']));
  expect(new Set(Object.values(came['after'] ?? {}))).toEqual(new Set(['ok']));
});

const OPEN_AND_CLOSE = `
  import { readdirSync } from 'node:fs';
  import { buffer } from 'node:stream/consumers';
  import { Repo, Sysroot } from 'ostree';
  const given = JSON.parse(process.env.GIVEN);
  const rounds = async () => {
    const repo = await Repo.open(given.path);
    for (let i = 0; i < 50; i++) {
      const lock = await repo.lock('shared');
      await lock.repo.resolveRev('main');
      await lock.release();
      await repo.transaction(() => {});
      const other = await Repo.open(given.path);
      await other.readdir('main', '/');
      for await (const commit of other.log('main')) break;
      for await (const entry of other.walk('main')) break;
      for await (const object of other.objects()) break;
      await buffer(other.exportTar('main'));
      if (i % 6 === 0) { // slower ones
        const sign = { type: 'ed25519', sign: async () => Buffer.alloc(64) };
        await other.commit({ tree: { files: [{ path: 'a', content: 'b' }] }, branch: 'signed', sign });
        await other.deltas.generate({ from: null, to: 'main' });
        await other.publish(given.target);
      }
      await other.close();
      const sysroot = await Sysroot.open(given.sysroot);
      await sysroot.repo.listRefs();
      await sysroot.close();
    }
    await repo.close();
    return readdirSync('/proc/self/fd').length;
  };
  console.log(JSON.stringify([await rounds(), await rounds()]));
`;

it('are closed with what held them, not when the collector finds it', async () => {
  const repo = await cliRepo();
  await repo.commit('main', { a: '1' });
  const { path: sysroot } = await (await tinyOs()).sysroot();
  const target = join(await temporaryDirectory(), 'published');
  const { stdout } = await execa(
    'bash',
    [
      '-c',
      'ulimit -n 128 && exec "$0" "$@"',
      process.execPath,
      '--input-type=module',
      '--eval',
      OPEN_AND_CLOSE,
    ],
    { cwd: root, timeout: 60_000, env: { GIVEN: JSON.stringify({ path: repo.path, sysroot, target }) } },
  );
  const [before = NaN, after] = JSON.parse(stdout) as number[];
  expect(after).toBeLessThan(before + 10); // what just ended may still be about to close one
});
