// Static deltas.
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';

import type {
  DeltaHandle,
  DeltaInfo as NativeInfo,
  DeltaOptions as NativeOptions,
  DeltaName,
} from '../typings/addon.js';
import { type CallOptions, type ProgressOptions, type Step, stepsUnder } from './call.js';
import {
  checkArray,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkName,
  checkObject,
  checkOneOf,
  checkOptions,
  checkRev,
  checkString,
  valueError,
} from './check.js';
import type { ObjectName } from './errors.js';
import { native } from './native.js';
import type { RepoInner } from './repo.js';
import { type Signer, checkSigners, isGpg, metadataKey, signaturesBy } from './sign.js';
import { Tasks } from './tasks.js';
import type { Checksum, Rev } from './types.js';
import { type VerifyOptions, type VerifyResult, checkVerifyOptions, verifySigned } from './verify.js';

export type { DeltaName } from '../typings/addon.js';

/** What a delta is made of. Sizes are bytes; libostree counts megabytes (1,000,000), so they are rounded up to those. */
export interface GenerateDeltaOptions extends CallOptions {
  /** The commit that the receiver will have. */
  to: Rev;
  /** The commit that the receiver has: the parent of `to` unless given; null: none, the delta has everything. */
  from?: Rev | null | undefined;
  /** Put the parts into the superblock, so that the delta is one file. */
  inline?: boolean | undefined;
  /** Write the superblock to this path, and the parts beside it, instead of into the repository. */
  filename?: string | undefined;
  /** Objects larger than this are left out, to be fetched one by one; 4 MB unless given, 0: none is. */
  minFallbackSize?: number | undefined;
  /** Larger files are not compared byte by byte; 128 MB unless given. */
  maxBsdiffSize?: number | undefined;
  /** How large a part becomes; 32 MB unless given. */
  maxChunkSize?: number | undefined;
  /** false: files are not compared byte by byte. That takes the most time and memory. */
  bsdiff?: boolean | undefined;
  /** Of the numbers in the superblock; that of this machine unless given. */
  endianness?: 'little' | 'big' | undefined;
  /** Make none where there is one already. Not with `filename`. */
  ifNotExists?: boolean | undefined;
  /** Signs the superblock. gpg cannot: libostree has no such signatures of deltas. */
  sign?: Signer | Signer[] | undefined;
}

export interface GeneratedDelta extends DeltaName {
  /** false: there was one already. */
  generated: boolean;
}

export interface DeltaProgress {
  /** How many deltas are there, of how many. */
  done: number;
  total: number;
}

export interface GenerateManyOptions extends ProgressOptions<DeltaProgress> {
  /** How many to make at once; as many as there are processors unless given. */
  concurrency?: number | undefined;
  /** Bytes of memory that those together may take, by their worst case; half of the machine's unless given. */
  memoryLimit?: number | undefined;
}

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
  /** Whose signature it must have. Without it signatures are not looked at, unless `core.sign-verify-deltas` is set. */
  verify?: Omit<VerifyOptions, 'signal' | 'report'> | undefined;
}

export type AppliedDelta = DeltaName;

export interface ReindexOptions extends CallOptions {
  /** Only the index of this commit. */
  to?: Rev | undefined;
}

const MEGABYTE = 1_000_000;
const NAME = /^(?:[0-9a-f]{64}-)?[0-9a-f]{64}$/;
const SIZES = ['minFallbackSize', 'maxBsdiffSize', 'maxChunkSize'] as const;
const FLAGS = ['inline', 'bsdiff', 'ifNotExists'] as const;

function checkDeltaName(value: unknown): asserts value is string {
  checkString(value, 'name');
  if (!NAME.test(value))
    throw valueError('name', `must be the name of a delta, FROM-TO or TO. Received '${value.slice(0, 200)}'`);
}

