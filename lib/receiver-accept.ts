// What was uploaded becomes a part of the repository, all of it or nothing.
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Commit } from './commit-read.js';
import { type ObjectName, OstreeError } from './errors.js';
import { native } from './native.js';
import type { Finish, Finished } from './publish-protocol.js';
import { objectPath, deltaPath, refPath } from './publish-store.js';
import { hasObject, type Staging } from './receiver-staging.js';
import type { ReceiverAction } from './receiver-types.js';
import type { RefInfo } from './refs.js';
import type { Repo } from './repo.js';
import { innerOf } from './repo-inner.js';
import type { Signer } from './sign.js';
import type { Transaction } from './transaction.js';
import type { Checksum } from './types.js';
import { Variant } from './variant.js';

const VERIFY_BATCH = 1024;
/** Bytes: what a part of a delta may become at least; there are many files in one. */
const PART = 64 << 20;

export interface AcceptRules {
  maxObjectSize: number;
  /** Throws PERMISSION_DENIED unless it is allowed. */
  permit: (action: ReceiverAction) => Promise<void>;
  /** null: there is to be no summary. */
  summary: { sign: Signer[] } | null;
  signal: AbortSignal;
}

/** A ref of a Finish, and the commits that come with it. */
interface Arrival {
  ref: Finish['refs'][number];
  old: Checksum | null;
  /** Newly uploaded: the commit of the ref, its parent, and so on. */
  fresh: Commit[];
}

interface MovedDelta {
  from: string;
  to: string;
  /** Where the one is that was there before. */
  aside: string;
}

function incomplete(message: string, { checksum, ref }: { checksum?: string; ref?: string }): OstreeError {
  return new OstreeError('NOT_FOUND', message, { checksum, ref });
}

export class Acceptance {
  readonly #repo: Repo;
  readonly #staging: Staging;
  readonly #rules: AcceptRules;
  readonly #finish: Finish;
  /** The uploads on top of the repository. */
  #view: Repo | undefined;
  /** Refs that a prune deletes, as they were when it was allowed. */
  #doomed: RefInfo[] = [];

  constructor(repo: Repo, staging: Staging, finish: Finish, rules: AcceptRules) {
    this.#repo = repo;
    this.#staging = staging;
    this.#finish = finish;
    this.#rules = rules;
  }

