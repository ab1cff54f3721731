// The AWS SDK's client as a bucket to publish into. The SDK is the application's own: it is looked for when it is used.
import type { Readable } from 'node:stream';

import type { CallOptions } from './call.js';
import { type Names, checkFunction, checkName, checkObject, checkOptions } from './check.js';
import { OstreeError } from './errors.js';
import type { S3Adapter, S3PutOptions } from './publish-s3.js';

/** An `S3Client` of `@aws-sdk/client-s3`, version 3. */
export interface AwsS3Client {
  // A method, for the SDK's own has many forms.
  send(command: never, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

export interface S3AdapterOptions {
  bucket: string;
}

type Command = new (input: Record<string, unknown>) => object;
interface Sdk {
  HeadObjectCommand: Command;
  GetObjectCommand: Command;
  PutObjectCommand: Command;
  DeleteObjectCommand: Command;
  ListObjectsV2Command: Command;
}

const ADAPTER: Names<S3AdapterOptions> = { bucket: true };
const SDK = '@aws-sdk/client-s3';

async function loadSdk(): Promise<Sdk> {
  try {
    return (await import(SDK)) as Sdk;
  } catch (error) {
    throw new OstreeError('NOT_SUPPORTED', `s3Adapter() needs the AWS SDK: npm install ${SDK}`, {
      cause: error,
    });
  }
}

/** Of what the SDK throws. */
interface SdkError {
  name: string;
  message: string;
  $metadata?: { httpStatusCode?: number };
}

interface Output {
  ContentLength?: number;
  Body?: { transformToByteArray(): Promise<Uint8Array> };
  Contents?: { Key?: string }[];
  NextContinuationToken?: string;
}

function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return $metadata?.httpStatusCode === 404 || name === 'NotFound' || name === 'NoSuchKey';
}

class Adapter implements S3Adapter {
  readonly #client: AwsS3Client;
  readonly #bucket: string;
  #sdk: Promise<Sdk> | undefined;

  constructor(client: AwsS3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async #send(name: keyof Sdk, input: Record<string, unknown>, { signal }: CallOptions): Promise<Output> {
    this.#sdk ??= loadSdk();
    const { [name]: Command } = await this.#sdk;
    const command = new Command({ Bucket: this.#bucket, ...input });
    try {
      return (await this.#client.send(command as never, signal ? { abortSignal: signal } : {})) as Output;
    } catch (error) {
      signal?.throwIfAborted();
      const { Key: path } = input;
      throw isMissing(error) ? error : this.#failure(error, typeof path === 'string' ? path : '');
    }
  }

  #failure(error: unknown, path: string): OstreeError {
    const { name, message, $metadata } = error as SdkError;
    const status = $metadata?.httpStatusCode ?? 0;
    const text = `S3 ${this.#bucket}/${path}: ${name}: ${message}`;
    if (status === 401 || status === 403)
      return new OstreeError('PERMISSION_DENIED', text, { path, cause: error });
    if (status === 0 || status === 408 || status === 429 || status >= 500)
      return new OstreeError('NETWORK', text, { path, cause: error });
    const details = { status, url: `s3://${this.#bucket}/${path}` };
    return new OstreeError('HTTP', text, { path, details, cause: error });
  }

  async #unlessMissing<T>(body: () => Promise<T>): Promise<T | null> {
    try {
      return await body();
    } catch (error) {
      if (!OstreeError.is(error) && isMissing(error)) return null;
      throw error;
    }
  }

  async head(key: string, options: CallOptions): Promise<{ size: number } | null> {
    return await this.#unlessMissing(async () => {
      const { ContentLength = 0 } = await this.#send('HeadObjectCommand', { Key: key }, options);
      return { size: ContentLength };
    });
  }

  async get(key: string, options: CallOptions): Promise<Uint8Array | null> {
    return await this.#unlessMissing(async () => {
      const { Body } = await this.#send('GetObjectCommand', { Key: key }, options);
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    });
  }

  async put(
    key: string,
    content: Uint8Array | Readable,
    { size, contentType, cacheControl, signal }: S3PutOptions,
  ): Promise<void> {
    const input = {
      Key: key,
      Body: content,
      ContentLength: size,
      ContentType: contentType,
      CacheControl: cacheControl,
    };
    try {
      await this.#send('PutObjectCommand', input, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      // Of a put, 404 says that there is no such bucket.
      throw OstreeError.is(error)
        ? error
        : new OstreeError('NOT_FOUND', `There is no bucket ${this.#bucket}`, { cause: error });
    }
  }

  async delete(key: string, options: CallOptions): Promise<void> {
    await this.#unlessMissing(() => this.#send('DeleteObjectCommand', { Key: key }, options));
  }

  async *list(prefix: string, options: CallOptions): AsyncGenerator<string, void, undefined> {
    let token: string | undefined;
    do {
      const page = await this.#send(
        'ListObjectsV2Command',
        { Prefix: prefix, ContinuationToken: token },
        options,
      );
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }
}

/**
 * An adapter for `repo.publish({ s3 })` of a client of `@aws-sdk/client-s3`, which is to be installed beside this
 * package. Stores other than AWS's own may need `requestChecksumCalculation: 'WHEN_REQUIRED'` and `forcePathStyle: true`
 * in the client's configuration.
 */
export function s3Adapter(client: AwsS3Client, options: S3AdapterOptions): S3Adapter {
  checkObject(client, 'client');
  checkFunction((client as { send?: unknown }).send, 'client.send');
  checkOptions(options, ADAPTER);
  checkName(options.bucket, 'options.bucket');
  return new Adapter(client, options.bucket);
}
