// What is called on damaged repositories, as probe() takes it. `other` and `another` are repositories of their own.

/** Everything that reads, and what writes on top of what it read; what deletes comes last. */
export const CALLS = {
  readCommit: `repo.readCommit('main')`,
  log: `all(repo.log('main'))`,
  listRefs: 'repo.listRefs()',
  listCollections: 'repo.listRefs({ collections: true })',
  resolveRev: `repo.resolveRev('main')`,
  resolveParent: `repo.resolveRev('main^')`,
  stat: `repo.stat('main', '/dir/file')`,
  lstat: `repo.lstat('main', '/link')`,
  readlink: `repo.readlink('main', '/link')`,
  readdir: `repo.readdir('main', '/dir')`,
  walk: `all(repo.walk('main'))`,
  readFile: `repo.readFile('main', '/dir/file')`,
  readBig: `repo.readFile('main', '/big')`,
  stream: `all(repo.createReadStream('main', '/big', { start: 70_000 }))`,
  xattrs: `repo.xattrs('main', '/dir/file')`,
  rootXattrs: `repo.xattrs('main', '/')`,
  fsck: 'repo.fsck()',
  verify: `repo.verify('main', { keys: { type: 'ed25519', publicKey: Buffer.alloc(32, 1) }, report: true })`,
  signature: `repo.sign('main', { type: 'ed25519', sign: () => new Uint8Array(64) })`,
  removeSignatures: `repo.removeSignatures('main')`,
  commitFromRef: `repo.commit({ tree: { ref: 'main' }, branch: 'copy' })`,
  commitFromDirectory: `repo.commit({ tree: { ref: 'main', subpath: '/dir' }, branch: 'copy' })`,
  commitOnBase: `repo.commit({ tree: given.tree, base: 'main', branch: 'copy' })`,
  commitOnParent: `repo.commit({ tree: given.tree, branch: 'main', skipIfUnchanged: true })`,
  summary: 'repo.summary.regenerate()',
  summaryRead: 'repo.summary.read()',
  pullLocal: `other.pullLocal(given.path, { refs: ['main'] })`,
  pullTrusted: `another.pullLocal(given.path, { refs: ['main'], trusted: true })`,
  pullAll: `other.pullLocal(given.path, { depth: -1 })`,
  publish: 'repo.publish(given.path + ".published")',
  publishToRepo: 'repo.publish(other)',
  setRef: `repo.setRef('other', given.commit)`,
  remotes: 'repo.remotes.list()',
  config: 'repo.config.toObject()',
  objects: 'all(repo.objects())',
  reachable: `all(repo.reachable('main', { depth: Infinity }))`,
  diffSelf: `repo.diff('main', 'main')`,
  diffDirectory: `repo.diff({ dir: given.tree }, 'main')`,
  diffParent: `repo.diff('main^', 'main', { stats: true })`,
  checkout: `repo.checkout('main', given.tree + '-1')`,
  checkoutCopy: `repo.checkout('main', given.tree + '-2', { userMode: true, forceCopy: true })`,
  update: `repo.checkout('main', given.tree + '-1', { from: 'main^' })`,
  deltaFromNothing: `repo.deltas.generate({ to: 'main', from: null, inline: true, minFallbackSize: 0 })`,
  deltaFromParent: `repo.deltas.generate({ to: 'main' })`,
  deltaFromItself: `repo.deltas.generate({ to: 'main', from: 'main' })`,
  deltaList: 'repo.deltas.list()',
  reindex: 'repo.deltas.reindex()',
  readObject: `repo.readObject({ type: 'commit', checksum: given.commit })`,
  readUnverified: `repo.readObject({ type: 'commit', checksum: given.commit }, { verify: false })`,
  detached: `repo.readObject({ type: 'commitmeta', checksum: given.commit })`,
  setDetached: `repo.setDetachedMetadata('main', { c: 'd' })`,
  autoSummary: `repo.config.set('core.auto-update-summary', true).then(() => repo.setRef('other', given.commit))`,
  autoSummaryCommit: `repo.commit({ tree: given.tree, branch: 'new' })`,
  autoSummaryOff: `repo.config.set('core.auto-update-summary', false)`,
  pruneDryRun: 'repo.prune({ refsOnly: true, dryRun: true })',
  pruneDepth: 'repo.prune({ refsOnly: true, depth: 1, retainDepth: {} })',
  prune: 'repo.prune({ refsOnly: true })',
  fsckAfterwards: 'repo.fsck()',
};

/** Opens each of `given.cases`. */
export const SET_UP = `
  const cases = {};
  for (const [what, { path, tree, ...rest }] of Object.entries(given.cases)) {
    const repo = await Repo.open(path).catch((error) => {
      // What cannot be opened fails every call in the same way.
      const fail = () => Promise.reject(error);
      return new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : Object.assign(() => fail(), {
        list: fail, toObject: fail, regenerate: fail, read: fail, set: fail, generate: fail, reindex: fail })) });
    });
    const other = await Repo.create(tree + '-other', { mode: 'archive' });
    const another = await Repo.create(tree + '-another', { mode: 'bare-user' });
    cases[what] = { repo, other, another, given: { path, tree, ...rest } };
  }
`;
