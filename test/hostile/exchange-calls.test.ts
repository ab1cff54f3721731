// Retention, repair, media and found remotes with arguments that would crash libostree, or lead out of the
// repository: through the public API, and through the addon below its checks.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { probe } from '../support/probe.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

const SET_UP = `
  const repo = await Repo.open(given.path);
  const { handle: raw } = await addon.repoOpen({ path: given.path }, call());
  const main = await repo.resolveRev('main');
  const ref = { collectionId: 'org.example.Os', ref: 'main' };
  const file = { type: 'file', checksum: main };
  const prune = { refsOnly: true, depth: 0, onlyBranches: [], retainDepth: {}, commitOnly: false, staticDeltas: false, dryRun: true };
  const scanned = async (options) => addon.pruneRun(raw, options, await addon.pruneScanTrees(raw, options, call()), call());
  const settle = (aside, bad = []) => addon.fsckSettle(raw, { directory: '', objects: [], marked: [], ...aside }, bad, call());
  const usb = (spec, options) => addon.usbCopy(raw, spec, options, call());
`;

const CALLS: Record<string, string> = {
  // libostree never calls back without refs, and asserts on others
  noRefs: `repo.findRemotes([])`,
  addonNoRefs: `addon.findRemotes(raw, { refs: [] }, call())`,
  addonOddId: `addon.findRemotes(raw, { refs: [{ ...ref, collectionId: '..' }] }, call())`,
  addonOddRef: `addon.findRemotes(raw, { refs: [{ ...ref, ref: '' }] }, call())`,
  addonLongRef: `addon.findRemotes(raw, { refs: [{ ...ref, ref: text(6 << 20) }] }, call())`,
  addonOddCommit: `addon.findRemotes(raw, { refs: [{ ...ref, checksum: 'zz' }] }, call())`,
  addonSomeCommits: `addon.findRemotes(raw, { refs: [{ ...ref, checksum: main }, ref] }, call())`,
  addonNoFinder: `addon.findRemotes(raw, { refs: [ref], finders: [] }, call())`,
  addonOddFinder: `addon.findRemotes(raw, { refs: [ref], finders: ['config', 'x'] }, call())`,
  addonEmptyUrl: `addon.findRemotes(raw, { refs: [ref], finders: [], urls: [''] }, call())`,
  addonLongUrl: `addon.findRemotes(raw, { refs: [ref], finders: [], urls: ['http://' + text(5000)] }, call())`,
  addonHandles: `addon.findRemotes(addon, { refs: [ref] }, call())`,
  nothingFound: `repo.pullFromRemotes([])`,
  madeUp: `repo.pullFromRemotes([{ name: 'x', url: 'http://h/', refs: [] }])`,
  addonNothingFound: `addon.pullFromRemotes(raw, [], {}, call())`,
  addonOtherHandle: `addon.pullFromRemotes(raw, [raw], {}, call())`,
  addonHole: `addon.pullFromRemotes(raw, new Array(3), {}, call())`,
  // media
  usbNowhere: `repo.createUsb(given.none, { refs: [ref] })`,
  usbOut: `repo.createUsb(given.medium, { refs: [ref], destination: '../x' })`,
  usbUnknown: `repo.createUsb(given.medium, { refs: [{ ...ref, ref: 'nothing' }] })`,
  addonUsbNoPath: `usb({ path: '' }, { source: 'file://' + given.path, collectionRefs: [ref] })`,
  addonUsbLong: `usb({ path: '/' + text(6 << 20) }, { source: 'file://' + given.path, collectionRefs: [ref] })`,
  addonUsbNoSource: `usb({ path: given.medium + '/a' }, { source: '', collectionRefs: [ref] })`,
  addonUsbBoth: `usb({ path: given.medium + '/a' }, { source: 'file://' + given.path, refs: ['main'], collectionRefs: [ref] })`,
  addonUsbDepth: `usb({ path: given.medium + '/a' }, { source: 'file://' + given.path, depth: -2 })`,
  // retention
  retainPattern: `repo.retain({ keep: { branches: { '': {} } } })`,
  retainDepth: `repo.retain({ keep: { depth: 2 ** 31 } })`,
  addonRuleDepth: `scanned({ ...prune, rules: [{ pattern: '/**', depth: 2 ** 31 }] })`,
  addonRuleType: `scanned({ ...prune, rules: [{ pattern: 1 }] })`,
  addonScanTwice: `addon.pruneRun(raw, prune, raw, call())`,
  // repair: what it is told to move stays below tmp/
  repairSource: `repo.fsck({ repair: '../x' })`,
  asideType: `addon.fsckSetAside(raw, [{ type: '../../x', checksum: main }], [], call())`,
  asideChecksum: `addon.fsckSetAside(raw, [{ type: 'file', checksum: '../../../../x' }], [], call())`,
  asideCommit: `addon.fsckSetAside(raw, [], ['../x'], call())`,
  settleOut: `settle({ directory: '../refs' })`,
  settleBelow: `settle({ directory: 'repair-x/../../refs' })`,
  settleOther: `settle({ directory: 'cache' })`,
  settleName: `settle({ directory: 'repair-x', objects: [{ type: 'file', checksum: 'refs/heads/main' }] })`,
  settleMark: `settle({ marked: ['../../x'] })`,
  settleBad: `settle({}, [{ type: 'x', checksum: main }])`,
};

/** Calls of the addon that are right in their form, and do nothing. */
const HARMLESS: Record<string, string> = {
  rules: `scanned({ ...prune, rules: [{ pattern: '/**/'.repeat(2000), depth: 0 }, { pattern: '' }] })`,
  settleNothing: `settle({ directory: 'repair-nothing', objects: [file], marked: [main] }, [])`,
  asideNothing: `addon.fsckSetAside(raw, [file], [], call()).then((aside) => settle(aside))`,
};

const REFUSALS =
  /^(ERR_INVALID_ARG_(TYPE|VALUE)|NOT_FOUND|INVALID_ARGUMENT|NOT_DIRECTORY|TOO_LARGE|PERMISSION_DENIED|FAILED: .+)$/;

describe('retention, repair, media and found remotes, called with what makes no sense', () => {
  it.each([
    ['on the main thread', false],
    ['in a Worker', true],
  ])('are refused, and change nothing (%s)', async (_where, inWorker) => {
    const cli = await cliRepo('archive');
    await cli.commit('main', { a: '1', 'dir/b': '2' });
    const medium = await temporaryDirectory();
    const odd = join(cli.path, 'tmp/cache/kept');
    await mkdir(odd, { recursive: true });
    await writeFile(join(odd, 'file'), '');
    const files = async () => (await readdir(cli.path, { recursive: true })).sort();
    const before = await files();
    const given = { path: cli.path, medium, none: join(medium, 'none') };
    const outcomes = await probe({ setUp: SET_UP, calls: { ...CALLS, ...HARMLESS }, given }, inWorker);
    const wrong = Object.entries(outcomes).filter(
      ([name, came]) => !(name in HARMLESS ? came === 'ok' : REFUSALS.test(came)),
    );
    expect(wrong).toEqual([]);
    const lock = (name: string) => name !== '.lock';
    expect((await files()).filter(lock)).toEqual(before.filter(lock));
    expect(await cli.ostree('fsck')).toContain('no errors found');
  });
});
