// A misspelt option is refused by every public method, and so is a misspelt key of what they take; nothing is done then.
import { join } from 'node:path';

import {
  checksumFile,
  createRepoHandler,
  createRepoReceiver,
  Repo,
  s3Adapter,
  Sysroot,
  type Transaction,
} from 'ostree';
import { expect, it } from 'vitest';

import { rangeError } from '../support/errors.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

/** It is an option of every method, spelt like this of none. */
const ODD = { sginal: undefined };
const odd = ODD as object;

type Calls = Record<string, () => unknown>;

/** Every method of an object is among `calls`, or takes no options; and each call is refused. */
async function expectRefused(it: object, calls: Calls, without: string[] = []): Promise<void> {
  const methods = new Set<string>();
  for (
    let prototype: unknown = Object.getPrototypeOf(it);
    prototype !== Object.prototype && typeof prototype === 'object';
    prototype = Object.getPrototypeOf(prototype)
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype ?? {})))
      if (typeof value === 'function' && !['constructor', 'toJSON'].includes(name)) methods.add(name);
  expect([...Object.keys(calls), ...without].sort()).toEqual([...methods].sort());
  await expectEachRefused(
    calls,
    /^(?:options|list\[0\])\.sginal is no option\. Known are .*\b(?:signal|cancel)\b/,
  );
}

async function expectEachRefused(calls: Calls, message: RegExp): Promise<void> {
  for (const [name, call] of Object.entries(calls)) {
    const result = await (async () => await call())().catch((error: unknown) => error);
    expect(result, name).toEqual(rangeError(message));
  }
}

async function made() {
  const cli = await cliRepo();
  const c = await cli.commit('main', { a: '1' });
  return { path: cli.path, c, tree: await temporaryDirectory(), repo: await Repo.open(cli.path) };
}

const SIGNER = { type: 'ed25519', sign: () => Buffer.alloc(64) };
const KEYS = { remote: 'o' };

