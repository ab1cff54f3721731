// A server that lies, or that somebody stands in front of: each lie is told of by its code, nothing of it is to be seen
// afterwards, and an honest pull works. What stalls, hangs up or alters objects is in pull-server.test.ts.
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';

import { OstreeError, type PullOptions, type RemoteOptions, Repo, Variant } from 'ostree';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type GpgKey, gpgHome, gpgKey } from '../support/gpg.js';
import { type CliRepo, cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

/** What is published, and can be told otherwise. */
interface Truth {
  source: CliRepo;
  /** The commits of main, and those of other and of delta, which there is a delta of. */
  first: string;
  second: string;
  other: string;
  delta: string;
  /** Signed the commits and the summaries: the one there is, and the one of when main was at `first`. */
  key: GpgKey;
  stranger: GpgKey;
  summary: Buffer;
  signature: Buffer;
  old: { summary: Buffer; signature: Buffer };
}

/** What is answered for a path, by how it ends: bytes, nothing (404), or as the function says. */
type Answer = Uint8Array | null | ((response: ServerResponse, path: string) => void);

interface Lie {
  answers: (truth: Truth) => Record<string, Answer> | Promise<Record<string, Answer>>;
  remote?: (truth: Truth) => RemoteOptions;
  options?: PullOptions;
  /** Pulled main when all was well. */
  before?: boolean;
  error: (truth: Truth) => object;
}

const cleanUps: (() => Promise<void>)[] = [];
const atEnd = (cleanUp: () => Promise<void>) => void cleanUps.unshift(cleanUp);
let truth: Truth;

beforeAll(async () => {
  const source = await cliRepo('archive', atEnd);
  const home = await gpgHome(atEnd);
  const key = await gpgKey('Publisher <publisher@example.org>', { home });
  const stranger = await gpgKey('Stranger <stranger@example.org>', { home });
  const sign = [`--gpg-sign=${key.keyId}`, `--gpg-homedir=${home.path}`];
  const file = async (name: string) => await readFile(join(source.path, name));
  const summarise = async () => {
    await source.ostree('summary', '--update', ...sign);
    return { summary: await file('summary'), signature: await file('summary.sig') };
  };
  const noise = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 251));
  const first = await source.commit('main', { 'dir/a': '1', b: 'b' }, '--timestamp=@1000', ...sign);
  const old = await summarise();
  const second = await source.commit('main', { 'dir/a': '2', c: 'c' }, '--timestamp=@2000', ...sign);
  const other = await source.commit('other', { other: 'other' }, '--timestamp=@3000', ...sign);
  const delta = await source.commit('delta', { noise, text: 'text' }, '--timestamp=@4000', ...sign);
  await source.ostree('static-delta', 'generate', '--empty', '--min-fallback-size=0', 'delta');
  truth = { source, first, second, other, delta, key, stranger, old, ...(await summarise()) };
});

afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

const bytes = (checksum: string) => new Uint8Array(Buffer.from(checksum, 'hex'));
const unsigned = (): RemoteOptions => ({ gpgVerify: false });
const signedCommits = ({ key }: Truth): RemoteOptions => ({ gpgKeys: key.publicKeyBytes });
const signedSummary = (t: Truth): RemoteOptions => ({ ...signedCommits(t), gpgVerifySummary: true });

/** A summary of these refs. */
function summaryOf(refs: Record<string, Uint8Array>, metadata: Record<string, unknown> = {}): Uint8Array {
  const list = Object.entries(refs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, checksum]) => [name, [0, checksum, {}]]);
  return new Variant('(a(s(taya{sv}))a{sv})', [list, metadata]).toBytes();
}

const truthful = ({ second, other, delta }: Truth) => ({
  main: bytes(second),
  other: bytes(other),
  delta: bytes(delta),
});

