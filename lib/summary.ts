// The summary of a repository.
import type { SummaryData, SummaryDraft, SummaryRef as NativeRef } from '../typings/addon.js';
import { type CallOptions, stepsUnder } from './call.js';
import { type Names, checkBoolean, checkObject, checkOptions, typeError, valueError } from './check.js';
import { type MetadataInput, signNew } from './commit.js';
import { withJson } from './json.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';
import { type Signer, checkSigners, isGpg, metadataKey, nativeGpgSigner, signaturesBy } from './sign.js';
import { inTurn } from './turns.js';
import type { Checksum } from './types.js';
import { type VerifyOptions, type VerifyResult, checkVerifyOptions, verifySigned } from './verify.js';

export interface RegenerateOptions extends CallOptions {
  /** To be added to the summary, and to the commit of the ref `ostree-metadata` where the repository has a collection id. */
  metadata?: MetadataInput | undefined;
  /** When clients should look for a newer one. */
  expires?: Date | undefined;
  /** Signs the summary, and that commit. */
  sign?: Signer | Signer[] | undefined;
}

export interface ReadSummaryOptions extends CallOptions {
  /** Keep values in metadata as {@link Variant}s, of their exact type. */
  variants?: boolean | undefined;
}

/** One ref in a summary. */
export interface SummaryRef {
  ref: string;
  checksum: Checksum;
  /** Of the commit object, in bytes. */
  size: number;
  /** Of the commit. */
  timestamp: Date | null;
  version: string | null;
  /** All that the summary says of it. */
  metadata: Record<string, unknown>;
  toJSON(): unknown;
}

/** What is in a summary. */
export interface SummaryInfo {
  refs: SummaryRef[];
  /** The refs of other collections than the repository's own, by collection id. */
  collections: Record<string, SummaryRef[]>;
  lastModified: Date | null;
  /** When it was said to look for a newer one. */
  expires: Date | null;
  collectionId: string | null;
  /** The mode of the repository, as its config has it: `archive-z2`. */
  mode: string | null;
  /** Whether deleted commits leave a tombstone. */
  tombstoneCommits: boolean;
  /** Whether there is an index of static deltas beside the summary. */
  indexedDeltas: boolean;
  /** All of its metadata, as it is stored: libostree writes its own times big-endian. */
  metadata: Record<string, unknown>;
  /** Whether there is a `summary.sig`; {@link Summary.verify} tells whether it is good. */
  signed: boolean;
  toJSON(): unknown;
}

function dateOf(seconds: number | undefined): Date | null {
  return seconds === undefined ? null : new Date(seconds * 1000);
}

function refOf({ ref, checksum, size, timestamp, version, metadata }: NativeRef): SummaryRef {
  return withJson({ ref, checksum, size, timestamp: dateOf(timestamp), version: version ?? null, metadata });
}

function infoOf({ summary, signed }: { summary: SummaryData; signed: boolean }): SummaryInfo {
  const refs: SummaryRef[] = [];
  const collections = new Map<string, SummaryRef[]>();
  for (const entry of summary.refs) {
    const { collectionId } = entry;
    let list = refs;
    if (collectionId !== undefined && collectionId !== summary.collectionId) {
      list = collections.get(collectionId) ?? [];
      collections.set(collectionId, list);
    }
    list.push(refOf(entry));
  }
  const info = {
    refs,
    collections: Object.fromEntries(collections),
    lastModified: dateOf(summary.lastModified),
    expires: dateOf(summary.expires),
    collectionId: summary.collectionId ?? null,
    mode: summary.mode ?? null,
    tombstoneCommits: summary.tombstoneCommits ?? false,
    indexedDeltas: summary.indexedDeltas ?? false,
    metadata: summary.metadata,
    signed,
  };
  return withJson(info);
}

