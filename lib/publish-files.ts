// Publishing file by file, in an order in which nobody ever finds a name of what is not there yet.
import { readFile } from 'node:fs/promises';

import type { Commit } from './commit-read.js';
import { type ObjectName, OstreeError } from './errors.js';
import { fileError } from './file-error.js';
import type { Reporter } from './publish-progress.js';
import type { PublishSource, SourceRef } from './publish-source.js';
import { objectAt, objectPath, refOf, refPath, type Store, type Upload } from './publish-store.js';
import { newOutcome, type Outcome, type PublishRules, type PublishWork } from './publish-types.js';
import { servedPath } from './served-paths.js';
import { Tasks } from './tasks.js';
import type { Checksum } from './types.js';

/** How many objects are looked at, verified and sent before the next ones are. */
const BATCH = 512;

interface PlannedRef extends SourceRef {
  old: Checksum | null;
  history: Commit[];
}

function isMetadata({ type }: ObjectName): boolean {
  return type !== 'file';
}

/** Commits last: who finds one may look for the rest. */
function rank({ type }: ObjectName): number {
  return type === 'commit' ? 2 : Number(isMetadata({ type } as ObjectName));
}

export class FilePublisher {
  readonly #source: PublishSource;
  readonly #store: Store;
  readonly #rules: PublishRules;
  readonly #reporter: Reporter;
  readonly #signal: AbortSignal;
  readonly #tasks: Tasks;
  readonly #outcome: Outcome = newOutcome();

  constructor(store: Store, { source, rules, reporter, signal }: PublishWork) {
    this.#source = source;
    this.#store = store;
    this.#rules = rules;
    this.#reporter = reporter;
    this.#signal = signal;
    this.#tasks = new Tasks({ signal, concurrency: rules.concurrency, budget: Infinity });
  }

  async run(): Promise<Outcome> {
    const wanted = await this.#source.refs(this.#rules.refs, this.#signal);
    if (!this.#rules.dryRun) await this.#store.prepare(this.#signal);
    const refs = await this.#plan(wanted);
    await this.#sendObjects(refs);
    const commits = new Set(refs.flatMap(({ history }) => history.map(({ checksum }) => checksum)));
    await this.#sendDeltas(commits);
    await this.#sendConfig();
    await this.#flush();
    await this.#sendRefs(refs);
    await this.#sendSummary();
    if (this.#rules.prune) {
      await this.#flush();
      await this.#prune(refs);
    }
    this.#reporter.phase('done');
    return this.#outcome;
  }

  #each<T>(list: readonly T[], work: (item: T, signal: AbortSignal) => Promise<void>): Promise<void[]> {
    return this.#tasks.map(list, () => 0, work);
  }

  async #put(upload: Upload): Promise<void> {
    if (!this.#rules.dryRun) await this.#store.put(upload, this.#signal);
  }

  /** A name must not be there after a power failure without what it names. */
  async #flush(): Promise<void> {
    if (!this.#rules.dryRun) await this.#store.flush(this.#signal);
  }

  async #remove(path: string): Promise<void> {
    if (!this.#rules.dryRun) await this.#store.remove(path, this.#signal);
  }