/** One that names the ref so, beside the others. */
const withRef = (name: string) => (t: Truth) => ({
  '/summary': summaryOf({ ...truthful(t), [name]: bytes(t.other) }),
});
/** One that tells of a delta of this name. */
const withDelta =
  (name: (t: Truth) => string, sum: Uint8Array = new Uint8Array(32)) =>
  (t: Truth) => ({ '/summary': summaryOf(truthful(t), { 'ostree.static-deltas': { [name(t)]: sum } }) });

/** 64 KiB over and over, until the client has had enough. */
function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, 'x');
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

const redirect = (to: (path: string) => string) => (response: ServerResponse, path: string) =>
  void response.writeHead(302, { Location: to(path) }).end();

const invalid = () => ({ code: 'INVALID_ARGUMENT' });
const corrupt = () => ({ code: 'CORRUPT' });
const tooLarge = () => ({ code: 'TOO_LARGE' });
const signature = () => ({ code: 'SIGNATURE' });
const network = () => ({ code: 'NETWORK' });
const endsSomehow = () => ({ code: expect.stringMatching(/^(TIMED_OUT|NETWORK)$/) as string });

const lies: Record<string, Lie> = {
  // --- sizes
  'a summary without an end': { answers: () => ({ '/summary': endless }), error: tooLarge },
  'a signature without an end': {
    answers: () => ({ '/summary.sig': endless }),
    remote: signedSummary,
    error: tooLarge,
  },
  'a commit without an end': { answers: () => ({ '.commit': endless }), error: tooLarge },
  'a directory without an end': { answers: () => ({ '.dirtree': endless }), error: tooLarge },
  'a commit larger than what is accepted': {
    answers: () => ({ '.commit': endless }),
    options: { maxMetadataSize: 1000 },
    error: tooLarge,
  },
  // --- redirections
  'redirections from a file to a file of this machine': {
    answers: () => ({ '.filez': redirect(() => 'file:///etc/passwd') }),
    error: network,
  },
  'redirections from the summary to a file of this machine': {
    answers: () => ({ '/summary': redirect(() => 'file:///etc/passwd') }),
    error: network,
  },
  // curl has a limit from 8.3 on; before, it goes round for ever.
  'redirections in a circle, for a file': {
    answers: () => ({ '.filez': redirect((path) => path) }),
    options: { stallTimeout: 500 },
    error: endsSomehow,
  },
  'redirections in a circle, for the summary': {
    answers: () => ({ '/summary': redirect((path) => path) }),
    options: { stallTimeout: 500 },
    error: endsSomehow,
  },
  // --- refs
  'a ref that leads out': { answers: withRef('../../../escaped'), error: invalid },
  'a ref that leads out from within': { answers: withRef('os/../../../escaped'), error: invalid },
  'a ref from the root': { answers: withRef('/tmp/escaped'), error: invalid },
  'a ref without a name': { answers: withRef(''), error: invalid },
  'a ref that leads out, to a mirror': {
    answers: withRef('../../../escaped'),
    options: { mirror: true },
    error: invalid,
  },
  'a ref of a collection that leads out': {
    answers: (t) => ({
      '/summary': summaryOf(truthful(t), {
        'ostree.summary.collection-map': new Variant('a{sa(s(taya{sv}))}', {
          'org.example.Os': [['../../../escaped', [0, bytes(t.other), {}]]],
        }),
      }),
    }),
    options: { mirror: true },
    error: invalid,
  },
  'a collection that leads out': {
    answers: (t) => ({
      '/summary': summaryOf(truthful(t), {
        'ostree.summary.collection-map': new Variant('a{sa(s(taya{sv}))}', {
          '../../..': [['escaped', [0, bytes(t.other), {}]]],
        }),
      }),
    }),
    options: { mirror: true },
    error: invalid,
  },
  'a ref without a whole checksum': {
    answers: (t) => ({ '/summary': summaryOf({ ...truthful(t), main: bytes(t.second).subarray(1) }) }),
    error: corrupt,
  },
  'a path for a checksum': {
    answers: () => ({ '/summary': null, '/refs/heads/main': Buffer.from('../../../../../etc/passwd\n') }),
    error: invalid,
  },
  'no such ref': {
    answers: (t) => ({ '/summary': summaryOf({ other: bytes(t.other) }) }),
    error: () => ({ code: 'NOT_FOUND', ref: 'main' }),
  },
  // --- deltas
  'a delta whose name leads out': { answers: withDelta(() => '../../../escaped'), error: invalid },
  'a delta from a path': { answers: withDelta((t) => `${t.second}-../../../escaped`), error: invalid },
  'a delta from a path as long as a checksum': {
    answers: withDelta((t) => `${t.second}-${'../'.repeat(21)}x`),
    error: corrupt,
  },
  'a delta without a whole checksum': {
    answers: withDelta((t) => t.second, new Uint8Array(31)),
    error: corrupt,
  },
  'a delta that is not there': {
    answers: withDelta((t) => t.second),
    options: { deltas: 'required' },
    error: () => ({ code: 'NOT_FOUND' }),
  },
  'a delta that is another than the summary tells of': {
    answers: withDelta((t) => t.delta),
    options: { refs: ['delta'] },
    error: corrupt,
  },
  'a delta that is cut short': {
    answers: () => ({ '/0': Buffer.from('x') }),
    options: { refs: ['delta'] },
    error: corrupt,
  },
  'a delta of nonsense': {
    answers: (t) => ({
      '/summary': withDelta(({ delta }) => delta, bytes('0'.repeat(64)))(t)['/summary'],
      '/superblock': Buffer.alloc(1000, 'x'),
    }),
    options: { refs: ['delta'] },
    error: corrupt,
  },
  // --- signatures
  'a summary that nobody signed': {
    answers: (t) => ({ '/summary': summaryOf(truthful(t)), '/summary.sig': null }),
    remote: signedSummary,
    error: signature,
  },
  'a summary in place of the one that was signed': {
    answers: (t) => ({ '/summary': summaryOf({ ...truthful(t), main: bytes(t.first) }) }),
    remote: signedSummary,
    error: signature,
  },
  'a summary that a stranger signed': {
    answers: async (t) => {
      const summary = summaryOf({ ...truthful(t), main: bytes(t.first) });
      const signatures = new Variant('a{sv}', {
        'ostree.gpgsigs': new Variant('aay', [await t.stranger.sign(summary)]),
      });
      return { '/summary': summary, '/summary.sig': signatures.toBytes() };
    },
    remote: signedSummary,
    error: signature,
  },
  'signatures of nonsense': {
    answers: () => ({ '/summary.sig': Buffer.alloc(1000, 'x') }),
    remote: signedSummary,
    error: signature,
  },
  'the commit without its signatures': {
    answers: () => ({ '.commitmeta': null }),
    remote: signedCommits,
    error: (t) => ({ ...signature(), checksum: t.second }),
  },
  'the signatures of another commit': {
    answers: async (t) => ({
      '.commitmeta': await readFile(
        join(t.source.path, 'objects', t.other.slice(0, 2), `${t.other.slice(2)}.commitmeta`),
      ),
    }),
    remote: signedCommits,
    error: (t) => ({ ...signature(), checksum: t.second }),
  },
  // --- what was true once, or of another ref
  'an older commit': {
    answers: (t) => ({ '/summary': summaryOf({ ...truthful(t), main: bytes(t.first) }) }),
    before: true,
    remote: signedCommits,
    options: { timestampCheck: true },
    error: () => ({ code: 'DOWNGRADE', ref: 'main' }),
  },
  'an older commit, by an older summary that is signed': {
    answers: (t) => ({ '/summary': t.old.summary, '/summary.sig': t.old.signature }),
    before: true,
    remote: signedSummary,
    options: { timestampCheck: true },
    error: () => ({ code: 'DOWNGRADE', ref: 'main' }),
  },
  'the commit of another ref': {
    answers: (t) => ({ '/summary': summaryOf({ ...truthful(t), main: bytes(t.other) }) }),
    remote: signedCommits,
    error: () => ({ ...signature(), ref: 'main', message: expect.stringContaining('main') as string }),
  },
  'the commit of another ref, without a summary': {
    answers: (t) => ({ '/summary': null, '/refs/heads/main': Buffer.from(`${t.other}\n`) }),
    error: () => ({ ...signature(), ref: 'main', message: expect.stringContaining('main') as string }),
  },
  // --- what is none
  'a summary of nonsense': { answers: () => ({ '/summary': Buffer.alloc(1000, 'x') }), error: corrupt },
  'a page of a portal for everything': {
    answers: () => ({ '': Buffer.from('<html><body>Please log in</body></html>\n') }),
    error: corrupt,
  },
};

