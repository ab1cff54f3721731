// A repository over HTTP, for those who publish to it.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { untilAborted } from './abort.js';
import { type Names, checkBoolean, checkFunction, checkInteger, checkOptions } from './check.js';
import { OstreeError } from './errors.js';
import type { Begun, Finished, Missing, Refusal } from './publish-protocol.js';
import { statusOf } from './publish-protocol.js';
import { objectAt } from './publish-store.js';
import { Acceptance, type AcceptRules } from './receiver-accept.js';
import {
  contentLength,
  finishOf,
  offerOf,
  readJson,
  receiverRequest,
  type ReceiverRequest,
} from './receiver-requests.js';
import { digestOf, evict, Staging, type StagingLimits } from './receiver-staging.js';
import type { ReceiverAction, RepoReceiverOptions } from './receiver-types.js';
import type { Repo } from './repo.js';
import { innerOf } from './repo-inner.js';
import type { RepoHandler } from './serve.js';
import { checkSigners } from './sign.js';
import { inTurn } from './turns.js';

/** Those who publish ask again after so many seconds. */
const RETRY_AFTER = 1;
const MAX_PUBLISHERS = 16;
const MAX_CONCURRENT = 256;
/** Bytes of a refused upload that are read so that the answer is, too. */
const DRAIN = 1 << 20;
/** Milliseconds after which a publisher that said nothing has its place taken. Its uploads stay. */
const IDLE = 60_000;

interface Publisher {
  staging: Promise<Staging>;
  requests: number;
  lastSeen: number;
  /** Its uploads were taken in. */
  done: boolean;
}

type Answer = Begun | Missing | Finished | Record<string, never>;

function refused(message: string): OstreeError {
  return new OstreeError('PERMISSION_DENIED', message);
}

const RECEIVER: Names<RepoReceiverOptions> = {
  authorize: true,
  summary: true,
  sign: true,
  maxObjectSize: true,
  maxSize: true,
  maxPublishers: true,
  maxConcurrent: true,
};

class Receiver {
  readonly #repo: Repo;
  readonly #options: RepoReceiverOptions;
  readonly #limits: StagingLimits;
  readonly #summary: AcceptRules['summary'];
  readonly #publishers = new Map<string, Publisher>();
  readonly #closing = new AbortController();
  #active = 0;

  constructor(repo: Repo, options: RepoReceiverOptions) {
    const { maxObjectSize = 4 * 2 ** 30, maxSize = 64 * 2 ** 30, summary = true, sign = [] } = options;
    this.#repo = repo;
    this.#options = options;
    this.#limits = { maxObjectSize, maxSize };
    this.#summary = summary ? { sign: checkSigners(sign, 'options.sign') } : null;
    innerOf(repo).lifetime.atClose(() =>
      this.#closing.abort(new OstreeError('CLOSED', `${repo.path} is closed`)),
    );
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    this.#active++;
    void this.#answer(req, res)
      .catch(() => res.destroy())
      .finally(() => this.#active--);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const answer = await this.#serve(req);
      this.#send(req, res, 200, answer);
    } catch (error) {
      if (res.destroyed) return;
      const refusal = refusalOf(error);
      this.#send(req, res, error instanceof HttpStatus ? error.status : statusOf(refusal.code), refusal);
    }
  }

