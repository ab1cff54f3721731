// What a pull is asked for, and what it tells.
import type { ProgressOptions } from './call.js';
import type { FetchOptions } from './fetch.js';
import type { Checksum, Rev } from './types.js';

/** How far a pull is. Sizes in bytes. What libostree fetches before any object (refs, the summary) is not counted. */
export interface PullProgress {
  /** What it waits for now. `refs`: the server's refs and summary. */
  phase: 'refs' | 'scanning' | 'metadata' | 'deltas' | 'objects' | 'writing' | 'done';
  /** The same as `bytesTransferred` and `fetched`, by the names that all progress has. */
  bytes: number;
  objects: number;
  bytesTransferred: number;
  /** Known when static deltas are used. */
  totalBytes: number | null;
  /** What the static deltas become. */
  unpackedBytes: number | null;
  /** Objects fetched of those requested so far; more are requested while metadata comes in. */
  fetched: number;
  requested: number;
  metadataFetched: number;
  /** Metadata objects looked at. */
  scanned: number;
  /** Objects taken from repositories of this machine. */
  metadataImported: number;
  contentImported: number;
  deltaParts: { fetched: number; total: number };
  /** Bytes a second, over the last five. */
  rate: number;
  /** Milliseconds still to go; null while nobody can tell. */
  eta: number | null;
  /** libostree's own summary, once it is done. */
  status: string;
}

/** A ref of a collection, whichever remote offers it. */
export interface CollectionRef {
  collectionId: string;
  ref: string;
  /** The commit to pull in place of the one that the ref names. */
  checksum?: Checksum | undefined;
}

export interface CommonOptions extends ProgressOptions<PullProgress> {
  /** Refs, or checksums of commits. Without: the remote's `branches`; as a mirror, or from this machine, all of them. */
  refs?: string[] | undefined;
  /** How many parents of each commit too: 0 unless given, -1 for all. */
  depth?: number | undefined;
  /** Keep the refs by their own names, as a mirror of the remote. */
  mirror?: boolean | undefined;
  /** Only the commit objects, no files. The commits stay partial. */
  commitOnly?: boolean | undefined;
  /** Only what is at or below these paths, each with a slash in front. The commits stay partial. */
  subdirs?: string[] | undefined;
  /** Do not verify the checksums of what comes in. */
  trusted?: boolean | undefined;
  /** Refuse files that are setuid, world-writable and the like. */
  bareUserOnlyFiles?: boolean | undefined;
  /**
   * Static deltas: where there are any; never; or fail without. A server that lies may end the process by one: where
   * none is trusted, `off`, or `isolate`. In a bare repository whose parent is an archive there are never any.
   */
  deltas?: 'auto' | 'off' | 'required' | undefined;
  /** For a ref, this commit in place of the one that it names. */
  overrideCommits?: Record<string, Checksum> | undefined;
  /** Commits must be signed. As the remote's config says unless given. */
  gpgVerify?: boolean | undefined;
  /** The summary must be signed. As the remote's config says unless given. */
  gpgVerifySummary?: boolean | undefined;
  /** Do not verify commits with the remote's engines other than GPG. */
  disableSignVerify?: boolean | undefined;
  /** The same of the summary. */
  disableSignVerifySummary?: boolean | undefined;
  /** Take a commit even if it says that it belongs to another ref. */
  disableVerifyBindings?: boolean | undefined;
  /** Refuse a commit that is older than the one the ref names here: DOWNGRADE. */
  timestampCheck?: boolean | undefined;
  /** The same, compared with this commit. */
  timestampCheckFromRev?: Rev | undefined;
  /**
   * Take objects from these repositories where they have them: paths. One with a damaged object is left out, and so
   * is a bare one with files that only an archive above it has: libostree would end the process over it, and which ones
   * it will ask for nobody can tell before. So of an archive or bare-user repository each file object that is not here is
   * looked at first, as far as its content, with `trusted` metadata of any, too: that takes time by what the repository
   * has rather than by what is pulled.
   */
  localCacheRepos?: string[] | undefined;
  /** The largest metadata object to accept, in bytes. */
  maxMetadataSize?: number | undefined;
  /** Flush each object by itself, so that other processes are not held up. */
  perObjectFsync?: boolean | undefined;
}

export interface PullOptions extends CommonOptions, FetchOptions {
  /** Refs of collections, in place of `refs`. */
  collectionRefs?: CollectionRef[] | undefined;
  /** Verify a ref of a collection with the keys of another remote. */
  keyrings?: { collectionId: string; ref: string; remote: string }[] | undefined;
  /** A summary that was fetched before. */
  summary?: { bytes: Uint8Array; signatures: Uint8Array } | undefined;
  /** Store the refs as those of another remote. */
  overrideRemoteName?: string | undefined;
  /** Only tell what would be fetched; needs `deltas: 'required'`. */
  dryRun?: boolean | undefined;
  /** Milliseconds without a byte from the server until TIMED_OUT, 100 at least. libostree itself waits for ever. */
  stallTimeout?: number | undefined;
  /**
   * Pull in a process of its own, which an abort or `stallTimeout` kills at once: libostree itself waits for a server
   * however long it takes. What was fetched stays for the next pull. A pull that is killed as it ends may have moved
   * refs, each of them to a whole commit. Not for what a sysroot, a lock or a transaction has of a repository:
   * NOT_SUPPORTED.
   */
  isolate?: boolean | undefined;
}

export interface PullLocalOptions extends CommonOptions {
  /**
   * Store the refs as those of this remote, and verify signatures as its config says.
   * One that is not configured needs `gpgVerify: false`.
   */
  remote?: string | undefined;
}

export interface PulledRef {
  ref: string;
  remote?: string;
  collectionId?: string;
  /** null: it was not there. The same as `new` when nothing changed. */
  old: Checksum | null;
  new: Checksum;
}

/** What a pull did. Sizes in bytes. */
export interface PullResult {
  refs: PulledRef[];
  bytesTransferred: number;
  metadataFetched: number;
  contentFetched: number;
  /** Objects taken from repositories of this machine. */
  metadataImported: number;
  contentImported: number;
  deltaParts: { fetched: number; total: number };
  /** With static deltas: what they take, and what they become. */
  totalBytes: number | null;
  unpackedBytes: number | null;
  /** Milliseconds. */
  elapsed: number;
  /** libostree's own summary. */
  status: string;
}
