// What crashes libostree when it is called with it (asserts, null pointers,
// stack overflows): each of these through the public API, and through the addon
// below its checks, on the main thread and in a Worker. Nothing may end the
// process, and nothing may be taken for good that is not.
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';

import { type Outcomes, probe } from '../support/probe.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';
import { HARMLESS, REFUSED } from './hazard-calls.js';

/** Each place that takes text from a caller, by what it would take. */
const TEXTS: Record<string, (text: string) => string> = {
  openPath: (text) => `Repo.open(${text})`,
  createPath: (text) => `Repo.create(given.none + '/' + ${text})`,
  cacheDir: (text) =>
    `Repo.open(given.path, { cacheDir: '/nowhere/' + ${text} }).then((it) => it.resolveRev('missing'))`,
  rev: (text) => `repo.resolveRev(${text})`,
  logRev: (text) => `all(repo.log(${text}))`,
  prefix: (text) =>
    `repo.listRefs({ prefix: ${text} }).then((refs) => { if (refs.length === 0) throw new RangeError('none'); })`,
  branch: (text) => `repo.commit({ tree: given.tree, branch: ${text} })`,
  path: (text) => `repo.stat('main', '/' + ${text})`,
  skip: (text) => `repo.commit({ tree: given.tree, branch: 'x', skip: ['/' + ${text}] })`,
  dir: (text) => `repo.commit({ tree: { dir: '/nowhere/' + ${text} }, branch: 'x' })`,
  subpath: (text) => `repo.commit({ tree: { ref: 'main', subpath: ${text} }, branch: 'x' })`,
  configKey: (text) => `repo.config.set(${text}, 'x')`,
  remote: (text) => `repo.remotes.add(${text}, 'http://h/')`,
  url: (text) => `repo.remotes.add('n', 'x:/' + ${text})`,
  pull: (text) => `repo.pull(${text})`,
  pullRef: (text) => `repo.pull('origin', { refs: [${text}] })`,
  gpgKey: (text) => `repo.remotes.importGpgKeys('origin', { data: ${text} })`,
  signer: (text) => `repo.sign('main', { type: 'gpg', keyId: ${text}, homedir: given.tree })`,
  stateroot: (text) => `sysroot.initStateroot(${text} + '/')`,
  variant: (text) => `Variant.parse(${text} + '<')`,
  kernelArgs: (text) => `new KernelArgs([${text} + ' x'])`,
  kernelArgsText: (text) => `KernelArgs.parse('a\\n' + ${text})`,
  editArgs: (text) => `sysroot.kernelArgs(deployed).edit({ append: [${text} + ' x'] })`,
  deployStateroot: (text) => `sysroot.deploy(deployedCommit, { stateroot: ${text} })`,
  origin: (text) => `sysroot.setOrigin(deployed, ${text} + ':')`,
  initrd: (text) =>
    `sysroot.deploy(deployedCommit, { stateroot: 'tiny', overlayInitrds: ['/nowhere/' + ${text}] })`,
  checkout: (text) => `repo.checkout('main', '/dev/null/' + ${text})`,
  checkoutSubpath: (text) => `repo.checkout('main', given.none + 'x', { subpath: ${text} })`,
  diffDir: (text) => `repo.diff('main', { dir: '/nowhere/' + ${text} })`,
  object: (text) => `repo.readObject({ type: 'commit', checksum: ${text} })`,
  objectType: (text) => `repo.readObject({ type: ${text}, checksum: main })`,
  reachable: (text) => `all(repo.reachable(${text}))`,
  delta: (text) => `repo.deltas.generate({ to: 'main', from: ${text} })`,
  deltaFile: (text) => `repo.deltas.generate({ to: 'main', from: null, filename: '/nowhere/' + ${text} })`,
  applyDelta: (text) => `repo.deltas.apply('/nowhere/' + ${text})`,
  summaryKey: (text) =>
    `repo.summary.regenerate({ metadata: { x: 'x' }, sign: { type: 'gpg', keyId: ${text}, homedir: given.tree } })`,
  addonCheckout: (text) =>
    `addon.checkoutRun(raw, { ...checkout, destination: '/dev/null/' + ${text} }, call())`,
  composefs: (text) => `repo.checkoutComposefs('main', '/dev/null/' + ${text})`,
  addonComposefs: (text) =>
    `addon.composefsCheckout(raw, { rev: ${text}, destination: '/dev/null/' + ${text}, verity: 2 }, call())`,
  addonDelta: (text) => `addon.deltaRead(raw, ${text}, call())`,
  addonDeltaFile: (text) => `addon.deltaGenerate(raw, { ...delta, filename: '/nowhere/' + ${text} }, call())`,
  addonDiff: (text) =>
    `addon.diffFind(raw, { from: { rev: ${text} }, to: { dir: '/nowhere/' + ${text} } }, call())`,
  addonObject: (text) =>
    `addon.objectRead(raw, { type: ${text}, checksum: ${text} }, { maxSize: 1, verify: true }, call())`,
  addonDeploy: (text) => `addon.sysrootDeploy(addonSysroot, { ...deploy, rev: ${text} }, call())`,
  addonDeployOs: (text) =>
    `addon.sysrootDeploy(addonSysroot, { ...deploy, stateroot: ${text} + '/' }, call())`,
  addonOrigin: (text) => `addon.sysrootSetOrigin(addonSysroot, deployed, ${text} + ':', call())`,
  addonUpgrade: (text) =>
    `addon.sysrootUpgradePlan(addonSysroot, { stateroot: 'tiny', refspec: ${text}, allowDowngrade: false, deploy: true, stage: false }, call())`,
  addonRebase: (text) => `addon.sysrootUpgradeRebase(addonSysroot, ${text}, call())`,
  addonRev: (text) => `addon.refResolve(raw, ${text}, false, call())`,
  addonPath: (text) => `addon.treeStat(raw, 'main', ${text}, true, call())`,
  addonRemote: (text) => `addon.remoteKeys(raw, ${text}, call())`,
  addonBranch: (text) =>
    `addon.commitCreate(raw, { tree: [], branch: ${text} }, undefined, undefined, call())`,
  addonOpen: (text) => `addon.repoOpen({ path: ${text} }, call())`,
  addonStateroot: (text) => `addon.sysrootInitStateroot(addonSysroot, ${text}, call())`,
};