  #send(req: IncomingMessage, res: ServerResponse, status: number, body: Answer | Refusal): void {
    const text = JSON.stringify(body);
    res.statusCode = status;
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Type', 'application/json');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Content-Length', Buffer.byteLength(text));
    if (status === 503) res.setHeader('Retry-After', RETRY_AFTER);
    if (status === 405) res.setHeader('Allow', 'POST, PUT');
    if (!req.complete) {
      // Nobody reads what is still to come; a client that goes on sending is cut off.
      res.setHeader('Connection', 'close');
      let drained = 0;
      req.on('data', (chunk: Buffer) => {
        drained += chunk.length;
        if (drained > DRAIN) req.destroy();
      });
    }
    res.end(text);
  }

  async #serve(req: IncomingMessage): Promise<Answer> {
    this.#closing.signal.throwIfAborted();
    const { method = '' } = req;
    if (method !== 'POST' && method !== 'PUT') throw new HttpStatus(405, 'Only POST and PUT');
    const request = receiverRequest(req.url ?? '', method);
    if (!request) throw new HttpStatus(404, 'Nothing of that kind can be published');
    if (this.#active > (this.#options.maxConcurrent ?? MAX_CONCURRENT))
      throw new HttpStatus(503, 'Too many requests');
    await this.#permit(req, { action: 'connect' });
    const key = keyOf(req, request);
    const publisher = this.#publisherOf(key);
    publisher.requests++;
    try {
      const answer = await this.#perform(req, request, await publisher.staging);
      if (request.what === 'finish') publisher.done = true;
      return answer;
    } finally {
      publisher.requests--;
      publisher.lastSeen = Date.now();
      // Its place is for others.
      if (publisher.done && publisher.requests === 0) this.#publishers.delete(key);
    }
  }

  async #permit(req: IncomingMessage, action: ReceiverAction): Promise<void> {
    if ((await this.#options.authorize(req, action)) === true) return;
    const what = 'ref' in action ? `${action.action} of ${action.ref}` : action.action;
    throw refused(`Not allowed: ${what}`);
  }

  #publisherOf(key: string): Publisher {
    const known = this.#publishers.get(key);
    if (known) return known;
    const idle = Date.now() - IDLE;
    for (const [other, { requests, lastSeen }] of this.#publishers)
      if (requests === 0 && lastSeen < idle) this.#publishers.delete(other);
    if (this.#publishers.size >= (this.#options.maxPublishers ?? MAX_PUBLISHERS))
      throw new HttpStatus(503, 'Too many publish at once');
    const staging = this.#open(key);
    const publisher: Publisher = { staging, requests: 0, lastSeen: Date.now(), done: false };
    this.#publishers.set(key, publisher);
    staging.catch(() => this.#publishers.delete(key));
    return publisher;
  }

  async #open(key: string): Promise<Staging> {
    const { path } = this.#repo;
    const { maxPublishers = MAX_PUBLISHERS } = this.#options;
    // One that is known by its key goes on; of others not too much may be left lying about.
    await evict(path, maxPublishers, (other) => other === key || this.#publishers.has(other));
    return await Staging.open(path, key, this.#limits);
  }

  async #perform(req: IncomingMessage, { what, path }: ReceiverRequest, staging: Staging): Promise<Answer> {
    switch (what) {
      case 'put':
        await untilAborted(this.#closing.signal, staging.put(path, contentLength(req), req));
        return {};
      case 'begin':
        return await this.#begin();
      case 'missing':
        return await this.#missing(staging, await this.#bodyOf(req));
      case 'finish': {
        const finish = finishOf(await this.#bodyOf(req));
        const rules: AcceptRules = {
          maxObjectSize: this.#limits.maxObjectSize,
          permit: (action) => this.#permit(req, action),
          summary: this.#summary,
          signal: this.#closing.signal,
        };
        // One after another: each sees the refs that the one before has moved.
        return await inTurn(this, this.#closing.signal, async () => {
          await staging.seal();
          try {
            return await new Acceptance(this.#repo, staging, finish, rules).run();
          } finally {
            await staging.unseal();
          }
        });
      }
    }
  }

  /** It is not waited for once the Repo is closed. */
  async #bodyOf(req: IncomingMessage): Promise<unknown> {
    return await untilAborted(this.#closing.signal, readJson(req));
  }

  async #begin(): Promise<Begun> {
    const signal = this.#closing.signal;
    const local = await this.#repo.listRefs({ remotes: false, mirrors: false, signal });
    const mirrored = await this.#repo.listRefs({ collections: true, signal });
    const own = this.#repo.collectionId;
    return {
      refs: [...local, ...mirrored.filter(({ collectionId }) => collectionId !== own)].map(
        ({ ref, collectionId, checksum }) => ({ ref, collectionId, checksum }),
      ),
    };
  }

  async #missing(staging: Staging, body: unknown): Promise<Missing> {
    const { objects, files } = offerOf(body);
    const signal = this.#closing.signal;
    const missing: string[] = [];
    for (const path of objects) {
      const name = objectAt(path);
      if (!name || (await staging.has(path)) || (await this.#repo.hasObject(name, { signal }))) continue;
      missing.push(path);
    }
    for (const [path, digest] of files) {
      if ((await staging.digest(path)) === digest) continue;
      // An older one of an earlier try must not come in its place.
      await staging.forget(path);
      if ((await digestOf(`${this.#repo.path}/${path}`)) !== digest) missing.push(path);
    }
    return { missing };
  }
}

/** Uploads belong to those who have the same credentials. */
function keyOf({ headers }: IncomingMessage, { id }: ReceiverRequest): string {
  const credentials = headers.authorization ?? '';
  return createHash('sha256').update(`${id}\0${credentials}`).digest('hex').slice(0, 32);
}

/** What is none of the codes of OstreeError. */
class HttpStatus extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function refusalOf(error: unknown): Refusal {
  if (OstreeError.is(error)) {
    const { code, message, ref, checksum, details } = error;
    return { code, message, ref, checksum, details };
  }
  // What it is is nobody's business.
  return { code: 'FAILED', message: error instanceof HttpStatus ? error.message : 'The receiver failed' };
}

/**
 * Takes what others publish into a repository, by `repo.publish(url)`: a function for `http.createServer()`, for paths
 * below `publish/`. Uploads are staged, and every one is verified; then all of it moves into the repository in one
 * transaction, with the refs, each of which must still be what the publisher took it for. The summary is made last.
 * Whatever is refused leaves the repository as it was. Closing the Repo ends what is under way.
 *
 * Whoever may publish can learn whether the repository has an object whose checksum they know, and bring commits that
 * contain it.
 *
 * @throws {OstreeError} `NOT_SUPPORTED` unless the repository is an archive
 */
export function createRepoReceiver(repo: Repo, options: RepoReceiverOptions): RepoHandler {
  const inner = innerOf(repo);
  checkOptions(options, RECEIVER);
  const { authorize, summary, sign, maxObjectSize, maxSize, maxPublishers, maxConcurrent } = options;
  checkFunction(authorize, 'options.authorize');
  if (summary !== undefined) checkBoolean(summary, 'options.summary');
  if (sign !== undefined) checkSigners(sign, 'options.sign');
  for (const [name, value] of Object.entries({ maxObjectSize, maxSize, maxPublishers, maxConcurrent }))
    if (value !== undefined) checkInteger(value, `options.${name}`, 1);
  inner.lifetime.check();
  if (repo.mode !== 'archive')
    throw new OstreeError(
      'NOT_SUPPORTED',
      `${repo.path} is a ${repo.mode} repository; only an archive one can be published to over HTTP`,
      { path: repo.path },
    );
  const receiver = new Receiver(repo, options);
  return (req, res) => receiver.handle(req, res);
}