  async run(): Promise<Finished> {
    const { signal, summary } = this.#rules;
    await this.#permitAll();
    this.#view = await this.#staging.repo();
    try {
      const staged = await this.#staging.objects();
      await this.#verify(staged);
      // The transaction holds off whoever prunes.
      const txn = await this.#repo.begin({ signal });
      try {
        await this.#move(txn, staged);
      } finally {
        await txn.abort();
      }
    } finally {
      await this.#view.close();
    }
    await this.#staging.discard();
    const pruned: Finished['pruned'] = { refs: [], deltas: 0, objects: 0 };
    if (this.#finish.prune) pruned.refs = await this.#deleteOtherRefs();
    if (summary) await this.#repo.summary.regenerate({ ...summary, signal });
    if (this.#finish.prune) {
      const before = (await this.#repo.deltas.list({ signal })).length;
      pruned.objects = (await this.#repo.prune({ refsOnly: true, signal })).pruned;
      pruned.deltas = before - (await this.#repo.deltas.list({ signal })).length;
    }
    return { summary: summary !== null, pruned };
  }

  get #uploads(): Repo {
    if (!this.#view) throw new Error('not open');
    return this.#view;
  }

  async #permitAll(): Promise<void> {
    const { permit } = this.#rules;
    for (const { ref, collectionId, checksum, expected } of this.#finish.refs)
      await permit({ action: 'ref', ref, collectionId: collectionId ?? null, from: expected, to: checksum });
    if (!this.#finish.prune) return;
    await permit({ action: 'prune' });
    this.#doomed = await this.#otherRefs();
    for (const { ref, checksum } of this.#doomed)
      await permit({ action: 'ref', ref, collectionId: null, from: checksum, to: null });
  }

  /** Each upload against its name, and its structure. What is damaged goes, so that it can be uploaded again. */
  async #verify(staged: ObjectName[]): Promise<void> {
    const { native: handle, lifetime } = innerOf(this.#uploads);
    const { maxObjectSize, signal } = this.#rules;
    for (let i = 0; i < staged.length; i += VERIFY_BATCH) {
      const batch = staged.slice(i, i + VERIFY_BATCH);
      try {
        await lifetime.run({ signal }, (call) => native().objectVerify(handle, batch, maxObjectSize, call));
      } catch (error) {
        if (OstreeError.is(error)) await this.#forgetBad(batch, error.checksum);
        throw error;
      }
    }
  }

  async #forgetBad(batch: ObjectName[], checksum: string | undefined): Promise<void> {
    for (const name of batch) if (name.checksum === checksum) await this.#staging.forget(objectPath(name));
  }

  async #move(txn: Transaction, staged: ObjectName[]): Promise<void> {
    const { signal } = this.#rules;
    const arrivals: Arrival[] = [];
    for (const ref of this.#finish.refs) arrivals.push(await this.#arrive(ref, staged));
    const needed = await this.#complete(arrivals, staged);
    const detached = await this.#checkDetached(arrivals, staged);
    const deltas = await this.#checkDeltas(arrivals);
    await txn.importFrom(this.#uploads, needed, { trusted: true, signal });
    for (const checksum of detached) {
      const { detachedMetadata } = await this.#uploads.readCommit(checksum, { variants: true, signal });
      await txn.setDetachedMetadata(checksum, detachedMetadata, { signal });
    }
    for (const { ref, old } of arrivals) {
      const { collectionId, checksum } = ref;
      if (old !== checksum) await txn.setRef(ref.ref, checksum, { collectionId, expected: old, signal });
    }
    // Before the refs, which appear as the transaction ends. Nobody asks for them yet.
    const moved: MovedDelta[] = [];
    try {
      for (const delta of deltas) {
        moved.push(delta);
        await this.#moveDelta(delta);
      }
      await txn.commitTransaction({ signal });
    } catch (error) {
      for (const delta of moved) await this.#moveBack(delta);
      throw error;
    }
  }

  async #refIs({ ref, collectionId }: Finish['refs'][number]): Promise<Checksum | null> {
    const { signal } = this.#rules;
    const refs =
      collectionId === undefined
        ? await this.#repo.listRefs({ remotes: false, mirrors: false, prefix: ref, signal })
        : await this.#repo.listRefs({ collections: true, signal });
    return refs.find((known) => known.ref === ref && known.collectionId === collectionId)?.checksum ?? null;
  }

  async #arrive(ref: Finish['refs'][number], staged: ObjectName[]): Promise<Arrival> {
    const { signal } = this.#rules;
    const { checksum, expected } = ref;
    const old = await this.#refIs(ref);
    // It is there already: somebody asks again because the answer was lost.
    if (old !== expected && old !== checksum)
      throw new OstreeError('CONFLICT', `Somebody else moved ${refPath(ref)}`, {
        ref: ref.ref,
        details: { ref: ref.ref, expected, actual: old },
      });
    const commits = new Set(staged.filter(({ type }) => type === 'commit').map((name) => name.checksum));
    if (!commits.has(checksum)) {
      if (!(await this.#repo.hasObject({ type: 'commit', checksum }, { signal })))
        throw incomplete(`There is no commit ${checksum} for ${ref.ref}`, { checksum, ref: ref.ref });
      const { state } = await this.#repo.readCommit(checksum, { signal });
      if (state === 'normal') return { ref, old, fresh: [] };
      throw new OstreeError('PARTIAL', `The commit ${checksum} is partial here`, { checksum, ref: ref.ref });
    }
    const fresh: Commit[] = [];
    for await (const commit of this.#uploads.log(checksum, { signal })) {
      if (!commits.has(commit.checksum)) break;
      fresh.push(commit);
    }
    return { ref, old, fresh };
  }

  /** All that the new commits need is here or was uploaded. The result is what of the uploads they need. */
  async #complete(arrivals: Arrival[], staged: ObjectName[]): Promise<ObjectName[]> {
    const { signal } = this.#rules;
    const uploaded = new Set(staged.map(objectPath));
    const needed = new Map<string, ObjectName>();
    const known = new Set<string>();
    for (const { ref, fresh } of arrivals) {
      if (fresh.length === 0) continue;
      for await (const name of this.#uploads.reachable(ref.checksum, { depth: fresh.length - 1, signal })) {
        const path = objectPath(name);
        if (uploaded.has(path)) needed.set(path, { type: name.type, checksum: name.checksum });
        else if (!known.has(path) && !(await hasObject(this.#repo, this.#staging, name)))
          throw incomplete(`The commit ${ref.checksum} lacks ${name.checksum}.${name.type}`, {
            checksum: name.checksum,
            ref: ref.ref,
          });
        known.add(path);
      }
    }
    return [...needed.values()];
  }

  /**
   * Detached metadata is of commits that come with a ref or that one of them names. Of what is there already nothing may
   * be lost: signatures can only be added. The result is the commits whose metadata is to be replaced.
   */
  async #checkDetached(arrivals: Arrival[], staged: ObjectName[]): Promise<Checksum[]> {
    const replaced: Checksum[] = [];
    for (const { type, checksum } of staged) {
      if (type !== 'commitmeta') continue;
      const owners = arrivals.filter(
        ({ ref, fresh }) => ref.checksum === checksum || fresh.some((commit) => commit.checksum === checksum),
      );
      if (owners.length === 0)
        throw new OstreeError('PERMISSION_DENIED', `The metadata of ${checksum}, which no ref brings`, {
          checksum,
        });
      for (const { ref } of owners)
        await this.#rules.permit({
          action: 'commitmeta',
          commit: checksum,
          ref: ref.ref,
          collectionId: ref.collectionId ?? null,
        });
      if (owners.some(({ fresh }) => fresh.some((commit) => commit.checksum === checksum))) continue;
      await this.#checkAdds(checksum);
      replaced.push(checksum);
    }
    return replaced;
  }

  async #checkAdds(checksum: Checksum): Promise<void> {
    const options = { variants: true, signal: this.#rules.signal };
    const before = (await this.#repo.readCommit(checksum, options)).detachedMetadata ?? {};
    const after = (await this.#uploads.readCommit(checksum, options)).detachedMetadata ?? {};
    for (const [key, value] of Object.entries(before))
      if (!includes(after[key], value))
        throw new OstreeError('PERMISSION_DENIED', `The metadata of ${checksum} has lost some of '${key}'`, {
          checksum,
        });
  }

  async #checkDeltas(arrivals: Arrival[]): Promise<MovedDelta[]> {
    const { permit, signal } = this.#rules;
    const moves: MovedDelta[] = [];
    for (const name of new Set(this.#finish.deltas)) {
      const [first = '', second] = name.split('-');
      const delta = second === undefined ? { from: null, to: first } : { from: first, to: second };
      const path = deltaPath(delta);
      if (!(await this.#staging.has(`${path}/superblock`))) continue; // it is there already
      const owner = arrivals.find(
        ({ ref, fresh }) => ref.checksum === delta.to || fresh.some(({ checksum }) => checksum === delta.to),
      );
      if (!owner) throw new OstreeError('PERMISSION_DENIED', `The delta ${name}, whose commit no ref brings`);
      await permit({
        action: 'delta',
        ...delta,
        ref: owner.ref.ref,
        collectionId: owner.ref.collectionId ?? null,
      });
      await this.#checkDelta(name, path, signal);
      const from = join(this.#staging.path, path);
      moves.push({ from, to: join(this.#repo.path, path), aside: `${from}.replaced` });
    }
    return moves;
  }

  /** That it is the one it is called, and its parts are what libostree may read. */
  async #checkDelta(name: string, path: string, signal: AbortSignal): Promise<void> {
    const directory = join(this.#staging.path, path);
    const { native: handle, lifetime } = innerOf(this.#uploads);
    const { handle: delta, info } = await lifetime.run({ signal }, (call) =>
      native().deltaOpen(handle, directory, call),
    );
    if (info.name.name !== name)
      throw new OstreeError('CORRUPT', `The delta uploaded as ${name} is ${info.name.name}`, { path });
    const limit = Math.max(this.#rules.maxObjectSize, PART);
    await lifetime.run({ signal }, (call) => native().deltaCheck(handle, delta, limit, call));
    const parts = new Set(info.parts.flatMap(({ inline }, i) => (inline ? [] : [String(i)])));
    for (const file of await this.#staging.files()) {
      if (!file.startsWith(`${path}/`)) continue;
      const part = file.slice(path.length + 1);
      if (part !== 'superblock' && !parts.has(part)) await this.#staging.forget(file);
    }
  }

  async #moveDelta(move: MovedDelta): Promise<void> {
    await mkdir(dirname(move.to), { recursive: true });
    await rm(move.aside, { recursive: true, force: true });
    await renameIfThere(move.to, move.aside);
    await rename(move.from, move.to);
  }

  /** From however far #moveDelta() came. What fails here must not hide why. */
  async #moveBack({ from, to, aside }: MovedDelta): Promise<void> {
    try {
      if ((await stat(from).catch(() => null)) === null) await rename(to, from);
      await renameIfThere(aside, to);
    } catch {
      // The delta is missing then, and pulls do without it.
    }
  }

  /** All but those that come. `ostree-metadata` is made together with the summary. */
  async #otherRefs(): Promise<RefInfo[]> {
    const kept = new Set(
      this.#finish.refs.filter((ref) => ref.collectionId === undefined).map(({ ref }) => ref),
    );
    const refs = await this.#repo.listRefs({ remotes: false, mirrors: false, signal: this.#rules.signal });
    return refs.filter(({ ref }) => !kept.has(ref) && ref !== 'ostree-metadata');
  }

  async #deleteOtherRefs(): Promise<string[]> {
    const deleted: string[] = [];
    for (const { ref, checksum } of this.#doomed) {
      await this.#repo.deleteRef(ref, { expected: checksum, signal: this.#rules.signal });
      deleted.push(ref);
    }
    return deleted;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Whether a value is still there: the same, or of a list each element. */
function includes(after: unknown, before: unknown): boolean {
  if (!(after instanceof Variant) || !(before instanceof Variant) || after.type !== before.type) return false;
  if (Buffer.from(after.toBytes()).equals(before.toBytes())) return true;
  if (before.type !== 'aay') return false;
  const elements = (variant: Variant) =>
    (variant.value as Uint8Array[]).map((element) => Buffer.from(element).toString('base64'));
  const there = new Set(elements(after));
  return elements(before).every((element) => there.has(element));
}
