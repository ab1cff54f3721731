// Writing single objects into a transaction.
import type { SetEntrySpec, TransactionHandle, WrittenObjects } from '../typings/addon.js';
import { type CallOptions, run, type Step } from './call.js';
import {
  checkBoolean,
  checkChecksum,
  checkKnown,
  checkObject,
  checkOptions,
  typeError,
  valueError,
  type Names,
} from './check.js';
import type { ObjectName } from './errors.js';
import {
  checkContent,
  checkEntries,
  checkEntryPath,
  checkTarget,
  claim,
  entrySpec,
  type FileContent,
  type FileMetadata,
  FileSetWriter,
  isAsyncIterable,
  release,
  takeEach,
} from './file-set.js';
import { native } from './native.js';
import { checkObjectName } from './objects.js';
import type { RepoInner } from './repo-inner.js';
import type { Checksum } from './types.js';

export type { FileContent, FileMetadata };

export interface WriteFileOptions extends FileMetadata, CallOptions {}
/** A symlink has no mode of its own. */
export type WriteSymlinkOptions = Omit<WriteFileOptions, 'mode'>;
export interface ImportOptions extends CallOptions {
  /** true: do not verify checksums. */
  trusted?: boolean | undefined;
}

/**
 * A directory by its entries: a file or symlink is the checksum of its content object, a directory an object with its
 * `contents`, again entries or the checksum of a dirtree, and its `metadata`, the checksum of a dirmeta; without one
 * it belongs to root, with mode 0755.
 */
export interface TreeEntries {
  [name: string]: Checksum | { contents: TreeEntries | Checksum; metadata?: Checksum | undefined };
}

/** How a call of a transaction is queued; `taking` what JavaScript makes, its end may be far. */
export interface Queued {
  options: CallOptions;
  taking?: boolean | undefined;
}
export type Work<T> = (step: Step, signal: AbortSignal) => Promise<T>;

/** What these functions need of a transaction. */
export interface TransactionInner {
  readonly native: TransactionHandle;
  readonly view: RepoInner;
  readonly queued: <T>(how: Queued, work: Work<T>) => Promise<T>;
  readonly wrote: (written: WrittenObjects) => void;
}

const IMPORT_BATCH = 256;

/** Writes one entry, by a set of its own. */
async function writeEntry(
  txn: TransactionInner,
  entry: SetEntrySpec,
  signal: AbortSignal,
  content?: FileContent,
): Promise<Checksum> {
  const files = native().fileSetNew(txn.view.native);
  try {
    const writer = new FileSetWriter(files, signal);
    await writer.add(entry, content);
    await writer.flush();
    return take(
      txn,
      await run({ signal }, (call) => native().transactionWriteFiles(txn.native, files, call)),
    );
  } finally {
    native().fileSetClose(files);
  }
}

function take(txn: TransactionInner, written: WrittenObjects): Checksum {
  txn.wrote(written);
  return written.checksums[0] ?? '';
}

const SYMLINK: Names<WriteSymlinkOptions> = { signal: true, uid: true, gid: true, xattrs: true };

const FILE: Names<WriteFileOptions> = { ...SYMLINK, mode: true };

export async function writeFile(
  txn: TransactionInner,
  content: FileContent,
  options: WriteFileOptions,
): Promise<Checksum> {
  checkContent(content, 'content');
  checkOptions(options, FILE);
  const entry = entrySpec(options, 'file', '', 'options');
  claim(content);
  try {
    return await txn.queued({ options, taking: isAsyncIterable(content) }, (_step, signal) =>
      writeEntry(txn, entry, signal, content),
    );
  } catch (error) {
    release(content);
    throw error;
  }
}

export async function writeSymlink(
  txn: TransactionInner,
  target: string,
  options: WriteSymlinkOptions,
): Promise<Checksum> {
  checkTarget(target, 'target');
  checkOptions(options, SYMLINK);
  const entry = { ...entrySpec({ ...options, mode: undefined }, 'symlink', '', 'options'), target };
  return await txn.queued({ options }, (_step, signal) => writeEntry(txn, entry, signal));
}

