// Publishing into another repository of this machine: one transaction, with its refs.
import { type ObjectName, OstreeError } from './errors.js';
import type { Reporter } from './publish-progress.js';
import { DirectoryStore } from './publish-directory.js';
import type { PublishSource, SourceRef } from './publish-source.js';
import { objectPath } from './publish-store.js';
import {
  newOutcome,
  type Outcome,
  type PublishedRef,
  type PublishRules,
  type PublishWork,
} from './publish-types.js';
import type { RefInfo } from './refs.js';
import type { Repo } from './repo.js';
import { Tasks } from './tasks.js';
import type { Transaction } from './transaction.js';
import type { Checksum } from './types.js';

const BATCH = 512;
/** Of questions to the target, which wait for its disk only. */
const QUESTIONS = 64;

export class RepoPublisher {
  readonly #source: PublishSource;
  readonly #target: Repo;
  readonly #rules: PublishRules;
  readonly #reporter: Reporter;
  readonly #signal: AbortSignal;
  readonly #outcome: Outcome = newOutcome();

  constructor(target: Repo, { source, rules, reporter, signal }: PublishWork) {
    this.#source = source;
    this.#target = target;
    this.#rules = rules;
    this.#reporter = reporter;
    this.#signal = signal;
  }

  async run(): Promise<Outcome> {
    const options = { signal: this.#signal };
    const refs = await this.#source.refs(this.#rules.refs, this.#signal);
    this.#outcome.refs = await this.#compare(refs);
    const commits = new Set<Checksum>();
    const missing = await this.#missing(refs, commits);
    if (this.#rules.dryRun) {
      this.#outcome.objects = missing.length;
      this.#outcome.bytes = this.#reporter.state.totalBytes;
      await this.#sendDeltas(commits);
    } else {
      await this.#target.transaction(async (txn) => {
        await this.#sendObjects(txn, missing);
        await this.#sendDetached(txn, new Set(refs.map(({ checksum }) => checksum)));
        await this.#sendDeltas(commits);
        await this.#setRefs(txn);
      }, options);
    }
    await this.#finish(refs);
    this.#reporter.phase('done');
    return this.#outcome;
  }

  async #compare(refs: SourceRef[]): Promise<PublishedRef[]> {
    const options = { signal: this.#signal };
    const there = [
      ...(await this.#target.listRefs({ ...options, remotes: false, mirrors: false })),
      ...(await this.#target.listRefs({ ...options, collections: true })),
    ];
    return refs.map(({ ref, collectionId, checksum }) => {
      const old = there.find((known) => known.ref === ref && known.collectionId === collectionId);
      return { ref, ...(collectionId && { collectionId }), old: old?.checksum ?? null, new: checksum };
    });
  }

  /** Also the commits that are to be there. */
  async #missing(refs: SourceRef[], commits: Set<Checksum>): Promise<ObjectName[]> {
    const names = new Map<string, ObjectName>();
    for (const ref of refs) {
      const history = await this.#source.history(ref, this.#signal);
      for (const { checksum } of history) commits.add(checksum);
      const depth = history.length - 1;
      for await (const name of this.#source.repo.reachable(ref.checksum, { depth, signal: this.#signal }))
        names.set(objectPath(name), name);
    }
    const missing: ObjectName[] = [];
    const tasks = new Tasks({ signal: this.#signal, concurrency: QUESTIONS, budget: Infinity });
    await tasks.map(
      [...names.values()],
      () => 0,
      async (name, signal) => {
        if (await this.#target.hasObject(name, { signal })) return;
        const size = await this.#source.repo.objectSize(name, { signal });
        missing.push(name);
        this.#reporter.expect(1, size);
      },
    );
    return missing;
  }

  async #sendObjects(txn: Transaction, missing: ObjectName[]): Promise<void> {
    this.#reporter.phase('objects');
    for (let i = 0; i < missing.length; i += BATCH) {
      const batch = missing.slice(i, i + BATCH);
      await txn.importFrom(this.#source.repo, batch, { signal: this.#signal });
      let bytes = 0;
      for (const name of batch) bytes += await this.#source.repo.objectSize(name, { signal: this.#signal });
      this.#outcome.objects += batch.length;
      this.#outcome.bytes += bytes;
      this.#reporter.sent(batch.length, bytes);
    }
  }

  /** Signatures that were added to commits which the target has already. */
  async #sendDetached(txn: Transaction, commits: Set<Checksum>): Promise<void> {
    const options = { variants: true, signal: this.#signal };
    for (const checksum of commits) {
      const here = await this.#detached(this.#source.repo, checksum);
      if (here === null || (await this.#detached(txn.repo, checksum))?.equals(here)) continue;
      const { detachedMetadata } = await this.#source.repo.readCommit(checksum, options);
      await txn.setDetachedMetadata(checksum, detachedMetadata, { signal: this.#signal });
    }
  }

  async #detached(repo: Repo, checksum: Checksum): Promise<Buffer | null> {
    try {
      const object = await repo.readObject({ type: 'commitmeta', checksum }, { signal: this.#signal });
      return 'data' in object ? object.data : null;
    } catch (error) {
      if (OstreeError.is(error, 'NOT_FOUND')) return null;
      throw error;
    }
  }

  async #sendDeltas(commits: Set<Checksum>): Promise<void> {
    this.#reporter.phase('deltas');
    const store = new DirectoryStore(this.#target.path);
    for (const { name, files } of await this.#source.deltas(commits, this.#signal)) {
      const uploads = (await Promise.all(files.map((path) => this.#source.file(path)))).filter(
        (file) => file !== null,
      );
      const superblock = uploads.at(-1);
      if (!superblock?.path.endsWith('/superblock')) continue; // it is being deleted
      const here = await new DirectoryStore(this.#source.repo.path).read(superblock.path);
      if (here && (await store.read(superblock.path))?.equals(here)) continue;
      for (const upload of uploads) {
        this.#reporter.expect(0, upload.size);
        if (!this.#rules.dryRun) await store.put(upload, this.#signal);
        this.#outcome.bytes += upload.size;
        this.#reporter.sent(0, upload.size);
      }
      this.#outcome.deltas.push(name);
    }
  }

  async #setRefs(txn: Transaction): Promise<void> {
    this.#reporter.phase('refs');
    for (const { ref, collectionId, old, new: checksum } of this.#outcome.refs) {
      const options = { collectionId, expected: old, signal: this.#signal };
      if (old !== checksum) await txn.setRef(ref, checksum, options);
    }
  }

  /** The target's own summary, where those who pull look for one. Then what is no longer wanted goes. */
  async #finish(refs: SourceRef[]): Promise<void> {
    const { dryRun, prune, sign } = this.#rules;
    const { pruned } = this.#outcome;
    const options = { signal: this.#signal };
    const unwanted: RefInfo[] = [];
    if (prune) {
      const wanted = new Set(refs.filter((ref) => ref.collectionId === undefined).map(({ ref }) => ref));
      const there = await this.#target.listRefs({ remotes: false, mirrors: false, ...options });
      // The target's own metadata, made together with its summary.
      const own = (ref: string) => wanted.has(ref) || ref === 'ostree-metadata';
      unwanted.push(...there.filter(({ ref }) => !own(ref)));
    }
    pruned.refs = unwanted.map(({ ref }) => ref);
    if (!dryRun)
      for (const { ref, checksum } of unwanted)
        await this.#target.deleteRef(ref, { ...options, expected: checksum });
    this.#reporter.phase('summary');
    if (this.#target.mode === 'archive') {
      if (!dryRun) await this.#target.summary.regenerate({ ...options, sign });
      this.#outcome.summary = true;
    }
    if (!prune) return;
    this.#reporter.phase('pruning');
    const before = (await this.#target.deltas.list(options)).length;
    const result = await this.#target.prune({ refsOnly: true, dryRun, ...options });
    pruned.objects = result.pruned;
    pruned.deltas = before - (await this.#target.deltas.list(options)).length;
  }
}
