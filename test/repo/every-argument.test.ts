// Every argument of every method, one after the other of a wrong type or value: each is refused with its code, by name,
// and nothing is done.
import { join } from 'node:path';
import { inspect } from 'node:util';

import { checksumFile, createRepoHandler, createRepoReceiver, DevInoCache, Repo, s3Adapter } from 'ostree';
import { expect, it } from 'vitest';

import { end, GROUPS, prepare, stateOf, templateOfFile, type World, world } from '../support/every-call.js';

const made = templateOfFile();

/** An argument that is right, and others that are not. */
interface Argument {
  good: unknown;
  bad: unknown[];
}
type Arguments = Record<string, Argument[]>;

const NO_TEXT: unknown[] = [
  undefined,
  null,
  5,
  5n,
  true,
  {},
  [],
  ['main'],
  Symbol('main'),
  () => 'main',
  Buffer.from('a'),
];
const NO_NAME: unknown[] = [...NO_TEXT, '', 'a\0b', 'a\ud800', '\udc00'];
const NO_OBJECT: unknown[] = [undefined, null, 5, 'text', [], Symbol('x'), true, () => {}];
const NO_OPTIONS: unknown[] = [
  null,
  5,
  'text',
  [],
  Symbol('x'),
  true,
  () => {},
  { signal: {} },
  { signal: 5 },
  { signal: null },
];
const NO_CHECKSUM: unknown[] = [
  ...NO_NAME,
  'f'.repeat(63),
  'F'.repeat(64),
  `../../${'f'.repeat(58)}`,
  `${'f'.repeat(64)}\n`,
];
const NO_REF: unknown[] = [
  ...NO_NAME,
  '../x',
  '/x',
  'x/',
  'a b',
  'a//b',
  '.x',
  '-x',
  'a^',
  'a:b:c',
  'x'.repeat(5000),
];

const text = (good: unknown, bad: unknown[] = NO_NAME): Argument => ({ good, bad });
const rev: Argument = { good: 'main', bad: [...NO_NAME, 'x'.repeat(5000)] };
const path: Argument = { good: '/a', bad: [...NO_NAME, 'x'.repeat(65_537)] };
const ref: Argument = { good: 'new', bad: NO_REF };
const remote: Argument = { good: 'origin', bad: [...NO_NAME, '../x', 'a/b', 'a b', '-x'] };
const options: Argument = { good: {}, bad: NO_OPTIONS };
/** Options of which some must be given. */
const needed = (good: object, ...bad: object[]): Argument => ({
  good,
  bad: [
    undefined,
    {},
    null,
    5,
    'text',
    [],
    Symbol('x'),
    { ...good, signal: {} },
    { ...good, signal: null },
    ...bad,
  ],
});
/** A callback among the options. */
const progress = (good: object = {}): object[] =>
  [5, null, 'x', {}].map((onProgress) => ({ ...good, onProgress }));
const withProgress: Argument = { good: {}, bad: [...NO_OPTIONS, ...progress()] };

