// Publishing to a receiver over HTTP: see publish-protocol.ts for what is said.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { type Names, checkKnown, checkName, checkObject, checkString, valueError } from './check.js';
import { type ObjectName, OstreeError } from './errors.js';
import {
  type Finished,
  isRefusal,
  MAX_OFFER,
  type Begun,
  type Finish,
  type Missing,
  type Offer,
} from './publish-protocol.js';
import type { Reporter } from './publish-progress.js';
import type { PublishSource, SourceRef } from './publish-source.js';
import { objectPath, type Upload } from './publish-store.js';
import { newOutcome, type Outcome, type PublishRules, type PublishWork } from './publish-types.js';
import { digestOf } from './receiver-staging.js';
import { retrying } from './retry.js';
import { Tasks } from './tasks.js';
import type { Checksum } from './types.js';

/** Milliseconds without a byte, until another try. Receivers verify all before they answer a finish. */
const STALL = 60_000;
const FINISH_STALL = 3_600_000;
const VERIFY_BATCH = 512;

/** A receiver: see {@link createRepoReceiver}. */
export interface ReceiverTarget {
  /** Where the receiver is: `publish/` is added to it. */
  url: string;
  /** To be sent with every request, such as `Authorization`. */
  headers?: Record<string, string> | undefined;
  /** Certificates of authorities, and of this client; PEM. */
  tls?:
    | { ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer; rejectUnauthorized?: boolean }
    | undefined;
}

const TARGET: Names<ReceiverTarget> = { url: true, headers: true, tls: true };

export function checkReceiverTarget(target: object): asserts target is ReceiverTarget {
  checkKnown(target, TARGET, 'target');
  const { url, headers, tls } = target as Record<string, unknown>;
  checkName(url, 'target.url');
  if (!/^https?:\/\/./i.test(url) || !URL.canParse(url))
    throw valueError('target.url', `must be a URL of http: or https:. Received '${url}'`);
  if (tls !== undefined) checkObject(tls, 'target.tls');
  if (headers === undefined) return;
  checkObject(headers, 'target.headers');
  for (const [name, value] of Object.entries(headers)) checkString(value, `target.headers['${name}']`);
}

/** The connection to a receiver. */
class Receiver {
  readonly #base: URL;
  readonly #headers: Record<string, string>;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #rules: PublishRules;
  readonly #signal: AbortSignal;

  constructor({ url, headers = {}, tls = {} }: ReceiverTarget, id: string, { rules, signal }: PublishWork) {
    this.#base = new URL(`publish/1/${id}/`, url.endsWith('/') ? url : `${url}/`);
    this.#headers = headers;
    const options = { keepAlive: true, maxSockets: rules.concurrency };
    this.#agent =
      this.#base.protocol === 'https:' ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options);
    this.#rules = rules;
    this.#signal = signal;
  }

  close(): void {
    this.#agent.destroy();
  }

