// A repository over HTTP, for those who pull from it.
import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished, pipeline } from 'node:stream/promises';

import { untilAborted } from './abort.js';
import { checkFunction, checkInteger, checkOptions, type Names } from './check.js';
import { OstreeError } from './errors.js';
import { isFresh, requestedRange } from './http-range.js';
import type { Repo } from './repo.js';
import { innerOf, type RepoInner } from './repo-inner.js';
import { requestedPath, servedPath, type ServedPath } from './served-paths.js';

export interface RepoHandlerOptions {
  /**
   * Whether to serve this path, such as `objects/ab/…`, to whoever asks; false is answered by 403. It is asked before
   * the disk is touched. What it throws is answered by 500.
   */
  authorize?: ((req: IncomingMessage, path: string) => boolean | Promise<boolean>) | undefined;
  /** How many requests to serve at once; more are answered by 503, to be tried again. 512 unless given. */
  maxConcurrent?: number | undefined;
}

/** For `node:http`, and for what is like it: Express, Fastify, Connect. */
export type RepoHandler = (req: IncomingMessage, res: ServerResponse) => void;

/** Those who pull ask again after so many seconds. */
const RETRY_AFTER = 1;
/** Read at once and sent in one piece: most of a repository's objects are small. */
const SMALL = 64 << 10;
const CHUNK = 256 << 10;
/** How often a file is opened anew that is replaced as it is opened. */
const REPLACED = 10;

const CACHE: Record<ServedPath['kind'], string> = {
  object: 'max-age=31536000, immutable',
  delta: 'max-age=31536000, immutable',
  mutable: 'max-age=5, must-revalidate',
  config: 'max-age=5, must-revalidate',
};

/** Settings of the config that those who pull look at. */
const PUBLIC_SETTINGS = ['collection-id', 'tombstone-commits', 'indexed-deltas'];

interface Body {
  size: number;
  etag: string;
  modified: Date;
  /** What it is sent from. */
  source: Buffer | FileHandle;
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO';
}

/** Of a file, HTTP's dates have whole seconds. */
function seconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

/** Ends with an error where there is less: the next answer on the connection would be taken for the rest of this one. */
function exactly(size: number) {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    let left = size;
    for await (const chunk of chunks) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) throw new Error('The file became shorter');
  };
}

class Handler {
  readonly #repo: RepoInner;
  readonly #publicConfig: () => Promise<string>;
  readonly #authorize: RepoHandlerOptions['authorize'];
  readonly #maxConcurrent: number;
  readonly #active = new Set<ServerResponse>();
  readonly #started = seconds(new Date());
  #root: Promise<string> | undefined;

