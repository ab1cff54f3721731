// Publishing into a bucket of S3, or of a store that is like it.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';

import type { CallOptions } from './call.js';
import { type Names, checkFunction, checkKnown, checkObject, checkString, valueError } from './check.js';
import { OstreeError } from './errors.js';
import type { FallibleStore } from './publish-retry.js';
import type { Upload } from './publish-store.js';
import { servedPath } from './served-paths.js';

export interface S3PutOptions extends CallOptions {
  /** Bytes. */
  size: number;
  contentType: string;
  cacheControl: string;
}

/** What a publish needs of a bucket. {@link s3Adapter} makes one of the AWS SDK's client. */
export interface S3Adapter {
  /** null: there is no such key. */
  head(key: string, options: CallOptions): Promise<{ size: number } | null>;
  /** The whole content appears under the key, or nothing does. A stream is of large content, and is read once. */
  put(key: string, content: Uint8Array | Readable, options: S3PutOptions): Promise<void>;
  /** Does nothing where there is no such key. */
  delete(key: string, options: CallOptions): Promise<void>;
  /** null: there is no such key. Without it refs, the summary and signatures are sent whether they changed or not. */
  get?(key: string, options: CallOptions): Promise<Uint8Array | null>;
  /** The keys that begin so. Without it nothing can be pruned. */
  list?(prefix: string, options: CallOptions): AsyncIterable<string>;
  /** Whether a failure may pass. Unless given: what is an OstreeError of NETWORK. */
  mayHelp?(error: unknown): boolean;
}

/** A bucket. */
export interface S3Target {
  s3: S3Adapter;
  /** What comes before the paths of the repository in every key. */
  prefix?: string | undefined;
}

const TARGET: Names<S3Target> = { s3: true, prefix: true };
const NEEDED = ['head', 'put', 'delete'] as const;
const OPTIONAL = ['get', 'list', 'mayHelp'] as const;
/** Bytes; more goes as a stream. */
const SMALL = 8 << 20;

export function checkS3Target(target: object): asserts target is S3Target {
  checkKnown(target, TARGET, 'target');
  const { s3, prefix } = target as Record<string, unknown>;
  checkObject(s3, 'target.s3');
  for (const name of NEEDED) checkFunction(s3[name], `target.s3.${name}`);
  for (const name of OPTIONAL) if (s3[name] !== undefined) checkFunction(s3[name], `target.s3.${name}`);
  if (prefix === undefined) return;
  checkString(prefix, 'target.prefix');
  if (prefix.startsWith('/')) throw valueError('target.prefix', 'must not begin with a slash');
}

function cacheControl(path: string): string {
  const kind = servedPath(path)?.kind;
  if (kind === 'object' || kind === 'delta') return 'public, max-age=31536000, immutable';
  return `public, max-age=${kind === 'config' ? 300 : 5}, must-revalidate`;
}

export class S3Store implements FallibleStore {
  readonly local = false;
  readonly name: string;
  readonly #s3: S3Adapter;
  readonly #prefix: string;

  constructor({ s3, prefix = '' }: S3Target) {
    this.#s3 = s3;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.name = `the bucket${this.#prefix && ` at ${this.#prefix}`}`;
  }

  mayHelp(error: unknown): boolean {
    return this.#s3.mayHelp?.(error) ?? OstreeError.is(error, 'NETWORK');
  }

  /** A bucket has no directories. */
  async prepare(): Promise<void> {}

  async size(path: string, signal: AbortSignal): Promise<number | null> {
    return (await this.#s3.head(this.#prefix + path, { signal }))?.size ?? null;
  }

  async read(path: string, signal: AbortSignal): Promise<Buffer | null> {
    const content = await this.#s3.get?.(this.#prefix + path, { signal });
    return content ? Buffer.from(content) : null;
  }

  async put({ path, size, source }: Upload, signal: AbortSignal): Promise<void> {
    const options = {
      size,
      contentType: 'application/octet-stream',
      cacheControl: cacheControl(path),
      signal,
    };
    const key = this.#prefix + path;
    if (typeof source !== 'string') return await this.#s3.put(key, source, options);
    if (size <= SMALL) return await this.#s3.put(key, await readFile(source), options);
    const content = createReadStream(source);
    try {
      await this.#s3.put(key, content, options);
    } finally {
      content.destroy();
    }
  }

  async putTogether(uploads: Upload[], signal: AbortSignal): Promise<void> {
    for (const upload of uploads) await this.put(upload, signal);
  }

  /** A bucket answers once it is so. */
  async flush(): Promise<void> {}

  async remove(path: string, signal: AbortSignal): Promise<void> {
    await this.#s3.delete(this.#prefix + path, { signal });
  }

  async list(directory: string, signal: AbortSignal): Promise<string[]> {
    const paths: string[] = [];
    for await (const key of listing(this.#s3)(`${this.#prefix}${directory}/`, { signal }))
      paths.push(key.slice(this.#prefix.length));
    return paths;
  }

  async close(): Promise<void> {}
}

/** Looked for before anything is sent, too. */
export function listing(s3: S3Adapter): NonNullable<S3Adapter['list']> {
  if (s3.list) return s3.list.bind(s3);
  throw new OstreeError('NOT_SUPPORTED', 'Nothing can be pruned from a bucket whose adapter has no list()');
}
