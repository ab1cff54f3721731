// Making static deltas.
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';

import type { DeltaName, DeltaOptions as NativeOptions } from '../typings/addon.js';
import { type CallOptions, type ProgressOptions, stepsUnder } from './call.js';
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
  valueError,
  type Names,
  checkKnown,
} from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { type Signer, checkSigners, isGpg, metadataKey, signaturesBy } from './sign.js';
import { Tasks } from './tasks.js';
import type { Rev } from './types.js';

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
  /** Bytes of memory that those together may take, by their worst case; half of the machine's, or of the control group's, unless given. */
  memoryLimit?: number | undefined;
}

const MEGABYTE = 1_000_000;

/** Of the machine, or of the control group where that has a limit. */
function memorySize(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
/** Milliseconds. */
const PROGRESS_INTERVAL = 100;
const SIZES = ['minFallbackSize', 'maxBsdiffSize', 'maxChunkSize'] as const;
const FLAGS = ['inline', 'bsdiff', 'ifNotExists'] as const;

const GENERATE: Names<GenerateDeltaOptions> = {
  signal: true,
  to: true,
  from: true,
  inline: true,
  filename: true,
  minFallbackSize: true,
  maxBsdiffSize: true,
  maxChunkSize: true,
  bsdiff: true,
  endianness: true,
  ifNotExists: true,
  sign: true,
};

const MANY: Names<GenerateManyOptions> = {
  signal: true,
  onProgress: true,
  concurrency: true,
  memoryLimit: true,
};

function checkGenerateOptions(value: unknown, name = 'options'): asserts value is GenerateDeltaOptions {
  checkObject(value, name);
  checkKnown(value, GENERATE, name);
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

async function generateUnder(
  repo: RepoInner,
  options: GenerateDeltaOptions,
  signal: AbortSignal,
): Promise<GeneratedDelta> {
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

export async function generate(repo: RepoInner, options: GenerateDeltaOptions): Promise<GeneratedDelta> {
  checkGenerateOptions(options);
  return await repo.lifetime.sequence(options, (signal) => generateUnder(repo, options, signal));
}

export async function generateMany(
  repo: RepoInner,
  list: readonly Omit<GenerateDeltaOptions, 'signal'>[],
  options: GenerateManyOptions,
): Promise<GeneratedDelta[]> {
  checkArray(list, 'list');
  for (const [i, entry] of list.entries()) {
    checkGenerateOptions(entry, `list[${i}]`);
    if (entry.signal !== undefined)
      throw valueError(`list[${i}].signal`, 'is not for one of several: options.signal is for all of them');
  }
  checkOptions(options, MANY);
  const { concurrency = availableParallelism(), memoryLimit = memorySize() / 2, onProgress } = options;
  checkInteger(concurrency, 'options.concurrency', 1);
  if (options.memoryLimit !== undefined) checkInteger(memoryLimit, 'options.memoryLimit', 1);
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  let done = 0;
  let told = -Infinity;
  const tell = () => {
    const now = performance.now();
    if (++done < list.length && now - told < PROGRESS_INTERVAL) return;
    told = now;
    onProgress?.({ done, total: list.length });
  };
  return await repo.lifetime.sequence(options, (outer) =>
    new Tasks({ signal: outer, concurrency, budget: memoryLimit }).map(
      list,
      memoryOf,
      async (entry, signal) => {
        const result = await generateUnder(repo, entry, signal);
        tell();
        return result;
      },
    ),
  );
}
