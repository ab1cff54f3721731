// Static deltas.
import { resolve } from 'node:path';

import type { DeltaHandle, DeltaInfo as NativeInfo, DeltaName } from '../typings/addon.js';
import { type CallOptions, stepsUnder } from './call.js';
import {
  type Names,
  checkName,
  checkObject,
  checkOptions,
  checkRev,
  checkString,
  valueError,
} from './check.js';
import {
  generate,
  type GenerateDeltaOptions,
  type GeneratedDelta,
  generateMany,
  type GenerateManyOptions,
} from './delta-generate.js';
import type { ObjectName } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';
import type { Checksum, Rev } from './types.js';
import { type VerifyOptions, type VerifyResult, checkVerifyOptions, verifySigned } from './verify.js';

export type { DeltaName } from '../typings/addon.js';

/** One file of a delta. Sizes are bytes. */
export interface DeltaPart {
  /** Of the part itself. */
  checksum: Checksum;
  /** How many objects it makes. */
  objects: number;
  size: number;
  /** Of the objects that it makes. */
  uncompressedSize: number;
  /** Whether it is in the superblock. */
  inline: boolean;
}

/** An object that a delta leaves out. Sizes are bytes. */
export interface DeltaFallback extends ObjectName {
  size: number;
  uncompressedSize: number;
}

/** What the superblock of a delta says. */
export interface DeltaInfo extends DeltaName {
  signed: boolean;
  /** Of the numbers in it. */
  endianness: 'little' | 'big' | null;
  /** It does not say; absurd sizes gave it away. */
  endiannessGuessed: boolean;
  /** When it was made. */
  timestamp: Date;
  /** How many deltas must be applied before. */
  parents: number;
  parts: DeltaPart[];
  fallbacks: DeltaFallback[];
  /** Of all parts and fallbacks together. */
  size: number;
  uncompressedSize: number;
}

export interface ApplyDeltaOptions extends CallOptions {
  /**
   * Whose signature it must have. Without it, or with false, signatures are not looked at, unless
   * `core.sign-verify-deltas` is set.
   */
  verify?: Omit<VerifyOptions, 'signal' | 'report'> | false | undefined;
}

export type AppliedDelta = DeltaName;

export interface ReindexOptions extends CallOptions {
  /** Only the index of this commit. */
  to?: Rev | undefined;
}

const NAME = /^(?:[0-9a-f]{64}-)?[0-9a-f]{64}$/;
/** The name, of which Deltas.list() tells more. */
function nameOf(delta: unknown): string {
  const value: unknown = typeof delta === 'object' && delta !== null && 'name' in delta ? delta.name : delta;
  checkString(value, 'name');
  if (!NAME.test(value))
    throw valueError('name', `must be the name of a delta, FROM-TO or TO. Received '${value.slice(0, 200)}'`);
  return value;
}

function infoOf(info: NativeInfo): DeltaInfo {
  const { name, signed, endianness, endiannessGuessed, timestamp, parents, parts } = info;
  const fallbacks = info.fallbacks as DeltaFallback[];
  const sum = (key: 'size' | 'uncompressedSize') =>
    [...parts, ...fallbacks].reduce((total, entry) => total + entry[key], 0);
  return {
    ...name,
    signed,
    endianness: (endianness as 'little' | 'big' | undefined) ?? null,
    endiannessGuessed,
    timestamp: new Date(timestamp * 1000),
    parents,
    parts,
    fallbacks,
    size: sum('size'),
    uncompressedSize: sum('uncompressedSize'),
  };
}

const APPLY: Names<ApplyDeltaOptions> = { signal: true, verify: true };

const REINDEX: Names<ReindexOptions> = { signal: true, to: true };

/**
 * `repo.deltas`. Names are `FROM-TO`, or `TO` for a delta from nothing, in checksums of commits; what
 * {@link Deltas.list} tells of a delta serves as its name, too.
 */
export class Deltas {
  readonly #repo: RepoInner;