const KINDS_OF_TEXT: Record<string, string> = {
  'of 6 MB': `text(6 << 20)`,
  'of 2 MB in slashes': `'a/'.repeat(1 << 20)`,
  'with a NUL': `'ma\\0in'`,
  'of lone surrogates': `'\\ud800x\\udc00'`,
};

/** Hazards that nothing here can reach, with the reason. */
const UNREACHED: Record<string, string> = {
  'write_metadata of a file, or of another type': 'nobody names the type of an object to be written',
  'mutable_tree_* with a bad checksum': 'trees are built by the engine, from checksums that it made',
  'OstreeContentWriter after its end': 'not used: contents are written as a stream',
  'write_symlink(NULL)': 'links come from the disk, or from a commit',
  'getters before load, an OstreeRepo that is not open': 'a handle is made by opening it',
  'object_from_string, checksum_*_to_bytes': 'not called with text from outside',
  'static_delta_generate without parameters': 'there are always some',
  'checkout_at with options that do not go together': 'not used: checkouts are made by the engine',
  'sysroot_repo, get_deployments before load': 'a sysroot is loaded when it is opened',
  'mutable_tree_walk, ensure_parent_dirs': 'not used: trees are built by the engine',
  'RepoFile of an odd path': 'not used: the engine walks directories itself',
  'list_objects without LOOSE': 'nobody names the flags',
  'bootconfig_parser, deployment_new, write_deployments': 'libostree itself calls them with what it made',
  'set_kargs, change_finalization and soft_reboot on a booted system': 'test/booted has them',
  'avahi finder started twice': 'it is started once, as it is made',
  'G_DEBUG=fatal-criticals': 'asks for the crash',
};