  async #plan(refs: SourceRef[]): Promise<PlannedRef[]> {
    const planned: PlannedRef[] = [];
    for (const ref of refs) {
      const old = refOf(await this.#store.read(refPath(ref), this.#signal));
      planned.push({ ...ref, old, history: await this.#source.history(ref, this.#signal) });
    }
    return planned;
  }

  /** The objects of a ref that may have to be sent. */
  async #candidates({ checksum, history }: PlannedRef): Promise<Map<string, ObjectName>> {
    const names = new Map<string, ObjectName>();
    const options = { signal: this.#signal };
    const gather = async (rev: Checksum, depth: number, take: (path: string, name: ObjectName) => void) => {
      for await (const name of this.#source.repo.reachable(rev, { ...options, depth }))
        take(objectPath(name), name);
    };
    const isThere = await this.#commitsThere(history);
    const newest = isThere.indexOf(true);
    const unbroken = newest >= 0 && isThere.slice(newest).every((there) => there);
    // Commits are sent last: one that is there has all its objects there.
    const depth = (unbroken ? newest : history.length) - 1;
    if (depth < 0) return names;
    await gather(checksum, depth, (path, name) => names.set(path, name));
    const known = unbroken ? history[newest] : undefined;
    if (known) await gather(known.checksum, 0, (path) => names.delete(path));
    return names;
  }

  /** Of each commit, whether the target has it; where asking costs nothing, each is looked at as a whole instead. */
  async #commitsThere(history: Commit[]): Promise<boolean[]> {
    if (this.#store.local) return history.map(() => false);
    return await this.#tasks.map(
      history,
      () => 0,
      async ({ checksum }, signal) =>
        (await this.#store.size(objectPath({ type: 'commit', checksum }), signal)) !== null,
    );
  }

  async #sendObjects(refs: PlannedRef[]): Promise<void> {
    const names = new Map<string, ObjectName>();
    for (const ref of refs) for (const [path, name] of await this.#candidates(ref)) names.set(path, name);
    const missing: { name: ObjectName; upload: Upload }[] = [];
    await this.#each([...names.values()], async (name, signal) => {
      const upload = await this.#source.object(name);
      if ((await this.#store.size(upload.path, signal)) === upload.size) return;
      missing.push({ name, upload });
      this.#reporter.expect(1, upload.size);
    });
    missing.sort((a, b) => rank(a.name) - rank(b.name));
    this.#reporter.phase('objects');
    const commits = missing.filter(({ name }) => name.type === 'commit');
    const others = missing.slice(0, missing.length - commits.length);
    for (let i = 0; i < others.length; i += BATCH) await this.#sendBatch(others.slice(i, i + BATCH));
    const heads = refs.map(({ checksum }) => checksum);
    // Where a commit that is there vouches for its objects, these must outlive a power failure if it does.
    if (!this.#store.local && commits.length > 0) await this.#flush();
    await this.#sendDetached(new Set([...heads, ...commits.map(({ name }) => name.checksum)]));
    for (let i = 0; i < commits.length; i += BATCH) await this.#sendBatch(commits.slice(i, i + BATCH));
  }

  async #sendBatch(batch: { name: ObjectName; upload: Upload }[]): Promise<void> {
    await this.#source.verify(
      batch.map(({ name }) => name),
      this.#signal,
    );
    await this.#each(batch, async ({ upload }) => {
      await this.#put(upload);
      this.#count(1, upload.size);
    });
  }