async function asked(lie: Lie) {
  const answers = Object.entries(await lie.answers(truth));
  let lying = !lie.before;
  const web = await server(truth.source.path, (path, response) => {
    const [, answer] = answers.find(([end]) => path.endsWith(end)) ?? [];
    if (!lying || answer === undefined) return true;
    if (answer === null) response.writeHead(404).end();
    else if (typeof answer === 'function') answer(response, path);
    else response.end(answer);
    return false;
  });
  const target = await cliRepo('bare-user');
  const repo = await Repo.open(target.path);
  await repo.remotes.add('origin', web.url, (lie.remote ?? unsigned)(truth));
  if (lie.before) await repo.pull('origin', { refs: ['main'] });
  lying = true;
  return { repo, target, web };
}

describe('a server that gives', () => {
  it.each(Object.entries(lies))('%s is found out', async (_, lie) => {
    const { target, web, ...made } = await asked(lie);
    await using repo = made.repo;
    const options = { refs: ['main'], networkRetries: 1, stallTimeout: 20_000, ...lie.options };
    if (options.mirror) delete (options as PullOptions).refs;
    const refs = await repo.listRefs();
    await expect(repo.pull('origin', options)).rejects.toMatchObject({
      ...lie.error(truth),
      remote: 'origin',
    });
    expect(await repo.listRefs()).toEqual(refs);
    expect(await target.ostree('fsck', '--all')).toMatch(/no errors found|partial/);
    web.behave();
    const honest = await repo.pull(
      'origin',
      options.mirror ? { mirror: true } : { refs: ['main', 'other', 'delta'] },
    );
    expect(honest.refs).toContainEqual(expect.objectContaining({ ref: 'main', new: truth.second }));
    expect((await repo.fsck()).verdict).not.toBe('corrupt');
    expect((await repo.readCommit(truth.second)).state).toBe('normal');
  });

  it('redirections in a circle, for ever, holds up nobody else', async () => {
    const { repo: pulling, web } = await asked({
      answers: () => ({ '.filez': redirect((path) => path) }),
      error: endsSomehow,
    });
    await using repo = pulling;
    const controller = new AbortController();
    const pull = repo.pull('origin', { refs: ['main'], signal: controller.signal }).catch((e: unknown) => e);
    await web.asked('.filez');
    controller.abort();
    // curl may have given up by itself.
    const error = await pull;
    expect(error === controller.signal.reason || OstreeError.is(error, 'NETWORK')).toBe(true);
    const { url } = await server(truth.source.path, () => true);
    const { refs } = await repo.pull('origin', { refs: ['main'], overrideUrl: url });
    expect(refs).toMatchObject([{ new: truth.second }]);
  });

  it('another summary to remotes.refs() is not believed longer than it says so', async () => {
    const { web, repo: reading } = await asked({
      answers: ({ other }) => ({ '/summary': summaryOf({ main: bytes(other) }) }),
      error: corrupt,
    });
    await using repo = reading;
    expect(await repo.remotes.refs('origin')).toMatchObject([{ ref: 'main', checksum: truth.other }]);
    web.behave();
    expect((await repo.remotes.refs('origin')).find(({ ref }) => ref === 'main')?.checksum).toBe(
      truth.second,
    );
    const { refs } = await repo.pull('origin', { refs: ['main'] });
    expect(refs).toMatchObject([{ new: truth.second }]);
  });
});