it('by a Repo and its parts', async () => {
  const { path, c, tree, ...rest } = await made();
  await using repo = rest.repo;
  const name = { type: 'commit', checksum: c } as const;
  const collectionRef = { collectionId: 'org.example.Os', ref: 'main' };
  const { remotes, deltas } = repo;
  await expectRefused(repo, {
    checkout: () => repo.checkout(c, join(tree, 'out'), odd),
    checkoutComposefs: () => repo.checkoutComposefs(c, join(tree, 'image'), odd),
    close: () => repo.close(odd),
    commit: () => repo.commit({ ...odd, tree }),
    createReadStream: () => repo.createReadStream(c, '/a', odd),
    createUsb: () => repo.createUsb(tree, { ...odd, refs: [collectionRef] }),
    begin: () => repo.begin(odd),
    deleteObject: () => repo.deleteObject(name, odd),
    deleteRef: () => repo.deleteRef('main', odd),
    diff: () => repo.diff(c, c, odd),
    exportTar: () => repo.exportTar(c, odd),
    findRemotes: () => repo.findRemotes([collectionRef], odd),
    fsck: () => repo.fsck(odd),
    hasObject: () => repo.hasObject(name, odd),
    hasRef: () => repo.hasRef('main', odd),
    listRefs: () => repo.listRefs(odd),
    lock: () => repo.lock('shared', odd),
    log: () => repo.log(c, odd),
    lstat: () => repo.lstat(c, '/a', odd),
    markPartial: () => repo.markPartial(c, true, 'pull', odd),
    objects: () => repo.objects(odd),
    objectSize: () => repo.objectSize(name, odd),
    prune: () => repo.prune(odd),
    publish: () => repo.publish(join(tree, 'published'), odd),
    pull: () => repo.pull('o', odd),
    pullFromRemotes: () => repo.pullFromRemotes([{} as never], odd),
    pullLocal: () => repo.pullLocal(path, odd),
    reachable: () => repo.reachable(c, odd),
    readCommit: () => repo.readCommit(c, odd),
    readdir: () => repo.readdir(c, '/', odd),
    readFile: () => repo.readFile(c, '/a', odd),
    readlink: () => repo.readlink(c, '/a', odd),
    readObject: () => repo.readObject(name, odd),
    reload: () => repo.reload(odd),
    removeSignatures: () => repo.removeSignatures(c, odd),
    resetRef: () => repo.resetRef('main', c, odd),
    resolveRev: () => repo.resolveRev(c, odd),
    retain: () => repo.retain({ ...odd, keep: { depth: 0 } }),
    setAlias: () => repo.setAlias('alias', 'main', odd),
    setDetachedMetadata: () => repo.setDetachedMetadata(c, { a: 'b' }, odd),
    setRef: () => repo.setRef('other', c, odd),
    sign: () => repo.sign(c, SIGNER, odd),
    stat: () => repo.stat(c, '/a', odd),
    transaction: () => repo.transaction(() => {}, odd),
    verify: () => repo.verify(c, { ...odd, ...KEYS }),
    walk: () => repo.walk(c, '/', odd),
    xattrs: () => repo.xattrs(c, '/a', odd),
  });
  await expectRefused(repo.config, {
    get: () => repo.config.get('core.mode', odd),
    set: () => repo.config.set('core.x', 'y', odd),
    toObject: () => repo.config.toObject(odd),
    unset: () => repo.config.unset('core.mode', odd),
  });
  await expectRefused(repo.summary, {
    read: () => repo.summary.read(odd),
    regenerate: () => repo.summary.regenerate(odd),
    verify: () => repo.summary.verify({ ...odd, ...KEYS }),
  });
  await expectRefused(deltas, {
    apply: () => deltas.apply(tree, odd),
    generate: () => deltas.generate({ ...odd, to: c }),
    generateMany: () => deltas.generateMany([{ ...odd, to: c }]),
    indexes: () => deltas.indexes(odd),
    list: () => deltas.list(odd),
    reindex: () => deltas.reindex(odd),
    remove: () => deltas.remove(c, odd),
    show: () => deltas.show(c, odd),
    verify: () => deltas.verify(c, { ...odd, ...KEYS }),
  });
  await expectRefused(remotes, {
    add: () => remotes.add('o', 'http://localhost/', odd),
    get: () => remotes.get('o', odd),
    gpgKeys: () => remotes.gpgKeys('o', odd),
    importGpgKeys: () => remotes.importGpgKeys('o', Buffer.from('x'), odd),
    list: () => remotes.list(odd),
    refs: () => remotes.refs('o', odd),
    remove: () => remotes.remove('o', odd),
    setOptions: () => remotes.setOptions('o', odd),
    summary: () => remotes.summary('o', odd),
  });
  const cookie = { domain: 'example.org', path: '/', name: 'a' };
  await expectRefused(remotes.cookies, {
    add: () => remotes.cookies.add('o', { ...cookie, value: 'b' }, odd),
    list: () => remotes.cookies.list('o', odd),
    remove: () => remotes.cookies.remove('o', cookie, odd),
  });
  expect(await repo.listRefs()).toEqual([{ ref: 'main', checksum: c }]);
  expect(await remotes.list()).toEqual([]);
  expect((await repo.fsck()).verdict).toBe('ok');
});