/** Text that the addon takes: Node puts U+FFFD where a lone surrogate is; and it only says what an upgrade would pull. */
const TAKEN = /^(addonStateroot of lone surrogates|addonUpgrade of 6 MB)$/;

const SET_UP = `
  const repo = await Repo.open(given.path);
  const { handle: raw } = await addon.repoOpen({ path: given.path }, call());
  const main = await repo.resolveRev('main');
  const done = await repo.begin();
  await done.abort();
  const begun = await addon.transactionBegin(raw, undefined, call());
  const ended = begun.transaction;
  await addon.transactionAbort(ended, call());
  const sysroot = await Sysroot.open(given.sysroot);
  const { handle: addonSysroot } = await addon.sysrootOpen(given.sysroot, call());
  const closedSysroot = await Sysroot.open(given.sysroot);
  await closedSysroot.close();
  const [{ id: deployed, checksum: deployedCommit }] = sysroot.deployments;
  // Of the addon's functions, arguments that are right.
  const checkout = { rev: 'main', destination: given.none + '2', skip: [], skipGlobs: [] };
  const delta = { to: main, fromParent: false, ifNotExists: false, inline: false, bsdiff: true, sign: false };
  const edit = { delete: [], replace: [], append: [], appendIfMissing: [] };
  const deploy = { rev: deployedCommit, stateroot: 'tiny', kernelArgsBase: 'merge', kernelArgs: edit, overlayInitrds: [], retain: false,
    retainPending: false, retainRollback: false, notAsDefault: false, noMerge: false, stage: false, lockFinalization: false };
`;

const REFUSALS =
  /^(ERR_INVALID_ARG_(TYPE|VALUE)|RangeError: none|NOT_FOUND|INVALID_ARGUMENT|CLOSED|SIGNATURE|CONFLICT|NOT_DIRECTORY|IS_DIRECTORY|NOT_SUPPORTED|NOT_BOOTED|PERMISSION_DENIED|TOO_LARGE|FAILED: .+|CORRUPT|EXISTS|NETWORK|LOCKED)$/;

const not = (outcomes: Outcomes, allowed: (came: string, name: string) => boolean) =>
  Object.entries(outcomes).filter(([name, came]) => !allowed(came, name));
const refused = (came: string) => REFUSALS.test(came);

/** What the calls are made on. */
async function prepare(): Promise<Record<string, string>> {
  const cli = await cliRepo('archive');
  await cli.commit('main', { a: '1', 'dir/b': '2' });
  await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', 'http://127.0.0.1:1/');
  const dir = await temporaryDirectory();
  const at = (name: string) => join(dir, name);
  await writeTree(at('tree'), { a: '1' });
  await mkdir(at('bad-name'));
  await symlink('x', Buffer.concat([Buffer.from(`${at('bad-name')}/`), Buffer.from([0x61, 0xff])]));
  await mkdir(at('bad-target'));
  await symlink(Buffer.from([0x61, 0xff]), at('bad-target/link'));
  const sysroot = await (await tinyOs()).sysroot();
  await sysroot.pull();
  await sysroot.admin('deploy', '--os=tiny', REFSPEC);
  return {
    path: cli.path,
    tree: at('tree'),
    badName: at('bad-name'),
    badTarget: at('bad-target'),
    none: at('none'),
    sysroot: sysroot.path,
  };
}

const PLACES: [string, boolean][] = [
  ['on the main thread', false],
  ['in a Worker', true],
];

/** Calls by name, from calls by hazard and name. */
const flat = (calls: Record<string, Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(calls).flatMap(([what, of]) =>
      Object.entries(of).map(([name, code]) => [`${name}: ${what}`, code]),
    ),
  );