  constructor(repo: Repo, { authorize, maxConcurrent = 512 }: RepoHandlerOptions) {
    this.#repo = innerOf(repo);
    this.#authorize = authorize;
    this.#maxConcurrent = maxConcurrent;
    this.#publicConfig = async () => {
      const { core = {} } = await repo.config.toObject();
      const lines = PUBLIC_SETTINGS.flatMap((key) =>
        core[key] === undefined ? [] : [`${key}=${core[key]}`],
      );
      return ['[core]', 'repo_version=1', 'mode=archive-z2', ...lines, ''].join('\n');
    };
    this.#repo.lifetime.atClose(() => {
      for (const res of this.#active) res.destroy();
    });
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    if (this.#active.size >= this.#maxConcurrent) {
      res.setHeader('Retry-After', RETRY_AFTER);
      this.#refuse(res, 503);
      return;
    }
    this.#active.add(res);
    void this.#serve(req, res)
      .catch(() => {
        // A client that went away, or a fault on the way: an answer that has begun can only be cut off.
        if (res.headersSent) res.destroy();
        else this.#refuse(res, 500);
      })
      .finally(() => this.#active.delete(res));
  }

  #refuse(res: ServerResponse, status: number): void {
    if (res.destroyed || res.headersSent) return;
    res.statusCode = status;
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Length', 0);
    res.end();
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (this.#repo.lifetime.closed) return this.#refuse(res, 503);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('Allow', 'GET, HEAD');
      return this.#refuse(res, 405);
    }
    const served = requestedPath(req.url ?? '');
    if (!served) return this.#refuse(res, 404);
    if (this.#authorize && !(await this.#isAllowed(req, res, served.path))) return this.#refuse(res, 403);
    if (res.destroyed) return;
    const body = served.kind === 'config' ? await this.#config() : await this.#open(served);
    if (!body) return this.#refuse(res, 404);
    try {
      await this.#send(req, res, served, body);
    } finally {
      // Does nothing where a stream has closed it.
      if (!Buffer.isBuffer(body.source)) await body.source.close();
    }
  }

  /** What authorize() says; it is not waited for once the client has gone. */
  async #isAllowed(req: IncomingMessage, res: ServerResponse, path: string): Promise<boolean> {
    if (res.destroyed) return false;
    const gone = new AbortController();
    const leave = () => gone.abort();
    res.once('close', leave);
    try {
      return (await untilAborted(gone.signal, this.#authorize?.(req, path))) === true;
    } finally {
      res.off('close', leave);
    }
  }

  async #config(): Promise<Body> {
    const source = Buffer.from(await this.#publicConfig());
    return {
      source,
      size: source.length,
      etag: `"${source.toString('base64url')}"`,
      modified: this.#started,
    };
  }

  /** Null: there is no such file, or it is not where it seems to be. */
  async #open(served: ServedPath): Promise<Body | null> {
    // What has just been replaced is no longer where it was opened: the new one is.
    for (let tries = 0; tries < REPLACED; tries++) {
      const body = await this.#openOnce(served);
      if (body !== 'replaced') return body;
    }
    return null;
  }

  async #openOnce({ path, kind, tag }: ServedPath): Promise<Body | 'replaced' | null> {
    this.#root ??= realpath(this.#repo.path).catch((error: unknown) => {
      this.#root = undefined; // the repository may be there the next time
      throw error;
    });
    const root = await this.#root;
    let source: FileHandle;
    try {
      // Not to wait for the writer of a pipe.
      source = await open(`${root}/${path}`, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    try {
      const real = await readlink(`/proc/self/fd/${source.fd}`);
      // A symlink may lead from one file that is served to another (an alias of a ref), and nowhere else.
      const target = real.startsWith(`${root}/`) ? servedPath(real.slice(root.length + 1)) : null;
      const stat = await source.stat({ bigint: true });
      if (target?.kind !== kind || !stat.isFile()) {
        await source.close();
        return stat.nlink === 0n ? 'replaced' : null;
      }
      const etag = tag ?? `"${stat.ino.toString(36)}-${stat.size.toString(36)}-${stat.mtimeNs.toString(36)}"`;
      return { source, size: Number(stat.size), etag, modified: seconds(stat.mtime) };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #send(req: IncomingMessage, res: ServerResponse, served: ServedPath, body: Body): Promise<void> {
    if (res.destroyed) return;
    res.setHeader('ETag', body.etag);
    res.setHeader('Last-Modified', body.modified.toUTCString());
    res.setHeader('Cache-Control', `${this.#authorize ? 'private' : 'public'}, ${CACHE[served.kind]}`);
    res.setHeader('Accept-Ranges', 'bytes');
    if (isFresh(req.headers, body)) {
      res.statusCode = 304;
      return void res.end();
    }
    const range = requestedRange(req.headers, body.size, body);
    if (range === 'unsatisfiable') {
      res.setHeader('Content-Range', `bytes */${body.size}`);
      return this.#refuse(res, 416);
    }
    const { start, end } = range ?? { start: 0, end: body.size - 1 };
    res.statusCode = range ? 206 : 200;
    if (range) res.setHeader('Content-Range', `bytes ${start}-${end}/${body.size}`);
    res.setHeader('Content-Type', 'application/octet-stream');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Content-Length', end - start + 1);
    if (req.method === 'HEAD' || end < start) return void res.end();
    const { source } = body;
    if (Buffer.isBuffer(source)) return void res.end(source.subarray(start, end + 1));
    if (end - start < SMALL) {
      const { buffer, bytesRead } = await source.read(Buffer.allocUnsafe(end - start + 1), {
        position: start,
      });
      if (bytesRead !== buffer.length) throw new Error('The file became shorter');
      res.end(buffer);
      // The client's place is taken until it has read the answer.
      return void (await finished(res).catch(() => {}));
    }
    const stream = source.createReadStream({ start, end, highWaterMark: CHUNK });
    await pipeline(stream, exactly(end - start + 1), res);
  }
}

const OPTIONS: Names<RepoHandlerOptions> = { authorize: true, maxConcurrent: true };

/**
 * Serves a repository to those who pull from it, by a function for `http.createServer()`: objects, refs, the summary and
 * deltas, with ranges, ETags and headers for caches. All else of the repository stays where it is; the `config` that is
 * served is made for the purpose. Aborted requests free what they hold; closing the Repo ends all of them.
 *
 * @throws {OstreeError} `NOT_SUPPORTED` unless the repository is an archive: nobody can pull from others over HTTP
 */
export function createRepoHandler(repo: Repo, options: RepoHandlerOptions = {}): RepoHandler {
  const inner = innerOf(repo);
  checkOptions(options, OPTIONS);
  const { authorize, maxConcurrent } = options;
  if (authorize !== undefined) checkFunction(authorize, 'options.authorize');
  if (maxConcurrent !== undefined) checkInteger(maxConcurrent, 'options.maxConcurrent', 1);
  inner.lifetime.check();
  if (repo.mode !== 'archive')
    throw new OstreeError(
      'NOT_SUPPORTED',
      `${repo.path} is a ${repo.mode} repository; only an archive one can be pulled from over HTTP. Make one, and pull this one into it`,
      { path: repo.path },
    );
  const handler = new Handler(repo, options);
  return (req, res) => handler.handle(req, res);
}