it('by a transaction', async () => {
  const { c, tree, ...rest } = await made();
  await using repo = rest.repo;
  await using txn: Transaction = await repo.begin();
  const name = { type: 'commit', checksum: c } as const;
  await expectRefused(txn, {
    abort: () => txn.abort(odd),
    commit: () => txn.commit({ ...odd, tree }),
    commitTransaction: () => txn.commitTransaction(odd),
    deleteRef: () => txn.deleteRef('main', odd),
    hasObject: () => txn.hasObject(name, odd),
    importFrom: () => txn.importFrom(repo, [name], odd),
    readCommit: () => txn.readCommit(c, odd),
    readFile: () => txn.readFile(c, '/a', odd),
    resolveRev: () => txn.resolveRev(c, odd),
    setCollectionRef: () => txn.setCollectionRef('org.example.Os', 'main', c, odd),
    setDetachedMetadata: () => txn.setDetachedMetadata(c, { a: 'b' }, odd),
    setRef: () => txn.setRef('main', c, odd),
    sign: () => txn.sign(c, SIGNER, odd),
    writeDirMeta: () => txn.writeDirMeta(odd),
    writeFile: () => txn.writeFile('x', odd),
    writeSymlink: () => txn.writeSymlink('x', odd),
    writeTree: () => txn.writeTree({}, odd),
  });
  // Where the ref lies is said by the arguments.
  const elsewhere = { remote: 'o' } as object;
  await expect(txn.setCollectionRef('org.example.Os', 'main', c, elsewhere)).rejects.toEqual(
    rangeError(/^options\.remote is no option\. Known are signal, expected$/),
  );
  expect(txn.stats.metadataWritten).toBe(0);
});

it('by a Sysroot', async () => {
  await using sysroot = await Sysroot.init(await temporaryDirectory(), { epoch: 1 });
  const id = `os-${'0'.repeat(64)}.0`;
  await expectRefused(
    sysroot,
    {
      cleanup: () => sysroot.cleanup(odd),
      close: () => sysroot.close(odd),
      configDiff: () => sysroot.configDiff(id, odd),
      deploy: () => sysroot.deploy('main', odd),
      finalizeState: () => sysroot.finalizeState(odd),
      initStateroot: () => sysroot.initStateroot('os', odd),
      kexecLoad: () => sysroot.kexecLoad(id, odd),
      lock: () => sysroot.lock(odd),
      lockFinalization: () => sysroot.lockFinalization(true, odd),
      makeDefault: () => sysroot.makeDefault(id, odd),
      pin: () => sysroot.pin(id, true, odd),
      previewMerge: () => sysroot.previewMerge('main', odd),
      reload: () => sysroot.reload(odd),
      rollBack: () => sysroot.rollBack(odd),
      setOrigin: () => sysroot.setOrigin(id, 'o:main', odd),
      softReboot: () => sysroot.softReboot(id, odd),
      status: () => sysroot.status(odd),
      switch: () => sysroot.switch('o:main', odd),
      undeploy: () => sysroot.undeploy(id, odd),
      unlock: () => sysroot.unlock(id, 'development', odd),
      updatePostCopy: () => sysroot.updatePostCopy(odd),
      upgrade: () => sysroot.upgrade(odd),
      watch: () => sysroot.watch(odd),
    },
    ['kernelArgs'],
  );
  const kernelArgs = sysroot.kernelArgs(id);
  await expectRefused(kernelArgs, {
    edit: () => kernelArgs.edit({ append: ['quiet'] }, odd),
    get: () => kernelArgs.get(odd),
  });
});

it('by functions', async () => {
  const { path, tree, repo } = await made();
  await using _repo = repo;
  const client = { send: () => Promise.reject(new Error('never asked')) };
  await expectEachRefused(
    {
      'Repo.create': () => Repo.create(join(tree, 'repo'), odd),
      'Repo.open': () => Repo.open(path, odd),
      'Sysroot.init': () => Sysroot.init(join(tree, 'sysroot'), odd),
      'Sysroot.open': () => Sysroot.open(tree, odd),
      checksumFile: () => checksumFile(tree, odd),
      createRepoHandler: () => createRepoHandler(repo, odd),
      createRepoReceiver: () => createRepoReceiver(repo, { ...odd, authorize: () => true }),
      s3Adapter: () => s3Adapter(client, { ...odd, bucket: 'b' }),
    },
    /^options\.sginal is no option/,
  );
});