export async function writeDirMeta(txn: TransactionInner, options: WriteFileOptions): Promise<Checksum> {
  checkOptions(options, FILE);
  const entry = entrySpec(options, 'directory', '', 'options');
  return await txn.queued({ options }, (_step, signal) => writeEntry(txn, entry, signal));
}

async function writeUsualDirMeta(txn: TransactionInner, signal: AbortSignal): Promise<Checksum> {
  const entry = entrySpec({}, 'directory', '', 'options');
  return await writeEntry(txn, entry, signal);
}

function checkTree(
  value: unknown,
  name: string,
  above: readonly unknown[] = [],
): asserts value is TreeEntries {
  checkObject(value, name);
  if (above.includes(value)) throw valueError(name, 'must not contain itself');
  for (const [key, entry] of Object.entries(value)) {
    const what = `${name}['${key}']`;
    checkEntryPath(key, `${name} key`);
    if (key === '' || key.includes('/')) throw valueError(what, "must have a name without '/' in it");
    if (typeof entry === 'string') {
      checkChecksum(entry, what);
      continue;
    }
    if (typeof entry !== 'object' || entry === null) throw typeError(what, 'a checksum or an object', entry);
    checkKnown(entry, { contents: true, metadata: true }, what);
    const { contents, metadata } = entry as Record<string, unknown>;
    if (metadata !== undefined) checkChecksum(metadata, `${what}.metadata`);
    if (typeof contents === 'string') checkChecksum(contents, `${what}.contents`);
    else checkTree(contents, `${what}.contents`, [...above, value]);
  }
}

export async function writeTree(
  txn: TransactionInner,
  entries: TreeEntries,
  options: CallOptions,
): Promise<Checksum> {
  checkTree(entries, 'entries');
  checkOptions(options);
  return await txn.queued({ options }, (_step, signal) => writeDirectory(txn, entries, signal));
}

async function writeDirectory(
  txn: TransactionInner,
  entries: TreeEntries,
  signal: AbortSignal,
): Promise<Checksum> {
  const files: { name: string; checksum: string }[] = [];
  const directories: { name: string; contents: string; metadata: string }[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (typeof entry === 'string') {
      files.push({ name, checksum: entry });
      continue;
    }
    const contents =
      typeof entry.contents === 'string' ? entry.contents : await writeDirectory(txn, entry.contents, signal);
    directories.push({ name, contents, metadata: entry.metadata ?? (await writeUsualDirMeta(txn, signal)) });
  }
  return take(
    txn,
    await run({ signal }, (call) => native().transactionWriteTree(txn.native, files, directories, call)),
  );
}

const IMPORT: Names<ImportOptions> = { signal: true, trusted: true };

export async function importFrom(
  txn: TransactionInner,
  source: RepoInner,
  names: Iterable<ObjectName> | AsyncIterable<ObjectName>,
  options: ImportOptions,
): Promise<number> {
  checkEntries(names, 'names');
  checkOptions(options, IMPORT);
  const { trusted = false } = options;
  checkBoolean(trusted, 'options.trusted');
  source.lifetime.check();
  return await txn.queued({ options, taking: isAsyncIterable(names) }, async (step, signal) => {
    let imported = 0;
    let batch: ObjectName[] = [];
    const flush = async () => {
      const objects = batch;
      batch = [];
      imported += await step((call) =>
        native().transactionImport(txn.native, source.native, objects, trusted, call),
      );
    };
    await takeEach(names, signal, async (name) => {
      checkObjectName(name, 'a name', ['file', 'dirtree', 'dirmeta', 'commit']);
      batch.push({ type: name.type, checksum: name.checksum });
      if (batch.length === IMPORT_BATCH) await flush();
    });
    await flush();
    return imported;
  });
}