function checkGenerateOptions(value: unknown, name = 'options'): asserts value is GenerateDeltaOptions {
  checkObject(value, name);
  const { to, from, filename, endianness, sign } = value;
  checkRev(to, `${name}.to`);
  if (from !== undefined && from !== null) checkRev(from, `${name}.from`);
  for (const flag of FLAGS) if (value[flag] !== undefined) checkBoolean(value[flag], `${name}.${flag}`);
  for (const size of SIZES)
    if (value[size] !== undefined) checkInteger(value[size], `${name}.${size}`, 0, 4_000_000 * MEGABYTE);
  if (endianness !== undefined) checkOneOf(endianness, `${name}.endianness`, ['little', 'big']);
  if (filename !== undefined) checkName(filename, `${name}.filename`);
  if (filename !== undefined && filename.endsWith('/'))
    throw valueError(`${name}.filename`, 'must be the path of a file');
  if (filename !== undefined && value['ifNotExists'])
    throw valueError(`${name}.ifNotExists`, `does not go with ${name}.filename`);
  for (const signer of sign === undefined ? [] : checkSigners(sign, `${name}.sign`))
    if (signer.type === 'gpg' || isGpg(signer))
      throw valueError(`${name}.sign`, 'must not be gpg: libostree has no such signatures of deltas');
}

function toNative(options: GenerateDeltaOptions): NativeOptions {
  const { to, from, filename, endianness, ifNotExists = false, inline = false, bsdiff = true } = options;
  const megabytes = (size: number | undefined) =>
    size === undefined ? undefined : Math.ceil(size / MEGABYTE);
  return {
    to,
    from: from ?? undefined,
    fromParent: from === undefined,
    ifNotExists,
    inline,
    bsdiff,
    filename: filename === undefined ? undefined : resolve(filename),
    minFallbackSize: megabytes(options.minFallbackSize),
    maxBsdiffSize: megabytes(options.maxBsdiffSize),
    maxChunkSize: megabytes(options.maxChunkSize),
    bigEndian: endianness === undefined ? undefined : endianness === 'big',
    sign: options.sign !== undefined,
  };
}

/**
 * Bytes that making it may take at once: bsdiff sorts the older file, in 8 bytes a position, twice, beside both files;
 * the compressor takes 400 MB, and a part is in memory.
 */