  #count(objects: number, bytes: number): void {
    this.#outcome.objects += objects;
    this.#outcome.bytes += bytes;
    this.#reporter.sent(objects, bytes);
  }

  /** Signatures and the like, which may change. */
  async #sendDetached(commits: Set<Checksum>): Promise<void> {
    await this.#each([...commits], async (checksum, signal) => {
      const file = await this.#source.file(objectPath({ type: 'commitmeta', checksum }));
      if (file) await this.#sendChanged(file, signal);
    });
  }

  /** A file that may be there with another content. */
  async #sendChanged(upload: Upload, signal: AbortSignal): Promise<boolean> {
    const content = await readUpload(upload);
    if ((await this.#store.read(upload.path, signal))?.equals(content)) return false;
    this.#reporter.expect(0, content.length);
    await this.#put({ path: upload.path, size: content.length, source: content });
    this.#count(0, content.length);
    return true;
  }

  async #sendDeltas(commits: Set<Checksum>): Promise<void> {
    const deltas = await this.#source.deltas(commits, this.#signal);
    this.#reporter.phase('deltas');
    for (const { name, files } of deltas) {
      const uploads = (await Promise.all(files.map((path) => this.#source.file(path)))).filter(
        (file) => file !== null,
      );
      const superblock = uploads.pop();
      if (!superblock?.path.endsWith('/superblock')) continue; // it is being deleted
      const there = await this.#store.read(superblock.path, this.#signal);
      if (there?.equals(await readUpload(superblock))) continue;
      this.#reporter.expect(
        0,
        [...uploads, superblock].reduce((sum, { size }) => sum + size, 0),
      );
      await this.#each(uploads, async (upload) => {
        await this.#put(upload);
        this.#count(0, upload.size);
      });
      await this.#flush(); // it is what tells that the parts are there
      await this.#put(superblock);
      this.#count(0, superblock.size);
      this.#outcome.deltas.push(name);
    }
    for (const index of await this.#source.deltaIndexes(commits, this.#signal))
      await this.#sendChanged(index, this.#signal);
  }

  /** As those who pull need it, without what else stands in a repository's config. */
  async #sendConfig(): Promise<void> {
    if ((await this.#store.size('config', this.#signal)) !== null) return;
    const { core = {} } = await this.#source.repo.config.toObject({ signal: this.#signal });
    const lines = ['collection-id', 'tombstone-commits', 'indexed-deltas'].flatMap((key) =>
      core[key] === undefined ? [] : [`${key}=${core[key]}`],
    );
    const source = Buffer.from(['[core]', 'repo_version=1', 'mode=archive-z2', ...lines, ''].join('\n'));
    await this.#put({ path: 'config', size: source.length, source });
  }

  async #sendRefs(refs: PlannedRef[]): Promise<void> {
    this.#reporter.phase('refs');
    for (const { ref, collectionId, checksum, old } of refs) {
      const path = refPath({ ref, collectionId });
      this.#outcome.refs.push({ ref, ...(collectionId && { collectionId }), old, new: checksum });
      if (old === checksum) continue;
      const actual = refOf(await this.#store.read(path, this.#signal));
      if (actual !== old && !this.#rules.dryRun)
        throw new OstreeError('CONFLICT', `Somebody else moved ${ref} of ${this.#store.name} meanwhile`, {
          ref,
          details: { ref, expected: old, actual },
        });
      const source = Buffer.from(`${checksum}\n`);
      await this.#put({ path, size: source.length, source });
    }
  }

  /** The summary as it is here, with its signature, unless it tells of what the target has not. */
  async #sendSummary(): Promise<void> {
    this.#reporter.phase('summary');
    const [summary, signature] = await Promise.all([
      this.#source.file('summary'),
      this.#source.file('summary.sig'),
    ]);
    if (!summary || !(await this.#summaryHolds())) return;
    const changed = [await this.#unlessThere(summary), signature && (await this.#unlessThere(signature))];
    if (!signature && (await this.#store.size('summary.sig', this.#signal)) !== null)
      await this.#remove('summary.sig');
    // The summary first: who has the old one in a cache goes on with it for as long as they meet its signatures. The
    // other way round, who does not verify it may take the old one for that of the new signatures, and keep it.
    const uploads = changed.filter((upload) => upload !== null);
    if (!this.#rules.dryRun) await this.#store.putTogether(uploads, this.#signal);
    this.#outcome.summary = true;
  }

  /** With its content; null: the target has it. */
  async #unlessThere(upload: Upload): Promise<Upload | null> {
    const source = await readUpload(upload);
    if ((await this.#store.read(upload.path, this.#signal))?.equals(source)) return null;
    return { path: upload.path, size: source.length, source };
  }

  async #summaryHolds(): Promise<boolean> {
    const { refs, collections } = await this.#source.repo.summary.read({ signal: this.#signal });
    const listed = [
      ...refs.map(({ ref, checksum }) => ({ path: refPath({ ref }), checksum })),
      ...Object.entries(collections).flatMap(([collectionId, list]) =>
        list.map(({ ref, checksum }) => ({ path: refPath({ ref, collectionId }), checksum })),
      ),
    ];
    const published = new Map(this.#outcome.refs.map((ref) => [refPath(ref), ref.new]));
    for (const { path, checksum } of listed) {
      const there = published.get(path) ?? refOf(await this.#store.read(path, this.#signal));
      if (there !== checksum) return false;
    }
    return true;
  }

  /** In the opposite order. What this repository has stays, whether a ref needs it or not. */
  async #prune(refs: PlannedRef[]): Promise<void> {
    this.#reporter.phase('pruning');
    const { pruned } = this.#outcome;
    const kept = new Set(refs.map(refPath));
    const store = this.#store;
    for (const path of [
      ...(await store.list('refs/heads', this.#signal)),
      ...(await store.list('refs/mirrors', this.#signal)),
    ]) {
      if (kept.has(path) || servedPath(path) === null) continue;
      await this.#remove(path);
      pruned.refs.push(path.replace(/^refs\/(?:heads|mirrors)\//, ''));
    }
    await this.#pruneDeltas();
    const unwanted: { path: string; name: ObjectName }[] = [];
    for (const path of await store.list('objects', this.#signal)) {
      const name = objectAt(path);
      if (name && !(await this.#source.file(path))) unwanted.push({ path, name });
    }
    unwanted.sort((a, b) => rank(b.name) - rank(a.name));
    for (const metadata of [true, false]) {
      const batch = unwanted.filter(({ name }) => isMetadata(name) === metadata);
      await this.#each(batch, async ({ path }) => {
        await this.#remove(path);
        pruned.objects++;
      });
    }
  }

  async #pruneDeltas(): Promise<void> {
    const isIndex = (path: string) => path.startsWith('delta-indexes/');
    const paths = [
      ...(await this.#store.list('delta-indexes', this.#signal)),
      ...(await this.#store.list('deltas', this.#signal)),
    ];
    // The superblock first: without it nobody asks for the parts.
    paths.sort((a, b) => Number(b.endsWith('/superblock')) - Number(a.endsWith('/superblock')));
    for (const path of paths) {
      if (servedPath(path) === null || (await this.#source.file(path))) continue;
      await this.#remove(path);
      if (!isIndex(path) && path.endsWith('/superblock')) this.#outcome.pruned.deltas++;
    }
  }
}

async function readUpload({ source }: Upload): Promise<Buffer> {
  if (typeof source !== 'string') return Buffer.from(source);
  try {
    return await readFile(source);
  } catch (error) {
    throw fileError(error, source);
  }
}