function argumentsOf({
  commits,
  key,
  tree,
  dir,
  source,
  other,
  found,
  file,
}: World): Record<string, Arguments> {
  const nullable = text(
    commits[0],
    NO_CHECKSUM.filter((value) => value !== null),
  );
  const object: Argument = {
    good: { type: 'commit', checksum: commits[0] },
    bad: [...NO_OBJECT, {}, { type: 'commit' }, { type: 'x', checksum: commits[0] }]
      .concat(NO_CHECKSUM.map((bad) => ({ type: 'commit', checksum: bad })))
      .concat(NO_TEXT.map((bad) => ({ type: bad, checksum: commits[0] }))),
  };
  const delta = text(commits.join('-'), [...NO_NAME, 'x', `${commits[0]}-`, `../${commits[0]}`]);
  const keys = { keys: { type: 'ed25519', publicKey: key.public } };
  const verify = needed(
    keys,
    { keys: 5 },
    { keys: [] },
    { ...keys, remote: 'origin' },
    { ...keys, report: 1 },
  );
  const signer: Argument = {
    good: { type: 'ed25519', sign: () => key.sign(Buffer.from('x')) },
    bad: [...NO_OBJECT, {}, { type: 'ed25519' }, { type: 'x' }, { type: 'gpg' }, { type: 5, sign: () => {} }]
      .concat([
        { type: 'ed25519', sign: 5 },
        { type: 'ed25519', secretKey: 5 },
      ])
      .concat(
        NO_NAME.filter((bad) => bad !== undefined).map((bad) => ({ type: 'ed25519', secretKeyFile: bad })),
      ),
  };
  const side: Argument = {
    good: 'main',
    bad: [
      ...NO_NAME.filter((bad) => typeof bad !== 'object'),
      null,
      [],
      {},
      ...NO_NAME.map((bad) => ({ dir: bad })),
    ],
  };
  const metadata: Argument = { good: { a: 'b' }, bad: [undefined, 5, 'text', [], Symbol('x'), { a: null }] };
  const cookie = { domain: 'example.org', path: '/', name: 'a' };
  const cookieName: Argument = {
    good: cookie,
    bad: [...NO_OBJECT, {}]
      .concat(NO_NAME.map((bad) => ({ ...cookie, domain: bad })))
      .concat(NO_NAME.map((bad) => ({ ...cookie, path: bad })))
      .concat(NO_NAME.map((bad) => ({ ...cookie, name: bad }))),
  };
  const collectionRefs: Argument = {
    good: [{ collectionId: 'org.example.Os', ref: 'main' }],
    bad: [...NO_OBJECT.filter((bad) => !Array.isArray(bad)), {}, [], [null], ['main'], [{ ref: 'main' }]]
      .concat(NO_REF.map((bad) => [{ collectionId: 'org.example.Os', ref: bad }]))
      .concat([...NO_NAME, 'one', 'a..b'].map((bad) => [{ collectionId: bad, ref: 'main' }])),
  };
  const refs = collectionRefs.good;
  const tail = { refs };
  const mode: Argument = { good: 'shared', bad: [...NO_NAME, 'both'] };
  const keyData: Argument = {
    good: Buffer.from('x'),
    bad: [undefined, null, 5, {}, [], [5], [''], '', Symbol('x')],
  };
  const commit = needed({ tree }, { tree: 5 }, { tree: [null] }, { tree, branch: 5 }, ...progress({ tree }));
  const content: Argument = { good: 'text', bad: [undefined, null, 5, {}, [1], Symbol('x')] };
  return {
    Repo: {
      begin: [options],
      checkout: [rev, text(join(dir, 'out')), withProgress],
      checkoutComposefs: [rev, text(join(dir, 'image')), options],
      close: [{ good: {}, bad: [null, 5, 'text', [], { signal: 5 }] }],
      commit: [commit],
      createReadStream: [rev, path, options],
      createUsb: [text(dir), needed(tail, { refs: [] }, ...progress(tail))],
      deleteObject: [object, options],
      deleteRef: [ref, options],
      diff: [side, side, options],
      exportTar: [rev, options],
      findRemotes: [collectionRefs, options],
      fsck: [withProgress],
      hasObject: [object, options],
      hasRef: [ref, options],
      listRefs: [options],
      lock: [mode, options],
      log: [rev, options],
      lstat: [rev, path, options],
      markPartial: [
        rev,
        { good: true, bad: [undefined, null, 1, 'true', {}] },
        { good: 'pull', bad: [null, 5, '', 'why', {}] },
        options,
      ],
      objects: [options],
      objectSize: [object, options],
      prune: [options],
      publish: [
        {
          good: join(dir, 'published'),
          bad: [...NO_NAME, { directory: '' }, { url: 5 }, { s3: {} }, 'gopher://x/'],
        },
        withProgress,
      ],
      pull: [{ good: 'origin', bad: [...NO_NAME, '../x', 'a b'] }, withProgress],
      pullFromRemotes: [
        {
          good: found,
          bad: [...NO_OBJECT.filter((bad) => !Array.isArray(bad)), {}, [], [null], [{ ...found[0] }]],
        },
        withProgress,
      ],
      pullLocal: [text(source), withProgress],
      reachable: [rev, options],
      readCommit: [rev, options],
      readdir: [rev, path, options],
      readFile: [rev, path, options],
      readlink: [rev, path, options],
      readObject: [object, options],
      reload: [options],
      removeSignatures: [rev, options],
      resetRef: [ref, rev, options],
      resolveRev: [rev, options],
      retain: [needed({ keep: { depth: 0 } }, { keep: 5 }, { keep: { depth: 'x' } })],
      setAlias: [ref, text('main', NO_REF), options],
      setDetachedMetadata: [rev, metadata, options],
      setRef: [ref, nullable, options],
      sign: [rev, signer, options],
      stat: [rev, path, options],
      transaction: [{ good: () => {}, bad: [undefined, null, 5, 'x', {}, []] }, options],
      verify: [rev, verify],
      walk: [rev, { ...path, bad: path.bad.filter((bad) => bad !== undefined) }, options],
      xattrs: [rev, path, options],
    },
    config: {
      get: [text('core.mode', [...NO_NAME, 'core', '.mode', 'co[re.mode']), options],
      set: [
        text('core.x', [...NO_NAME, 'core', '.mode', 'co[re.mode']),
        { good: 'y', bad: [undefined, null, {}, Symbol('x'), NaN, 5n, [1], ['a;b'], 'a\0b', () => 'y'] },
        options,
      ],
      toObject: [options],
      unset: [text('core.x', [...NO_NAME, 'core', '.mode', 'co[re.mode']), options],
    },
    summary: {
      read: [options],
      regenerate: [{ good: {}, bad: [...NO_OPTIONS, { metadata: 5 }, { expires: 5 }, { sign: 5 }] }],
      verify: [verify],
    },
    deltas: {
      apply: [text(join(dir, 'delta')), options],
      generate: [needed({ to: 'main' }, { to: 5 }, { to: 'main', from: 5 }, { to: 'main', sign: {} })],
      generateMany: [
        {
          good: [{ to: 'main' }],
          bad: [undefined, null, 5, 'main', {}, [null], [{}], [{ to: '' }], ['main']],
        },
        withProgress,
      ],
      indexes: [options],
      list: [options],
      reindex: [{ good: {}, bad: [...NO_OPTIONS, { to: 5 }, { to: '' }] }],
      remove: [delta, options],
      show: [delta, options],
      verify: [delta, verify],
    },
    remotes: {
      add: [
        { ...remote, good: 'new' },
        text('http://127.0.0.1:1/', [...NO_NAME, 'x', 'ftp://x/', 'http://a b/', 'http://x/\n']),
        { good: {}, bad: [...NO_OPTIONS, { gpgKeys: 5 }, { gpgVerify: 'x' }, { branches: 'main' }] },
      ],
      get: [remote, options],
      gpgKeys: [remote, options],
      importGpgKeys: [
        remote,
        keyData,
        { good: {}, bad: [...NO_OPTIONS, { keyIds: 'x' }, { keyIds: ['x'] }] },
      ],
      list: [options],
      refs: [remote, options],
      remove: [remote, options],
      setOptions: [remote, { good: {}, bad: [undefined, ...NO_OPTIONS, { url: 5 }, { gpgVerify: 5 }] }],
      summary: [remote, options],
    },
    cookies: {
      add: [
        remote,
        { good: { ...cookie, value: 'c' }, bad: [...cookieName.bad, cookie, { ...cookie, value: 'a b' }] },
        options,
      ],
      list: [remote, options],
      remove: [remote, cookieName, options],
    },
    Transaction: {
      abort: [],
      commit: [commit],
      commitTransaction: [options],
      deleteRef: [ref, options],
      hasObject: [object, options],
      importFrom: [
        { good: other, bad: [undefined, null, 5, 'x', {}] },
        {
          good: [],
          bad: [undefined, null, 5, 'x', {}, [null], [{}], [{ type: 'commitmeta', checksum: file }]],
        },
        options,
      ],
      readCommit: [rev, options],
      readFile: [rev, path, options],
      resolveRev: [rev, options],
      setCollectionRef: [text('org.example.Os', [...NO_NAME, 'one', 'a..b']), ref, nullable, options],
      setDetachedMetadata: [rev, metadata, options],
      setRef: [ref, nullable, options],
      sign: [rev, signer, options],
      writeDirMeta: [{ good: {}, bad: [...NO_OPTIONS, { mode: -1 }, { uid: 'x' }, { xattrs: 5 }] }],
      writeFile: [content, { good: {}, bad: [...NO_OPTIONS, { mode: -1 }, { gid: 1.5 }, { xattrs: [] }] }],
      writeSymlink: [text('target'), options],
      writeTree: [
        { good: {}, bad: [...NO_OBJECT, { a: 5 }, { a: '' }, { 'a/b': file }, { a: {} }] },
        options,
      ],
    },
    functions: {
      'Repo.create': [
        text(join(dir, 'repo')),
        { good: {}, bad: [...NO_OPTIONS, { mode: 'zip' }, { collectionId: '' }] },
      ],
      'Repo.open': [
        text(
          source,
          NO_NAME.filter((bad) => bad !== undefined),
        ),
        { good: {}, bad: [...NO_OPTIONS, { fsync: 1 }, { cacheDir: '' }, { remotesConfigDir: 5 }] },
      ],
      checksumFile: [
        text(join(tree, 'new')),
        { good: {}, bad: [...NO_OPTIONS, { type: 'x' }, { xattrs: 1 }] },
      ],
    },
    // It throws, rather than rejects.
    others: {
      createRepoHandler: [
        { good: other, bad: NO_OBJECT },
        { good: {}, bad: [null, 5, { authorize: 5 }] },
      ],
      createRepoReceiver: [
        { good: other, bad: NO_OBJECT },
        { good: {}, bad: [undefined, null, {}, { authorize: 5 }] },
      ],
      s3Adapter: [
        { good: { send: () => {} }, bad: [...NO_OBJECT, {}] },
        needed({ bucket: 'b' }, { bucket: '' }),
      ],
    },
  };
}

