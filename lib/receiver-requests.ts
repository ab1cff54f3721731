// What comes in over HTTP, taken apart and checked: nothing of it is to be trusted.
import type { IncomingMessage } from 'node:http';

import {
  checkArray,
  checkBoolean,
  checkChecksum,
  checkCollectionId,
  checkObject,
  checkRef,
  checkString,
} from './check.js';
import { OstreeError } from './errors.js';
import { type Finish, MAX_JSON, MAX_OFFER, type Offer } from './publish-protocol.js';
import { objectPath } from './publish-store.js';
import { uploadKind } from './receiver-staging.js';

export interface ReceiverRequest {
  id: string;
  /** `begin`, `missing`, `finish`, or the path of an upload. */
  what: 'begin' | 'missing' | 'finish' | 'put';
  path: string;
}

/** Whatever a receiver is mounted below. */
const URL_SHAPE = /(?:^|\/)publish\/1\/([0-9a-f]{64})(?:\/([^?#]*))?(?:[?#]|$)/;
const MAX_URL = 4096;

/** null: nothing that a receiver knows. */
export function receiverRequest(url: string, method: string): ReceiverRequest | null {
  if (url.length > MAX_URL) return null;
  const [, id, rest = ''] = URL_SHAPE.exec(url) ?? [];
  if (id === undefined) return null;
  let path: string;
  try {
    path = rest.split('/').map(decodeSegment).join('/');
  } catch {
    return null;
  }
  if (method === 'PUT') return uploadKind(path) === null ? null : { id, what: 'put', path };
  if (path === '') return { id, what: 'begin', path };
  return path === 'missing' || path === 'finish' ? { id, what: path, path } : null;
}

/** An encoded slash is as wrong as a plain one. */
function decodeSegment(segment: string): string {
  const decoded = decodeURIComponent(segment);
  if (decoded.includes('/')) throw new Error('a slash');
  return decoded;
}

/** The size that a request announces. */
export function contentLength(req: IncomingMessage): number {
  const text = req.headers['content-length'] ?? '';
  if (!/^[0-9]{1,15}$/.test(text))
    throw new OstreeError('INVALID_ARGUMENT', 'A request must have a Content-Length');
  return Number(text);
}

export async function readJson(req: IncomingMessage): Promise<unknown> {
  if (contentLength(req) > MAX_JSON)
    throw new OstreeError('TOO_LARGE', `More than ${MAX_JSON} bytes of JSON`);
  const chunks: Buffer[] = [];
  for await (const chunk of req.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch (error) {
    throw new OstreeError('INVALID_ARGUMENT', 'Not JSON', { cause: error });
  }
}

/** What the checks of arguments throw becomes an answer. */
function checked<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (OstreeError.is(error)) throw error;
    throw new OstreeError('INVALID_ARGUMENT', (error as Error).message, { cause: error });
  }
}

function refuse(why: string): never {
  throw new OstreeError('INVALID_ARGUMENT', why);
}

/** Of an offer, the paths of the objects, and the digests of the other files by their paths. */
export function offerOf(value: unknown): { objects: string[]; files: [path: string, digest: string][] } {
  return checked(() => {
    checkObject(value, 'the offer');
    const { objects = [], files = {} }: { [K in keyof Offer]?: unknown } = value;
    checkArray(objects, 'objects');
    checkObject(files, 'files');
    const digests = Object.entries(files);
    if (objects.length + digests.length > MAX_OFFER) refuse(`More than ${MAX_OFFER} objects`);
    const paths = objects.map((name) => {
      checkString(name, 'an object');
      const [checksum = '', type = ''] = name.split('.');
      const path = objectPath({ checksum, type: type as 'file' });
      if (uploadKind(path) !== 'object') refuse(`Not an object: ${name.slice(0, 100)}`);
      return path;
    });
    return {
      objects: paths,
      files: digests.map(([path, digest]) => {
        checkChecksum(digest, 'a digest');
        if (uploadKind(path) === null) refuse(`Not a file that can be published: ${path.slice(0, 100)}`);
        return [path, digest];
      }),
    };
  });
}

const DELTA = /^(?:[0-9a-f]{64}-)?[0-9a-f]{64}$/;

export function finishOf(value: unknown): Finish {
  return checked(() => {
    checkObject(value, 'the finish');
    const { refs, deltas = [], prune = false }: { [K in keyof Finish]?: unknown } = value;
    checkArray(refs, 'refs');
    checkArray(deltas, 'deltas');
    checkBoolean(prune, 'prune');
    if (refs.length + deltas.length > MAX_OFFER) refuse(`More than ${MAX_OFFER} refs and deltas`);
    const seen = new Set<string>();
    return {
      refs: refs.map((entry) => {
        checkObject(entry, 'a ref');
        const { ref, collectionId, checksum, expected } = entry;
        checkRef(ref);
        if (collectionId !== undefined) checkCollectionId(collectionId);
        checkChecksum(checksum, 'checksum');
        if (expected !== null) checkChecksum(expected, 'expected');
        const key = `${collectionId ?? ''}:${ref}`;
        if (seen.has(key)) refuse(`${ref} comes twice`);
        seen.add(key);
        return { ref, collectionId, checksum, expected };
      }),
      deltas: deltas.map((name) => {
        checkString(name, 'a delta');
        return DELTA.test(name) ? name : refuse(`Not the name of a delta: ${name.slice(0, 200)}`);
      }),
      prune,
    };
  });
}
