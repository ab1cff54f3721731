// Where the files of an archive repository can be put: a directory, a bucket, another machine.
import type { ObjectName } from './errors.js';

/** A file of an archive repository. */
export interface Upload {
  /** Relative to the repository. */
  path: string;
  /** Bytes. */
  size: number;
  /** The bytes themselves, or the file that has them. */
  source: Uint8Array | string;
}

/** A place for such files, by their paths in the repository. */
export interface Store {
  /** For messages. */
  readonly name: string;
  /** Asking what is there costs next to nothing: then everything is asked for, and nothing inferred. */
  readonly local: boolean;
  /** Made ready to be written to. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Bytes; null where there is no such file. */
  size(path: string, signal: AbortSignal): Promise<number | null>;
  /** A small file; null where there is none, and where files cannot be read. */
  read(path: string, signal: AbortSignal): Promise<Buffer | null>;
  /** The whole file appears, in place of one that was there, or nothing does. */
  put(upload: Upload, signal: AbortSignal): Promise<void>;
  /** Each of them so, in this order, one right after the other: what takes long is done before. */
  putTogether(uploads: Upload[], signal: AbortSignal): Promise<void>;
  /** What was put so far outlives a power failure, before what is put from now on. */
  flush(signal: AbortSignal): Promise<void>;
  /** Does nothing where there is no such file. */
  remove(path: string, signal: AbortSignal): Promise<void>;
  /** The files at or below a directory. */
  list(directory: string, signal: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}

/** Of an object in an archive repository. */
export function objectPath({ type, checksum }: ObjectName): string {
  return `objects/${checksum.slice(0, 2)}/${checksum.slice(2)}.${type === 'file' ? 'filez' : type}`;
}

const OBJECT = /^objects\/([0-9a-f]{2})\/([0-9a-f]{62})\.([a-z-]+)$/;

/** The object at such a path; null where there can be none. */
export function objectAt(path: string): ObjectName | null {
  const [, start = '', rest = '', type = ''] = OBJECT.exec(path) ?? [];
  if (type === '') return null;
  return { type: (type === 'filez' ? 'file' : type) as ObjectName['type'], checksum: start + rest };
}

export function refPath({ ref, collectionId }: { ref: string; collectionId?: string | undefined }): string {
  return collectionId === undefined ? `refs/heads/${ref}` : `refs/mirrors/${collectionId}/${ref}`;
}

/** What a file of `refs/` says. */
export function refOf(content: Buffer | null): string | null {
  const checksum = content?.toString('latin1').trim() ?? '';
  return /^[0-9a-f]{64}$/.test(checksum) ? checksum : null;
}

/** libostree's base64 for the names of files. */
function nameOf(checksum: string): string {
  return Buffer.from(checksum, 'hex').toString('base64').replaceAll('/', '_').replace('=', '');
}

/** The directory of a delta. */
export function deltaPath({ from, to }: { from: string | null; to: string }): string {
  const name = from === null ? nameOf(to) : `${nameOf(from)}-${nameOf(to)}`;
  return `deltas/${name.slice(0, 2)}/${name.slice(2)}`;
}

export function deltaIndexPath(to: string): string {
  const name = nameOf(to);
  return `delta-indexes/${name.slice(0, 2)}/${name.slice(2)}.index`;
}