const METHODS: Record<string, unknown> = {
  'Repo.create': (...given: Parameters<typeof Repo.create>) => Repo.create(...given),
  'Repo.open': (...given: Parameters<typeof Repo.open>) => Repo.open(...given),
  checksumFile,
  createRepoHandler,
  createRepoReceiver,
  s3Adapter,
};

function shown(value: unknown): string {
  return inspect(value, { breakLength: Infinity }).slice(0, 200);
}

const groups = [...GROUPS, { name: 'others', on: () => undefined, calls: {}, without: [] }];

it.each(groups)('is refused: $name', async ({ name, on, calls, without = [] }) => {
  const place = await world(made());
  await prepare(place, name);
  await place.transaction?.abort();
  const before = await stateOf(place.path, place.dir);
  if (name === 'Transaction') await prepare(place, name);
  const listed = argumentsOf(place)[name] ?? {};
  if (name !== 'others')
    expect(Object.keys(listed).sort()).toEqual([...Object.keys(calls), ...without].sort());
  const its = on?.(place) ?? METHODS;
  for (const [method, all] of Object.entries(listed)) {
    const does = Reflect.get(its, method) as (...given: unknown[]) => unknown;
    const call = async (...given: unknown[]) => await does.apply(its, given);
    for (const [at, { bad }] of all.entries())
      for (const value of bad) {
        const given = all.map(({ good }, i) => (i === at ? value : good));
        const came = await call(...given).then(
          () => 'accepted',
          (error: unknown) => error,
        );
        const isType = !['string', 'object'].includes(typeof value) && !Number.isNaN(value);
        expect(came, `${method}(), argument ${at}: ${shown(value)}`).toMatchObject({
          name: isType ? 'TypeError' : expect.stringMatching(/^(?:Type|Range)Error$/),
          code: isType ? 'ERR_INVALID_ARG_TYPE' : expect.stringMatching(/^ERR_INVALID_ARG_(?:TYPE|VALUE)$/),
          message: expect.stringMatching(/./),
        });
      }
  }
  await end(place);
  expect(await stateOf(place.path, place.dir)).toEqual(before);
});

it('a DevInoCache has nothing to refuse', () => {
  const cache = new DevInoCache();
  cache.clear();
  expect(cache.size).toBe(0);
});