function checkExpires(value: unknown): void {
  if (!(value instanceof Date)) throw typeError('options.expires', 'a Date', value);
  if (!(value.getTime() >= 0)) throw valueError('options.expires', 'must be a valid Date, not before 1970');
}

const REGENERATE: Names<RegenerateOptions> = { signal: true, metadata: true, expires: true, sign: true };

const READ: Names<ReadSummaryOptions> = { signal: true, variants: true };

/** `repo.summary`: the file that lists the refs, which those who pull read first. */
export class Summary {
  readonly #repo: RepoInner;

  static {
    shown(this, (it) => (#repo in it ? { repo: it.#repo.path } : undefined));
  }

  /** @internal */
  constructor(repo: RepoInner) {
    this.#repo = repo;
  }

  /**
   * Makes the summary anew, as `ostree summary -u`: signatures of the old one go, and in a repository with a
   * collection id the ref `ostree-metadata` gets a commit with the same metadata, signed by the same signers.
   * It is made and signed before it comes in place of the old one, which stays where a signer fails; its signatures
   * follow with the next system call. (With `core.auto-update-summary` libostree itself makes one without signatures
   * whenever a ref moves.)
   * Wraps `ostree_repo_regenerate_summary()`, `ostree_repo_gpg_sign_data()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when gpg has no such secret key; `CONFLICT` when others made the summary, or moved
   * `ostree-metadata`, at the same time
   */
  async regenerate(options: RegenerateOptions = {}): Promise<void> {
    checkOptions(options, REGENERATE);
    const { metadata = {}, expires, sign = [] } = options;
    checkObject(metadata, 'options.metadata');
    if (expires !== undefined) checkExpires(expires);
    const signers = checkSigners(sign, 'options.sign');
    const seconds = expires && Math.floor(expires.getTime() / 1000);
    const repo = this.#repo;
    await repo.lifetime.sequence(options, (signal) =>
      inTurn(`${repo.path}\0summary`, signal, async () => {
        const step = stepsUnder(signal);
        const commit = await step((call) =>
          native().summaryCommitMetadata(repo.native, metadata, seconds, call),
        );
        if (commit) await signNew(repo, commit.checksum, signers, signal);
        const gpg = signers.filter(isGpg).map(nativeGpgSigner);
        const draft = await step((call) =>
          native().summaryMake(repo.native, metadata, seconds, commit, gpg, call),
        );
        for (const signer of signers) if (!isGpg(signer)) await signSummary(draft, signer, signal);
        await step((call) => native().summaryInstall(repo.native, draft, call));
      }),
    );
  }

  /**
   * What is in the summary of this repository.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none, `CORRUPT` when it is damaged
   */
  async read(options: ReadSummaryOptions = {}): Promise<SummaryInfo> {
    checkOptions(options, READ);
    const { variants = false } = options;
    checkBoolean(variants, 'options.variants');
    const repo = this.#repo;
    return infoOf(
      await repo.lifetime.run(options, (call) => native().summaryRead(repo.native, variants, call)),
    );
  }

  /**
   * Whether the summary of this repository has a signature that counts.
   * Wraps `ostree_repo_gpg_verify_data()`, as `ostree_repo_verify_summary()` does.
   *
   * @param options - whom to trust: `remote` or `keys`
   * @throws {OstreeError} `SIGNATURE`, with all the reasons, when there is none; `NOT_FOUND` without a summary
   */
  async verify(options: VerifyOptions): Promise<VerifyResult> {
    checkVerifyOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const signed = await step((call) => native().summarySigned(repo.native, call));
      return await verifySigned(repo, { ...signed, of: 'summary', name: 'Summary' }, options, signal);
    });
  }
}

async function signSummary(
  draft: SummaryDraft,
  signer: Exclude<Signer, { type: 'gpg'; keyId: string }>,
  signal: AbortSignal,
): Promise<void> {
  const list = (draft.signatures[metadataKey(signer.type)] ??= []);
  list.push(...(await signaturesBy(signer, draft.data, signal)));
}