function memoryOf({
  bsdiff = true,
  maxBsdiffSize = 128 * MEGABYTE,
  maxChunkSize = 32 * MEGABYTE,
}: GenerateDeltaOptions): number {
  return 400 * MEGABYTE + 2 * maxChunkSize + (bsdiff ? 18 * maxBsdiffSize : 0);
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

async function signatures(
  signers: Signer[],
  data: Uint8Array,
  signal: AbortSignal,
): Promise<Record<string, Uint8Array[]>> {
  const result: Record<string, Uint8Array[]> = {};
  for (const signer of signers) {
    if (isGpg(signer)) continue; // refused before
    (result[metadataKey(signer.type)] ??= []).push(...(await signaturesBy(signer, data, signal)));
  }
  return result;
}

/** `repo.deltas`. Names are `FROM-TO`, or `TO` for a delta from nothing, in checksums of commits. */
export class Deltas {
  readonly #repo: RepoInner;

  /** @internal */
  constructor(repo: RepoInner) {
    this.#repo = repo;
  }

  /**
   * Makes a delta. It appears as a whole, in place of one that was there. Who pulls finds it through the summary or an
   * index: call {@link Summary.regenerate} or {@link Deltas.reindex} afterwards.
   * Wraps `ostree_repo_static_delta_generate()`.
   *
   * @throws {OstreeError} `NOT_FOUND` without a commit or one of its objects, `CORRUPT` when one is damaged
   */
  async generate(options: GenerateDeltaOptions): Promise<GeneratedDelta> {
    checkOptions(options);
    checkGenerateOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, (signal) => this.#generate(options, signal));
  }

  async #generate(options: GenerateDeltaOptions, signal: AbortSignal): Promise<GeneratedDelta> {
    const repo = this.#repo;
    const step = stepsUnder(signal);
    const nativeOptions = toNative(options);
    const { name, staged, data } = await step((call) =>
      native().deltaGenerate(repo.native, nativeOptions, call),
    );
    if (!staged) return { ...name, generated: false };
    try {
      const signers = options.sign === undefined ? [] : checkSigners(options.sign, 'options.sign');
      const signed = data ? await signatures(signers, data, signal) : {};
      const { filename } = nativeOptions;
      await step((call) => native().deltaPublish(repo.native, staged, name.name, filename, signed, call));
    } catch (error) {
      await stepsUnder(new AbortController().signal)((call) => native().deltaDiscard(staged, call));
      throw error;
    }
    return { ...name, generated: true };
  }

  /**
   * Makes several deltas side by side; the results are in the order of the list. One that fails ends all, and those that
   * are made already stay.
   */
  async generateMany(
    list: Omit<GenerateDeltaOptions, 'signal'>[],
    options: GenerateManyOptions = {},
  ): Promise<GeneratedDelta[]> {
    checkArray(list, 'list');
    for (const [i, entry] of list.entries()) checkGenerateOptions(entry, `list[${i}]`);
    checkOptions(options);
    const { concurrency = availableParallelism(), memoryLimit = totalmem() / 2, onProgress } = options;
    checkInteger(concurrency, 'options.concurrency', 1);
    if (options.memoryLimit !== undefined) checkInteger(memoryLimit, 'options.memoryLimit', 1);
    if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
    let done = 0;
    return await this.#repo.lifetime.sequence(options, (outer) =>
      new Tasks({ signal: outer, concurrency, budget: memoryLimit }).map(
        list,
        memoryOf,
        async (entry, signal) => {
          const result = await this.#generate(entry, signal);
          onProgress?.({ done: ++done, total: list.length });
          return result;
        },
      ),
    );
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
  async show(name: string, options: CallOptions = {}): Promise<DeltaInfo> {
    checkDeltaName(name);
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
   * and the repository is an archive
   */
  async apply(path: string, options: ApplyDeltaOptions = {}): Promise<AppliedDelta> {
    checkName(path, 'path');
    checkOptions(options);
    const { verify } = options;
    if (verify !== undefined) checkVerifyOptions(verify);
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const { handle, info } = await step((call) => native().deltaOpen(repo.native, resolve(path), call));
      if (verify !== undefined) await this.#verify(handle, info, { ...verify, report: false }, step);
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
  async verify(name: string, options: VerifyOptions): Promise<VerifyResult> {
    checkDeltaName(name);
    checkVerifyOptions(options);
    const repo = this.#repo;
    return await repo.lifetime.sequence(options, async (signal) => {
      const step = stepsUnder(signal);
      const { handle, info } = await step((call) => native().deltaRead(repo.native, name, call));
      return await this.#verify(handle, info, options, step);
    });
  }

  async #verify(
    handle: DeltaHandle,
    info: NativeInfo,
    options: VerifyOptions,
    step: Step,
  ): Promise<VerifyResult> {
    const repo = this.#repo;
    const signed = await step((call) => native().deltaSigned(repo.native, handle, call));
    return await verifySigned(
      repo,
      { ...signed, of: 'delta', name: `Delta ${info.name.name}` },
      options,
      step,
    );
  }

  /**
   * Makes the indexes by which those who pull find deltas without reading the summary, and sets `core.indexed-deltas`.
   * Wraps `ostree_repo_static_delta_reindex()`.
   *
   * @throws {OstreeError} `CORRUPT` when something among the deltas is none
   */
  async reindex(options: ReindexOptions = {}): Promise<void> {
    checkOptions(options);
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
  async remove(name: string, options: CallOptions = {}): Promise<void> {
    checkDeltaName(name);
    checkOptions(options);
    const repo = this.#repo;
    await repo.lifetime.run(options, (call) => native().deltaRemove(repo.native, name, call));
  }
}