  static {
    shown(this, (it) => (#repo in it ? { repo: it.#repo.path } : undefined));
  }

  /** @internal */
  constructor(repo: RepoInner) {
    this.#repo = repo;
  }

  /**
   * Makes a delta. It appears as a whole, in place of one that was there. Who pulls finds it through the summary or an
   * index: call {@link Summary.regenerate} or {@link Deltas.reindex} afterwards.
   * As libostree does not heed an abort while it compares two files, its thread may go on for a while.
   * Wraps `ostree_repo_static_delta_generate()`.
   *
   * @throws {OstreeError} `NOT_FOUND` without a commit or one of its objects, `CORRUPT` when one is damaged
   */
  async generate(options: GenerateDeltaOptions): Promise<GeneratedDelta> {
    return await generate(this.#repo, options);
  }

  /**
   * Makes several deltas side by side; the results are in the order of the list. One that fails ends all, and those that
   * are made already stay.
   */
  async generateMany(
    list: Omit<GenerateDeltaOptions, 'signal'>[],
    options: GenerateManyOptions = {},
  ): Promise<GeneratedDelta[]> {
    return await generateMany(this.#repo, list, options);
  }

  /** The deltas of the repository, sorted by name. As `ostree_repo_list_static_delta_names()`. */
  async list(options: CallOptions = {}): Promise<DeltaName[]> {
    checkOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.run(options, (call) => native().deltaList(repo.native, call));
  }

  /**
   * What a delta says of itself; as `ostree static-delta show`, but nothing is run.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none, `CORRUPT` when it is damaged
   */
  async show(delta: string | DeltaName, options: CallOptions = {}): Promise<DeltaInfo> {
    const name = nameOf(delta);
    checkOptions(options);
    const repo = this.#repo;
    const opened = await repo.lifetime.run(options, (call) => native().deltaRead(repo.native, name, call));
    return infoOf(opened.info);
  }

  /**
   * Makes the commit of a delta that lies on the disk. No ref is moved.
   * Its superblock and every part are checked first, and what is applied is what was checked.
   * Wraps `ostree_repo_static_delta_execute_offline()`, with the transaction around it.
   *
   * @param path - the superblock, or the directory that has it and the parts
   * @throws {OstreeError} `NOT_FOUND` without the file, or the commit that the delta starts from; `CORRUPT` when it is
   * damaged; `SIGNATURE` when it must be signed and is not; `NOT_SUPPORTED` when it has fallbacks, or changes files
   * and the repository, or a parent of a bare one, is an archive
   */
  async apply(path: string, options: ApplyDeltaOptions = {}): Promise<AppliedDelta> {
    checkName(path, 'path');
    checkOptions(options, APPLY);
    const verify = options.verify === false ? undefined : options.verify;
    if (verify !== undefined) {
      checkObject(verify, 'options.verify');
      checkVerifyOptions(verify);
    }
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const { handle, info } = await step((call) => native().deltaOpen(repo.native, resolve(path), call));
      if (verify !== undefined) await this.#verify(handle, info, { ...verify, report: false }, signal);
      await step((call) => native().deltaApply(repo.native, handle, verify !== undefined, call));
      return info.name;
    });
  }

  /**
   * Whether a delta has a signature that counts. As `ostree_repo_static_delta_verify_signature()`.
   *
   * @param options - whom to trust: `remote` or `keys`
   * @throws {OstreeError} `SIGNATURE`, with all the reasons, when there is none; `NOT_FOUND` without the delta
   */
  async verify(delta: string | DeltaName, options: VerifyOptions): Promise<VerifyResult> {
    const name = nameOf(delta);
    checkVerifyOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const { handle, info } = await step((call) => native().deltaRead(repo.native, name, call));
      return await this.#verify(handle, info, options, signal);
    });
  }

  async #verify(
    handle: DeltaHandle,
    info: NativeInfo,
    options: VerifyOptions,
    signal: AbortSignal,
  ): Promise<VerifyResult> {
    const repo = this.#repo;
    const signed = await stepsUnder(signal)((call) => native().deltaSigned(repo.native, handle, call));
    return await verifySigned(
      repo,
      { ...signed, of: 'delta', name: `Delta ${info.name.name}` },
      options,
      signal,
    );
  }

  /**
   * Makes the indexes by which those who pull find deltas without reading the summary, and sets `core.indexed-deltas`.
   * Wraps `ostree_repo_static_delta_reindex()`.
   *
   * @throws {OstreeError} `CORRUPT` when something among the deltas is none
   */
  async reindex(options: ReindexOptions = {}): Promise<void> {
    checkOptions(options, REINDEX);
    const { to } = options;
    if (to !== undefined) checkRev(to, 'options.to');
    const repo = this.#repo;
    await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const commit = to && (await step((call) => native().refResolve(repo.native, to, false, call)));
      await step((call) => native().deltaReindex(repo.native, commit, call));
    });
  }

  /** The commits that there is an index for. As `ostree_repo_list_static_delta_indexes()`. */
  async indexes(options: CallOptions = {}): Promise<Checksum[]> {
    checkOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.run(options, (call) => native().deltaIndexes(repo.native, call));
  }

  /**
   * Deletes a delta, as `ostree static-delta delete`, and takes it out of its index.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none
   */
  async remove(delta: string | DeltaName, options: CallOptions = {}): Promise<void> {
    const name = nameOf(delta);
    checkOptions(options);
    const repo = this.#repo;
    await repo.lifetime.run(options, (call) => native().deltaRemove(repo.native, name, call));
  }
}