  async ask<T>(what: 'missing' | 'finish' | '', body: object): Promise<T> {
    const data = Buffer.from(JSON.stringify(body));
    const stall = what === 'finish' ? FINISH_STALL : STALL;
    const open = () => Readable.from([data], { objectMode: false });
    return (await this.#send('POST', what, { size: data.length, open }, stall)) as T;
  }

  async put({ path, size, source }: Upload): Promise<void> {
    const open = () =>
      typeof source === 'string' ? createReadStream(source) : Readable.from([source], { objectMode: false });
    await this.#send('PUT', path, { size, open }, STALL);
  }

  async #send(
    method: string,
    path: string,
    body: { size: number; open: () => Readable },
    stall: number,
  ): Promise<unknown> {
    const mayHelp = (error: unknown) =>
      OstreeError.is(error, 'NETWORK') ||
      OstreeError.is(error, 'TIMED_OUT') ||
      OstreeError.is(error, 'LOCKED') ||
      (OstreeError.is(error, 'HTTP') && (error.details.status >= 500 || error.details.status === 429));
    const { retries } = this.#rules;
    return await retrying({ retries, signal: this.#signal, mayHelp }, () =>
      this.#once(method, path, body, stall),
    );
  }

  async #once(
    method: string,
    path: string,
    body: { size: number; open: () => Readable },
    stall: number,
  ): Promise<unknown> {
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), this.#base);
    const headers = {
      ...this.#headers,
      'Content-Type': 'application/octet-stream',
      'Content-Length': body.size,
    };
    const options: RequestOptions = { method, headers, agent: this.#agent, signal: this.#signal };
    const req = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
    req.setTimeout(stall, () =>
      req.destroy(new OstreeError('TIMED_OUT', `${url.href} said nothing for ${stall} ms`)),
    );
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      req.on('response', resolve);
      req.on('error', reject);
    });
    try {
      // A refusal may come before all was sent: then it is what counts.
      const sent = pipeline(body.open(), req);
      sent.catch(() => {});
      const res = await answered;
      const text = await readText(res, url);
      const answer = parse(text);
      if (res.statusCode === 200) {
        await sent;
        return answer;
      }
      throw refusalOf(answer, res.statusCode ?? 0, url);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (OstreeError.is(error)) throw error;
      throw new OstreeError('NETWORK', `${method} ${url.href}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}

/** Bytes; a list of a million refs fits. */
const MAX_ANSWER = 256 << 20;

async function readText(res: IncomingMessage, url: URL): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of res) {
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER)
      throw new OstreeError('TOO_LARGE', `${url.href} answered more than ${MAX_ANSWER} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function refusalOf(answer: unknown, status: number, url: URL): OstreeError {
  if (isRefusal(answer) && answer.code !== 'FAILED') {
    const { code, message, ref, checksum, details } = answer;
    return new OstreeError(code, message, { ref, checksum, details });
  }
  const message = isRefusal(answer) ? answer.message : `${url.href} answered ${status}`;
  return new OstreeError('HTTP', message, { details: { status, url: url.href } });
}

function refKey({ ref, collectionId = '' }: { ref: string; collectionId?: string | undefined }): string {
  return `${collectionId}:${ref}`;
}

export class HttpPublisher {
  readonly #target: ReceiverTarget;
  readonly #work: PublishWork;
  readonly #source: PublishSource;
  readonly #rules: PublishRules;
  readonly #reporter: Reporter;
  readonly #signal: AbortSignal;
  readonly #tasks: Tasks;
  readonly #outcome: Outcome = newOutcome();
  readonly #deltas: string[] = [];
  #receiver: Receiver | undefined;

  constructor(target: ReceiverTarget, work: PublishWork) {
    this.#target = target;
    this.#work = work;
    this.#source = work.source;
    this.#rules = work.rules;
    this.#reporter = work.reporter;
    this.#signal = work.signal;
    this.#tasks = new Tasks({ signal: work.signal, concurrency: work.rules.concurrency, budget: Infinity });
  }

  async run(): Promise<Outcome> {
    const refs = await this.#source.refs(this.#rules.refs, this.#signal);
    // The same for the same refs: a publish that was killed finds its uploads again.
    const id = createHash('sha256').update(JSON.stringify(refs)).digest('hex');
    const receiver = new Receiver(this.#target, id, this.#work);
    this.#receiver = receiver;
    try {
      return await this.#publish(receiver, refs);
    } finally {
      receiver.close();
    }
  }

  async #publish(receiver: Receiver, refs: SourceRef[]): Promise<Outcome> {
    const begun = await receiver.ask<Begun>('', {});
    const there = new Map(begun.refs.map((ref) => [refKey(ref), ref.checksum]));
    this.#outcome.refs = refs.map((ref) => ({
      ref: ref.ref,
      ...(ref.collectionId && { collectionId: ref.collectionId }),
      old: there.get(refKey(ref)) ?? null,
      new: ref.checksum,
    }));
    const commits = new Set<Checksum>();
    const names = await this.#gather(refs, commits);
    await this.#sendObjects(names, refs);
    await this.#sendDeltas(commits);
    if (!this.#rules.dryRun) await this.#finish(receiver, refs);
    this.#reporter.phase('done');
    return this.#outcome;
  }

  get #to(): Receiver {
    if (!this.#receiver) throw new Error('not connected');
    return this.#receiver;
  }

  async #gather(refs: SourceRef[], commits: Set<Checksum>): Promise<Map<string, ObjectName>> {
    const names = new Map<string, ObjectName>();
    for (const ref of refs) {
      const history = await this.#source.history(ref, this.#signal);
      for (const { checksum } of history) commits.add(checksum);
      const options = { depth: history.length - 1, signal: this.#signal };
      for await (const name of this.#source.repo.reachable(ref.checksum, options))
        names.set(objectPath(name), name);
    }
    return names;
  }

  async #sendObjects(names: Map<string, ObjectName>, refs: SourceRef[]): Promise<void> {
    const all = [...names.values()].filter(({ type }) => type !== 'commitmeta');
    const missing: { name: ObjectName; upload: Upload }[] = [];
    for (let i = 0; i < all.length; i += MAX_OFFER) {
      const objects = all.slice(i, i + MAX_OFFER).map(({ type, checksum }) => `${checksum}.${type}`);
      const answer = await this.#to.ask<Missing>('missing', { objects } satisfies Offer);
      for (const path of answer.missing) {
        const name = names.get(path);
        if (!name) continue;
        const upload = await this.#source.object(name);
        missing.push({ name, upload });
        this.#reporter.expect(1, upload.size);
      }
    }
    this.#reporter.phase('objects');
    for (let i = 0; i < missing.length; i += VERIFY_BATCH)
      await this.#sendBatch(missing.slice(i, i + VERIFY_BATCH));
    const heads = refs.map(({ checksum }) => checksum);
    const news = missing.filter(({ name }) => name.type === 'commit').map(({ name }) => name.checksum);
    const files = await Promise.all(
      [...new Set([...heads, ...news])].map((checksum) =>
        this.#source.file(objectPath({ type: 'commitmeta', checksum })),
      ),
    );
    await this.#sendChanged(files.filter((file) => file !== null));
  }

  async #sendBatch(batch: { name: ObjectName; upload: Upload }[]): Promise<void> {
    await this.#source.verify(
      batch.map(({ name }) => name),
      this.#signal,
    );
    await this.#tasks.map(
      batch,
      () => 0,
      async ({ upload }) => {
        await this.#put(upload);
        this.#outcome.objects++;
        this.#reporter.sent(1, 0);
      },
    );
  }

  async #put(upload: Upload): Promise<void> {
    if (!this.#rules.dryRun) await this.#to.put(upload);
    this.#outcome.bytes += upload.size;
    this.#reporter.sent(0, upload.size);
  }

  /** Files that may be there with another content. The result is those that were sent. */
  async #sendChanged(uploads: Upload[]): Promise<Upload[]> {
    const sent: Upload[] = [];
    const size = MAX_OFFER / 10;
    for (let i = 0; i < uploads.length; i += size) {
      const files: Record<string, string> = {};
      for (const { path, source } of uploads.slice(i, i + size))
        if (typeof source === 'string') files[path] = (await digestOf(source)) ?? '';
      const { missing } = await this.#to.ask<Missing>('missing', { files } satisfies Offer);
      const wanted = new Set(missing);
      for (const upload of uploads.slice(i, i + size)) {
        if (!wanted.has(upload.path)) continue;
        this.#reporter.expect(0, upload.size);
        await this.#put(upload);
        sent.push(upload);
      }
    }
    return sent;
  }

  async #sendDeltas(commits: Set<Checksum>): Promise<void> {
    this.#reporter.phase('deltas');
    for (const { name, files } of await this.#source.deltas(commits, this.#signal)) {
      const uploads = (await Promise.all(files.map((path) => this.#source.file(path)))).filter(
        (file) => file !== null,
      );
      const superblock = uploads.at(-1);
      if (!superblock?.path.endsWith('/superblock')) continue; // it is being deleted
      // Of these the receiver takes what was uploaded, now or by an earlier try.
      this.#deltas.push(name);
      const { missing } = await this.#to.ask<Missing>('missing', {
        files: { [superblock.path]: (await digestOf(String(superblock.source))) ?? '' },
      } satisfies Offer);
      if (missing.length > 0) {
        await this.#sendChanged(uploads);
        this.#outcome.deltas.push(name);
      }
    }
  }

  async #finish(receiver: Receiver, refs: SourceRef[]): Promise<void> {
    this.#reporter.phase('refs');
    const finish: Finish = {
      refs: refs.map(({ ref, collectionId, checksum }, i) => ({
        ref,
        collectionId,
        checksum,
        expected: this.#outcome.refs[i]?.old ?? null,
      })),
      deltas: this.#deltas,
      prune: this.#rules.prune,
    };
    const { summary, pruned } = await receiver.ask<Finished>('finish', finish);
    this.#outcome.summary = summary;
    this.#outcome.pruned = pruned;
  }
}