describe.each(PLACES)('%s', (_, inWorker) => {
  it('every hazard is refused', { timeout: 120_000 }, async () => {
    const calls = flat(REFUSED);
    const outcomes = await probe({ setUp: SET_UP, calls, given: await prepare() }, inWorker);
    expect(Object.keys(outcomes)).toEqual(Object.keys(calls));
    expect(not(outcomes, refused)).toEqual([]);
  });

  it('what looks odd does no harm', { timeout: 120_000 }, async () => {
    const outcomes = await probe({ setUp: SET_UP, calls: HARMLESS, given: await prepare() }, inWorker);
    expect(not(outcomes, (came) => came === 'ok' || refused(came))).toEqual([]);
  });

  it('bad text, wherever text is taken', { timeout: 120_000 }, async () => {
    const calls = Object.fromEntries(
      Object.entries(KINDS_OF_TEXT).flatMap(([kind, text]) =>
        Object.entries(TEXTS).map(([name, make]) => [`${name} ${kind}`, make(text)]),
      ),
    );
    const outcomes = await probe(
      { setUp: SET_UP, calls, given: await prepare(), mostMemory: 3000 },
      inWorker,
    );
    expect(not(outcomes, (came, name) => refused(came) || TAKEN.test(name))).toEqual([]);
  });
});

// What goes down a tree does so on threads of the addon, wherever it was called.
it('directories 5,000 levels deep do no harm', { timeout: 240_000 }, async () => {
  const dir = await temporaryDirectory();
  const make = 'import os\nfor _ in range(5000):\n  os.mkdir("d")\n  os.chdir("d")\nopen("f", "w").close()';
  await mkdir(join(dir, 'deep'));
  await execa('python3', ['-c', make], { cwd: join(dir, 'deep') });
  onTestFinished(async () => {
    await execa('rm', ['-rf', join(dir, 'deep'), join(dir, 'repo-checkout')]); // Node's own rm() stops at the longest path
  });
  const outcomes = await probe(
    {
      setUp: `
        const repo = await Repo.create(given.repo, { mode: 'bare-user' });
        await repo.commit({ tree: given.flat, branch: 'main' });
        const other = await Repo.create(given.repo + '-copy', { mode: 'archive' });
      `,
      given: { repo: join(dir, 'repo'), deep: join(dir, 'deep'), flat: import.meta.dirname },
      calls: {
        commit: `repo.commit({ tree: given.deep, branch: 'deep', fsync: false })`,
        base: `repo.commit({ tree: given.deep, base: 'main', branch: 'main', fsync: false })`,
        readCommit: `repo.readCommit('deep')`,
        walk: `all(repo.walk('deep'))`,
        reachable: `all(repo.reachable('deep'))`,
        stat: `repo.stat('deep', '/d'.repeat(5000))`,
        diff: `repo.diff('main', 'deep')`,
        diffDirectory: `repo.diff('deep', { dir: given.deep })`,
        checkout: `repo.checkout('deep', given.repo + '-checkout')`,
        delta: `repo.deltas.generate({ to: 'deep', from: null })`,
        pullLocal: `other.pullLocal(given.repo, { refs: ['deep'] })`,
        fsckCopy: `other.fsck()`,
        prune: 'repo.prune({ refsOnly: true })',
        fsck: 'repo.fsck()',
      },
    },
    true,
  );
  expect(outcomes).toMatchObject({
    commit: 'ok',
    readCommit: 'ok',
    walk: 'ok',
    base: 'ok',
    prune: 'ok',
    fsck: 'ok',
  });
  expect(not(outcomes, (came) => came === 'ok' || refused(came))).toEqual([]);
});

it('the hazards that nothing reaches are named, with the reason', () => {
  for (const [hazard, reason] of Object.entries(UNREACHED)) expect(reason, hazard).toMatch(/\w+ \w+/);
});
