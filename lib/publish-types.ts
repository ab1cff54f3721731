// What a publish is asked for, and what it did.
import type { ProgressOptions } from './call.js';
import type { PublishProgress, Reporter } from './publish-progress.js';
import type { PublishSource } from './publish-source.js';
import type { Signer } from './sign.js';
import type { Checksum } from './types.js';

export interface PublishOptions extends ProgressOptions<PublishProgress> {
  /** Local refs; all of them unless given, those mirrored from other collections too. */
  refs?: string[] | undefined;
  /**
   * Delete afterwards what the target has and this repository has not: refs, deltas, objects. Who pulls an old commit
   * meanwhile will miss objects: prune the repository itself late, and by age. Not with `refs`.
   */
  prune?: boolean | undefined;
  /** Only tell what would be sent and deleted. */
  dryRun?: boolean | undefined;
  /** How many files to send at once. 8 unless given. */
  concurrency?: number | undefined;
  /** How often to try again, with growing pauses, what failed for a reason that may pass. 5 unless given. */
  retries?: number | undefined;
  /**
   * false: nothing is flushed to the disk where the target is a directory, of this machine or another; after a power
   * failure a ref may be there whose objects are not. As `core.fsync` of the directory's config says unless given.
   */
  fsync?: boolean | undefined;
  /** Signs the summary, where the target is a {@link Repo} and makes its own. Other targets get this repository's. */
  sign?: Signer | Signer[] | undefined;
}

/** A ref that was published. */
export interface PublishedRef {
  ref: string;
  collectionId?: string;
  /** What the target had: null, nothing. The same as `new` when nothing changed. */
  old: Checksum | null;
  new: Checksum;
}

/** What a publish did, or with `dryRun` what it would do. Sizes in bytes, as things are stored. */
export interface PublishResult {
  /** All that were to be published, whether they changed or not. */
  refs: PublishedRef[];
  /** How many were sent. */
  objects: number;
  /** Of what was sent: objects, detached metadata, deltas. */
  bytes: number;
  /** The names of the deltas that were sent. */
  deltas: string[];
  /** Whether the target's summary is now one of these refs. */
  summary: boolean;
  pruned: { refs: string[]; deltas: number; objects: number };
  dryRun: boolean;
  /** Milliseconds. */
  elapsed: number;
}

/** The options, checked and complete. */
export interface PublishRules {
  refs: string[] | undefined;
  prune: boolean;
  dryRun: boolean;
  concurrency: number;
  retries: number;
  fsync: boolean | undefined;
  sign: Signer[];
}

/** What is being done, whatever the target. */
export interface PublishWork {
  source: PublishSource;
  rules: PublishRules;
  reporter: Reporter;
  signal: AbortSignal;
}

/** What the parts of a publish add to. */
export type Outcome = Omit<PublishResult, 'elapsed' | 'dryRun'>;

export function newOutcome(): Outcome {
  return {
    refs: [],
    objects: 0,
    bytes: 0,
    deltas: [],
    summary: false,
    pruned: { refs: [], deltas: 0, objects: 0 },
  };
}