it('of the objects that they take', async () => {
  const { c, tree, ...rest } = await made();
  await using repo = rest.repo;
  await using txn = await repo.begin();
  const cookie = { domain: 'example.org', path: '/', name: 'a', value: 'b' };
  const pinned = { collectionId: 'org.example.Os', ref: 'main', cheksum: c };
  const files = (file: object) => repo.commit({ tree: { files: [file as never] } });
  const refused: [key: string, call: () => unknown][] = [
    ["the entry 'a'.contnet", () => files({ path: 'a', contnet: 'x' })],
    ["the entry 'a'.gdi", () => files({ path: 'a', content: 'x', gdi: 5 })],
    ["the entry 'd'.xatrs", () => files({ path: 'd', type: 'directory', xatrs: {} })],
    ["the entry 'l'.mdoe", () => files({ path: 'l', type: 'symlink', target: 'a', mdoe: 0 })],
    ['from.drir', () => repo.diff({ dir: tree, drir: '/' } as never, c)],
    ['to.prefix', () => repo.diff(c, { dir: tree, prefix: '/' } as never)],
    ['options.owner.udi', () => repo.diff(c, { dir: tree }, { owner: { udi: 0 } as object })],
    ['options.skip[0].globs', () => repo.commit({ tree, skip: [{ glob: '*', globs: '*' } as never] })],
    ['cookie.expire', () => repo.remotes.cookies.add('o', { ...cookie, expire: new Date() } as never)],
    ['refs[0].cheksum', () => repo.findRemotes([pinned])],
    ['options.collectionRefs[0].cheksum', () => repo.pull('o', { collectionRefs: [pinned] })],
    [
      'options.finders[0].urls',
      () =>
        repo.findRemotes([{ collectionId: 'org.example.Os', ref: 'main' }], {
          finders: [{ url: 'http://localhost/', urls: [] } as never],
        }),
    ],
    [
      'options.verificationKeys.ed25519.keys',
      () =>
        repo.remotes.add('o', 'http://localhost/', {
          verificationKeys: { ed25519: { file: '/key', keys: '' } as never },
        }),
    ],
    ['signer.homdir', () => repo.sign(c, { type: 'gpg', keyId: 'x', homdir: tree } as never)],
    [
      'signer.secretKey',
      () => repo.sign(c, { type: 'ed25519', secretKeyFile: '/key', secretKey: 'x' } as never),
    ],
    [
      'options.keys.file',
      () => repo.verify(c, { keys: { type: 'gpg', publicKeyFile: '/k', file: '/k' } as never }),
    ],
    ["entries['d'].metdata", () => txn.writeTree({ d: { contents: {}, metdata: c } as never })],
  ];
  for (const [key, call] of refused) {
    const result = await (async () => await call())().catch((error: unknown) => error);
    const text = `${key} is no option. Known are `.replace(/[.[\]']/g, '\\$&');
    expect(result, key).toEqual(rangeError(new RegExp(`^${text}`)));
  }
});

it('no entry has what its type has not', async () => {
  const { ...rest } = await made();
  await using repo = rest.repo;
  const files = (file: object) => repo.commit({ tree: { files: [file as never] } });
  await expect(files({ path: 'd', type: 'directory', content: 'x' })).rejects.toEqual(
    rangeError(/^the entry 'd'\.content is not for a directory$/),
  );
  await expect(files({ path: 'a', content: 'x', target: 'b' })).rejects.toEqual(
    rangeError(/^the entry 'a'\.target is not for a file$/),
  );
  // What only is not defined is not there.
  const { checksum } = await files({ path: 'a', content: 'x', target: undefined, mode: undefined });
  expect(await repo.readFile(checksum, '/a', 'utf8')).toBe('x');
});

it('but what listRefs() tells of a ref of a collection is one', async () => {
  const { c, ...rest } = await made();
  await using repo = rest.repo;
  await repo.setRef('main', c, { collectionId: 'org.example.Os' });
  const listed = (await repo.listRefs({ collections: true })).filter(({ collectionId }) => collectionId);
  expect(listed).toHaveLength(1);
  expect(await repo.findRemotes(listed as never, { finders: ['config'] })).toEqual([]);
});
