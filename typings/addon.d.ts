// The contract of ostree.node: one line per native method, each naming the libostree function behind it. Internal: users see lib/.
// Every asynchronous method takes a Call last. A failure rejects with a NativeFailure, a wrong argument throws a TypeError.

declare const kind: unique symbol;
/** An opaque, type-tagged native object. */
export interface Handle<Kind extends string> {
  readonly [kind]: Kind;
}
export type Call = Handle<'call'>;
export type RepoHandle = Handle<'repo'>;
export type PruneScan = Handle<'prune scan'>;
export type FoundRemoteHandle = Handle<'found remote'>;
export type SysrootHandle = Handle<'sysroot'>;
export type TransactionHandle = Handle<'transaction'>;
export type LockHandle = Handle<'lock'>;
export type FileHandle = Handle<'file'>;
export type Channel = Handle<'channel'>;
export type StagedDelta = Handle<'staged delta'>;
export type DeltaHandle = Handle<'delta'>;
export type FileSetHandle = Handle<'file set'>;
export type DevInoHandle = Handle<'devino cache'>;
/** A list that comes in batches; nothing is read before the first. */
export type Cursor<T> = Handle<'cursor'> & { readonly items?: T };

/** What a failed operation rejects with; lib/errors.ts makes an OstreeError of it. */
export interface NativeFailure {
  failure: string;
  code: string;
  domain?: string;
  path?: string;
  ref?: string;
  checksum?: string;
  remote?: string;
  details?: unknown;
}

export interface Addon {
  // calls
  callNew(onProgress?: (progress: never) => void): Call;
  callCancel(call: Call): void;
  callWaits(call: Call): boolean;
  callGiveUp(call: Call): void;
  /** Bytes between JavaScript and an operation; the descriptor is JavaScript's end, which it must close. */
  channelNew(): { channel: Channel; fd: number };
  /** Before the descriptor is closed: what was written is all. */
  channelFinish(channel: Channel): void;

  // variants, version, validation; synchronous, in memory
  /** Tells the addon how a value of type v becomes a Variant where Variants are kept. */
  variantClass(make: (type: string, bytes: Uint8Array) => unknown): void;
  /** The serialised form of a value of this type. */
  variantNew(type: string, value: unknown): Uint8Array;
  /** g_variant_new_from_bytes: a copy of the bytes, if they are the normal form of a value of this type */
  variantCheck(type: string, bytes: Uint8Array): Uint8Array;
  /** g_variant_parse */
  variantParse(text: string, type: string | undefined): { type: string; bytes: Uint8Array };
  /** The JavaScript value; `keep` makes a Variant of what is in a v. */
  variantRead(type: string, bytes: Uint8Array, keep: boolean): unknown;
  /** g_variant_print, with type annotations */
  variantPrint(type: string, bytes: Uint8Array, annotate: boolean): string;
  /** ostree_check_version, glib_major_version and its kin */
  versionRead(): { libostree: string; glib: string; sha256: string };
  /** null: it cannot be told */
  featuresRead(): Record<string, boolean | null>;
  /** 64 lower-case hex digits */
  validateChecksum(value: string): void;
  /** ostree_validate_rev */
  validateRef(value: string): void;
  /** ostree_parse_refspec */
  validateRefspec(value: string): void;
  /** ostree_validate_remote_name */
  validateRemoteName(value: string): void;
  /** ostree_validate_collection_id */
  validateCollectionId(value: string): void;

  // repository: open, config, locks
  /** ostree_repo_open */
  repoOpen(spec: RepoSpec, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_create_at */
  repoCreate(spec: RepoSpec, mode: string, collectionId: string | undefined, call: Call): Promise<OpenedRepo>;
  /** ostree_repo_reload_config */
  repoReload(repo: RepoHandle, call: Call): Promise<RepoInfo>;
  /** Nothing must use it any more. */
  repoClose(repo: RepoHandle, call: Call): Promise<void>;
  /** ostree_repo_copy_config */
  configRead(repo: RepoHandle, call: Call): Promise<ConfigSection[]>;
  /** ostree_repo_write_config; null removes the key */
  configWrite(
    repo: RepoHandle,
    group: string,
    key: string,
    value: string | null,
    call: Call,
  ): Promise<RepoInfo>;
  /** ostree_repo_lock_push */
  repoLock(repo: RepoHandle, exclusive: boolean, timeout: number, call: Call): Promise<LockedRepo>;
  /** ostree_repo_lock_pop */
  repoLockRelease(lock: LockHandle, call: Call): Promise<void>;
  /** syncfs: of the file system that a directory is on */
  syncFileSystem(directory: string, call: Call): Promise<void>;

  // refs
  /** ostree_repo_resolve_rev_ext */
  refResolve(repo: RepoHandle, rev: string, localOnly: boolean, call: Call): Promise<string>;
  /** ostree_repo_list_refs_ext, ostree_repo_list_collection_refs */
  refList(repo: RepoHandle, options: ListRefsOptions, collections: boolean, call: Call): Promise<RefInfo[]>;
  /** ostree_repo_set_ref_immediate, ostree_repo_set_collection_ref_immediate */
  refSet(repo: RepoHandle, target: RefTarget, call: Call): Promise<void>;
  /** ostree_repo_set_alias_ref_immediate */
  refSetAlias(repo: RepoHandle, ref: string, target: string, call: Call): Promise<void>;

  // long lists
  /** The next batch, of a limited number and made in a limited time. */
  cursorNext<T>(cursor: Cursor<T>, call: Call): Promise<Batch<T>>;

  // commits: reading, log, diff
  /** ostree_repo_load_commit, ostree_repo_read_commit_detached_metadata, ostree_commit_get_object_sizes */
  commitRead(repo: RepoHandle, rev: string, variants: boolean, call: Call): Promise<CommitInfo>;
  /** ostree_repo_load_commit, ostree_commit_get_parent */
  commitLog(repo: RepoHandle, rev: string, variants: boolean): Cursor<CommitInfo>;
  /** ostree_diff_dirs_with_options, ostree_repo_traverse_commit */
  diffFind(repo: RepoHandle, spec: DiffSpec, call: Call): Promise<FoundDiff>;

  // trees and files
  /** ostree_repo_load_file, ostree_repo_load_object_stream */
  treeStat(repo: RepoHandle, rev: string, path: string, follow: boolean, call: Call): Promise<TreeEntry>;
  /** ostree_repo_load_file */
  treeReadlink(repo: RepoHandle, rev: string, path: string, call: Call): Promise<string>;
  /** ostree_repo_load_file, ostree_repo_load_object_stream */
  treeXattrs(repo: RepoHandle, rev: string, path: string, follow: boolean, call: Call): Promise<Xattr[]>;
  /** What is in a directory. */
  treeList(repo: RepoHandle, rev: string, path: string): Cursor<TreeEntry>;
  /** What is at a path, and all that is below it. */
  treeWalk(repo: RepoHandle, rev: string, path: string): Cursor<TreeEntry>;
  /** ostree_repo_load_file: the data of a small file, a handle of a larger one */
  fileRead(repo: RepoHandle, rev: string, path: string, maxSize: number, call: Call): Promise<FileContent>;
  /** ostree_repo_load_file */
  fileOpen(repo: RepoHandle, rev: string, path: string, call: Call): Promise<OpenedFile>;
  /** g_input_stream_read: fills the array; the number of bytes, fewer only at the end of the file */
  fileFill(file: FileHandle, bytes: Uint8Array, call: Call): Promise<number>;
  /** lseek, or inflating for a short time: the position it has come to */
  fileSeek(file: FileHandle, position: number, call: Call): Promise<number>;
  /** Gives up the descriptor; synchronous. */
  fileClose(file: FileHandle): void;
  /** ostree_repo_list_objects */
  objectList(repo: RepoHandle): Cursor<ObjectName>;
  /** ostree_repo_traverse_commit; without a depth, all ancestors */
  objectReachable(
    repo: RepoHandle,
    rev: string,
    depth: number | undefined,
    call: Call,
  ): Promise<Cursor<ObjectName>>;
  /** ostree_repo_has_object */
  objectHas(repo: RepoHandle, name: ObjectName, call: Call): Promise<boolean>;
  /** ostree_repo_query_object_storage_size */
  objectStorageSize(repo: RepoHandle, name: ObjectName, call: Call): Promise<number>;
  /** ostree_repo_load_file, ostree_repo_load_variant, ostree_repo_fsck_object */
  objectRead(
    repo: RepoHandle,
    name: ObjectName,
    options: { maxSize: number; verify: boolean; variants: boolean },
    call: Call,
  ): Promise<ObjectParts>;
  /** As ostree_repo_fsck_object, on all cores; files with just the content that they say they have, `maxSize` at most. */
  objectVerify(repo: RepoHandle, names: ObjectName[], maxSize: number, call: Call): Promise<void>;
  /** ostree_repo_delete_object */
  objectDelete(repo: RepoHandle, name: ObjectName, call: Call): Promise<void>;
  /** ostree_repo_mark_commit_partial_reason */
  commitMarkPartial(
    repo: RepoHandle,
    rev: string,
    partial: boolean,
    byFsck: boolean,
    call: Call,
  ): Promise<void>;
  /** ostree_checksum_file_at */
  checksumFile(path: string, xattrs: boolean, isMetadata: boolean, call: Call): Promise<string>;

  // commits: writing, transactions
  /** Files from JavaScript, which a commit or a transaction can be given once. */
  fileSetNew(repo: RepoHandle): FileSetHandle;
  /** pwrite: a part of the content of the next file */
  fileSetAppend(files: FileSetHandle, data: Uint8Array, call: Call): Promise<void>;
  /** pwrite: entries, the first of which has what was appended before its own content */
  fileSetAdd(files: FileSetHandle, entries: SetEntrySpec[], call: Call): Promise<void>;
  /** Gives up the content; synchronous. */
  fileSetClose(files: FileSetHandle): void;
  /** ostree_repo_devino_cache_new */
  devinoNew(): DevInoHandle;
  devinoSize(cache: DevInoHandle): number;
  devinoClear(cache: DevInoHandle): void;
  /** ostree_repo_prepare_transaction, ostree_repo_write_commit, ostree_repo_transaction_set_ref, ostree_repo_commit_transaction */
  commitCreate(
    repo: RepoHandle,
    spec: CommitSpec,
    metadata: unknown,
    detached: unknown,
    call: Call,
  ): Promise<CommitResult>;
  /** ostree_repo_prepare_transaction */
  transactionBegin(repo: RepoHandle, fsync: boolean | undefined, call: Call): Promise<BegunTransaction>;
  /** ostree_repo_write_commit */
  transactionWriteCommit(
    transaction: TransactionHandle,
    spec: CommitSpec,
    metadata: unknown,
    detached: unknown,
    call: Call,
  ): Promise<CommitResult>;
  /** ostree_repo_write_content, ostree_repo_write_metadata: of each entry one object */
  transactionWriteFiles(
    transaction: TransactionHandle,
    files: FileSetHandle,
    call: Call,
  ): Promise<WrittenObjects>;
  /** ostree_repo_write_metadata */
  transactionWriteTree(
    transaction: TransactionHandle,
    files: { name: string; checksum: string }[],
    directories: { name: string; contents: string; metadata: string }[],
    call: Call,
  ): Promise<WrittenObjects>;
  /** ostree_repo_import_object_from_with_trust: how many were not there yet */
  transactionImport(
    transaction: TransactionHandle,
    source: RepoHandle,
    names: ObjectName[],
    trusted: boolean,
    call: Call,
  ): Promise<number>;
  /** ostree_repo_transaction_set_refspec, ostree_repo_transaction_set_collection_ref */
  transactionSetRef(transaction: TransactionHandle, target: RefTarget, call: Call): Promise<void>;
  /** ostree_repo_commit_transaction */
  transactionCommit(transaction: TransactionHandle, call: Call): Promise<CommitStats>;
  /** ostree_repo_abort_transaction */
  transactionAbort(transaction: TransactionHandle, call: Call): Promise<void>;

  // checkout
  /** What ostree_repo_checkout_at does, on all cores. */
  checkoutRun(repo: RepoHandle, spec: CheckoutSpec, call: Call): Promise<CheckoutResult>;
  /** ostree_repo_checkout_composefs */
  composefsCheckout(repo: RepoHandle, spec: ComposefsSpec, call: Call): Promise<ComposefsImage>;

  // fsck, prune
  /** ostree_repo_fsck_object, ostree_repo_delete_object, ostree_repo_mark_commit_partial_reason */
  fsckRun(repo: RepoHandle, options: FsckOptions, call: Call): Promise<FsckReport>;
  /** ostree_repo_delete_object: those of the commits whose parent is not there; resolves to them */
  fsckBury(repo: RepoHandle, commits: string[], call: Call): Promise<string[]>;
  /** ostree_repo_mark_commit_partial_reason; bad objects are renamed */
  fsckSetAside(repo: RepoHandle, objects: ObjectName[], commits: string[], call: Call): Promise<FsckAside>;
  /** ostree_repo_fsck_object, ostree_repo_mark_commit_partial; which of the bad objects are sound now */
  fsckSettle(repo: RepoHandle, aside: FsckAside, bad: ObjectName[], call: Call): Promise<ObjectName[]>;
  /** ostree_repo_load_commit: whether the commit may be deleted */
  pruneCheckDelete(repo: RepoHandle, commit: string, call: Call): Promise<void>;
  /** ostree_repo_load_variant, of every directory that may be kept; takes no lock of libostree */
  pruneScanTrees(repo: RepoHandle, options: PruneOptions, call: Call): Promise<PruneScan>;
  /** ostree_repo_prune_from_reachable, ostree_repo_prune_static_deltas; uses the scan up */
  pruneRun(repo: RepoHandle, options: PruneOptions, scan: PruneScan, call: Call): Promise<PruneResult>;

  // remotes, pull
  /** ostree_repo_remote_list, ostree_repo_remote_get_url */
  remoteList(repo: RepoHandle, call: Call): Promise<RemoteEntry[]>;
  /** ostree_repo_get_remote_option */
  remoteGet(repo: RepoHandle, name: string, call: Call): Promise<RemoteSettings>;
  /** ostree_repo_remote_change, ostree_repo_remote_gpg_import */
  remoteAdd(
    repo: RepoHandle,
    name: string,
    url: string | undefined,
    options: object,
    kind: 'add' | 'if-not-exists' | 'replace',
    keys: KeySource | undefined,
    call: Call,
  ): Promise<void>;
  /** ostree_repo_remote_change */
  remoteRemove(repo: RepoHandle, name: string, ifExists: boolean, call: Call): Promise<void>;
  /** ostree_repo_remote_change */
  remoteSetOptions(
    repo: RepoHandle,
    name: string,
    options: object,
    removed: string[],
    call: Call,
  ): Promise<void>;
  /** ostree_repo_remote_gpg_import */
  remoteImportKeys(repo: RepoHandle, name: string, keys: KeySource, call: Call): Promise<number>;
  /** ostree_repo_remote_get_gpg_keys */
  remoteKeys(repo: RepoHandle, name: string, call: Call): Promise<GpgKeyInfo[]>;
  /** ostree_repo_remote_fetch_summary_with_options */
  remoteSummary(
    repo: RepoHandle,
    name: string,
    options: FetchOptions & { variants: boolean },
    call: Call,
  ): Promise<FetchedSummary>;
  /** REMOTE.cookies.txt */
  remoteCookieList(repo: RepoHandle, remote: string, call: Call): Promise<Cookie[]>;
  remoteCookieAdd(repo: RepoHandle, remote: string, cookie: Cookie, call: Call): Promise<void>;
  remoteCookieRemove(repo: RepoHandle, remote: string, cookie: Cookie, call: Call): Promise<void>;
  /** ostree_repo_pull_with_options */
  pull(repo: RepoHandle, options: PullOptions, call: Call): Promise<PullOutcome>;
  /** ostree_repo_find_remotes_async */
  findRemotes(repo: RepoHandle, options: FindRemotesOptions, call: Call): Promise<FoundRemote[]>;
  /** ostree_repo_create_at, ostree_repo_pull_with_options, ostree_repo_regenerate_summary; keeps nothing open */
  usbCopy(repo: RepoHandle, spec: RepoSpec, options: PullOptions, call: Call): Promise<void>;
  /** ostree_repo_pull_from_remotes_async; of the options those that it knows */
  pullFromRemotes(
    repo: RepoHandle,
    remotes: FoundRemoteHandle[],
    options: Omit<PullOptions, 'source'>,
    call: Call,
  ): Promise<PullFoundOutcome>;

  // summary, signatures
  /** ostree_repo_write_commit_detached_metadata */
  detachedSet(repo: RepoHandle, rev: string, metadata: object | null, call: Call): Promise<void>;
  /** ostree_repo_sign_commit */
  signGpg(repo: RepoHandle, rev: string, signer: GpgSigner, call: Call): Promise<void>;
  /** ostree_repo_load_variant, ostree_repo_read_commit_detached_metadata */
  signatureList(repo: RepoHandle, rev: string, call: Call): Promise<SignedData>;
  /** ostree_repo_write_commit_detached_metadata; `key` is `ostree.gpgsigs` or `ostree.sign.TYPE` */
  signatureAdd(repo: RepoHandle, rev: string, key: string, signature: Uint8Array, call: Call): Promise<void>;
  /** ostree_repo_write_commit_detached_metadata; the number of signatures removed */
  signatureRemove(
    repo: RepoHandle,
    rev: string,
    unwanted: Record<string, Uint8Array[]>,
    call: Call,
  ): Promise<number>;
  /** ostree_repo_gpg_verify_data; `signatures` are OpenPGP packets, one after the other */
  verifyGpg(
    repo: RepoHandle,
    data: Uint8Array,
    signatures: Uint8Array,
    trust: GpgTrust,
    call: Call,
  ): Promise<GpgSignature[]>;
  /** ostree_repo_get_remote_boolean_option, ostree_repo_get_remote_option */
  verifyConfig(repo: RepoHandle, remote: string, call: Call): Promise<VerifyConfig>;
  /** the file `summary` */
  summaryRead(
    repo: RepoHandle,
    variants: boolean,
    call: Call,
  ): Promise<{ summary: SummaryData; signed: boolean }>;
  /** the files `summary` and `summary.sig` */
  summarySigned(repo: RepoHandle, call: Call): Promise<SignedData>;
  /** ostree_repo_write_commit: for the ref ostree-metadata, in a repository with a collection id */
  summaryCommitMetadata(
    repo: RepoHandle,
    metadata: object,
    expires: number | undefined,
    call: Call,
  ): Promise<MetadataCommit | undefined>;
  /** ostree_repo_regenerate_summary, ostree_repo_gpg_sign_data; but what is there stays as it is */
  summaryMake(
    repo: RepoHandle,
    metadata: object,
    expires: number | undefined,
    commit: MetadataCommit | undefined,
    signers: GpgSigner[],
    call: Call,
  ): Promise<SummaryDraft>;
  /** the files `summary` and `summary.sig`; CONFLICT when the summary is no longer the one that is to be replaced */
  summaryInstall(repo: RepoHandle, draft: SummaryDraft, call: Call): Promise<void>;

  // tar
  /** ostree_repo_export_tree_to_archive */
  tarExport(repo: RepoHandle, rev: string, options: TarOptions, channel: Channel, call: Call): Promise<void>;

  // static deltas
  /** ostree_repo_static_delta_generate, into a directory that is not yet where deltas are */
  deltaGenerate(repo: RepoHandle, options: DeltaOptions, call: Call): Promise<GeneratedDelta>;
  /** Makes it visible, as a whole, with these signatures by their key. */
  deltaPublish(
    repo: RepoHandle,
    staged: StagedDelta,
    name: string,
    filename: string | undefined,
    signatures: Record<string, Uint8Array[]>,
    call: Call,
  ): Promise<void>;
  deltaDiscard(staged: StagedDelta, call: Call): Promise<void>;
  /** as ostree_repo_list_static_delta_names */
  deltaList(repo: RepoHandle, call: Call): Promise<DeltaName[]>;
  /** as ostree_repo_list_static_delta_indexes */
  deltaIndexes(repo: RepoHandle, call: Call): Promise<string[]>;
  /** ostree_repo_static_delta_reindex */
  deltaReindex(repo: RepoHandle, to: string | undefined, call: Call): Promise<void>;
  deltaRemove(repo: RepoHandle, name: string, call: Call): Promise<void>;
  /** The delta of that name, in the repository. */
  deltaRead(repo: RepoHandle, name: string, call: Call): Promise<OpenedDelta>;
  /** One at a path. */
  deltaOpen(repo: RepoHandle, path: string, call: Call): Promise<OpenedDelta>;
  /** Every part, against its checksum and for what it makes libostree do. */
  deltaCheck(repo: RepoHandle, delta: DeltaHandle, limit: number, call: Call): Promise<void>;
  /** The superblock, and the signatures around it. */
  deltaSigned(repo: RepoHandle, delta: DeltaHandle, call: Call): Promise<SignedData>;
  /** ostree_repo_static_delta_execute_offline, in a transaction */
  deltaApply(repo: RepoHandle, delta: DeltaHandle, verified: boolean, call: Call): Promise<void>;

  // sysroot
  /** ostree_sysroot_new, ostree_sysroot_initialize_with_mount_namespace, ostree_sysroot_load_if_changed */
  sysrootOpen(path: string, call: Call): Promise<OpenedSysroot>;
  /** ostree_sysroot_load_if_changed */
  sysrootReload(sysroot: SysrootHandle, call: Call): Promise<NativeDeployment[]>;
  sysrootClose(sysroot: SysrootHandle, call: Call): Promise<void>;
  /** ostree_sysroot_ensure_initialized */
  sysrootInit(path: string, epoch: number, call: Call): Promise<void>;
  /** ostree_sysroot_init_osname */
  sysrootInitStateroot(sysroot: SysrootHandle, name: string, call: Call): Promise<void>;
  /** ostree_sysroot_try_lock */
  sysrootTryLock(sysroot: SysrootHandle, call: Call): Promise<LockAttempt>;
  /** ostree_sysroot_unlock */
  sysrootUnlock(sysroot: SysrootHandle, call: Call): Promise<void>;
  /** ostree_sysroot_load_if_changed, ostree_repo_verify_commit_for_remote */
  sysrootStatus(sysroot: SysrootHandle, call: Call): Promise<NativeStatus>;
  /** ostree_sysroot_deploy_tree_with_options, ostree_sysroot_simple_write_deployment, ostree_sysroot_stage_tree_with_options */
  sysrootDeploy(sysroot: SysrootHandle, request: DeployRequest, call: Call): Promise<Changed>;
  /** ostree_sysroot_upgrader_new_for_os_with_flags, ostree_sysroot_upgrader_set_origin */
  sysrootUpgradePlan(sysroot: SysrootHandle, request: UpgradeRequest, call: Call): Promise<UpgradePlan>;
  /** The ref to go on with, where the commit of this one says that its life has ended. */
  sysrootUpgradeRebase(sysroot: SysrootHandle, refspec: string, call: Call): Promise<string | undefined>;
  /** ostree_sysroot_upgrader_pull, ostree_sysroot_deploy_tree_with_options, ostree_sysroot_simple_write_deployment */
  sysrootUpgradeDeploy(sysroot: SysrootHandle, request: UpgradeRequest, call: Call): Promise<Upgraded>;
  /** ostree_sysroot_write_deployments_with_options */
  sysrootMakeDefault(sysroot: SysrootHandle, id: string, call: Call): Promise<Changed>;
  /** ostree_sysroot_query_deployments_for, ostree_sysroot_write_deployments_with_options */
  sysrootRollBack(sysroot: SysrootHandle, call: Call): Promise<Changed>;
  /** ostree_sysroot_write_deployments_with_options */
  sysrootUndeploy(sysroot: SysrootHandle, id: string, call: Call): Promise<Changed>;
  /** ostree_sysroot_deployment_set_pinned */
  sysrootPin(sysroot: SysrootHandle, id: string, pinned: boolean, call: Call): Promise<NativeDeployment[]>;
  /** ostree_sysroot_write_origin_file */
  sysrootSetOrigin(
    sysroot: SysrootHandle,
    id: string,
    refspec: string,
    call: Call,
  ): Promise<NativeDeployment[]>;
  /** ostree_sysroot_cleanup */
  sysrootCleanup(sysroot: SysrootHandle, call: Call): Promise<NativeDeployment[]>;
  /** ostree_diff_dirs */
  sysrootConfigDiff(sysroot: SysrootHandle, id: string | undefined, call: Call): Promise<ConfigDiff>;
  /** ostree_deployment_get_bootconfig */
  sysrootKernelArgs(sysroot: SysrootHandle, id: string, call: Call): Promise<string[]>;
  /** ostree_deployment_clone, ostree_sysroot_write_deployments_with_options */
  sysrootEditKernelArgs(
    sysroot: SysrootHandle,
    id: string,
    edit: NativeKernelArgsEdit,
    call: Call,
  ): Promise<Changed>;
  /** ostree_deployment_is_finalization_locked */
  sysrootFinalizeState(sysroot: SysrootHandle, call: Call): Promise<NativeFinalizeState>;
  /** ostree_sysroot_change_finalization */
  sysrootLockFinalization(sysroot: SysrootHandle, locked: boolean, call: Call): Promise<void>;
  /** ostree_sysroot_get_merge_deployment */
  sysrootMergeSource(
    sysroot: SysrootHandle,
    rev: string,
    stateroot: string | undefined,
    call: Call,
  ): Promise<MergeSource>;
  /** ostree_sysroot_deployment_unlock; only for a process of its own */
  sysrootUnlockUsr(sysroot: SysrootHandle, id: string, mode: string, call: Call): Promise<void>;
  /** ostree_sysroot_deployment_set_soft_reboot */
  sysrootSoftReboot(sysroot: SysrootHandle, id: string, allowKernelSkew: boolean, call: Call): Promise<void>;
  /** ostree_sysroot_clear_soft_reboot */
  sysrootClearSoftReboot(sysroot: SysrootHandle, call: Call): Promise<void>;
  /** ostree_sysroot_deployment_kexec_load */
  sysrootKexecLoad(sysroot: SysrootHandle, id: string, call: Call): Promise<void>;
  /** ostree_sysroot_update_post_copy */
  sysrootUpdatePostCopy(sysroot: SysrootHandle, call: Call): Promise<void>;
  /** ostree_kernel_args_append, ostree_kernel_args_append_if_missing, ostree_kernel_args_replace, ostree_kernel_args_delete */
  kernelArgsApply(args: string[], edit: NativeKernelArgsEdit): string[];
  /** ostree_kernel_args_from_string */
  kernelArgsParse(text: string): string[];
  /** ostree_kernel_args_get_last_value; null for a key without a value, undefined for one that is not there */
  kernelArgsLastValue(args: string[], key: string): string | null | undefined;
}

// repository: open, config, locks
export interface RepoSpec {
  path: string;
  cacheDir?: string | undefined;
  remotesConfigDir?: string | undefined;
  fsync?: boolean | undefined;
}
export interface ConfigSection {
  name: string;
  entries: KeyValue[];
}
export interface KeyValue {
  key: string;
  value: string;
}
export interface RepoInfo {
  path: string;
  mode: string;
  collectionId: string | null;
  parent: string | null;
  writable: boolean;
}
export interface OpenedRepo {
  handle: RepoHandle;
  info: RepoInfo;
}
export interface LockedRepo {
  lock: LockHandle;
  repo: OpenedRepo;
}

// refs
export interface ListRefsOptions {
  prefix?: string | undefined;
  aliases?: boolean | undefined;
  remotes?: boolean | undefined;
  mirrors?: boolean | undefined;
}
export interface RefInfo {
  ref: string;
  remote?: string;
  collectionId?: string;
  checksum: string;
  alias?: string;
}
export interface RefTarget {
  ref: string;
  remote?: string | undefined;
  collectionId?: string | undefined;
  checksum: string | null;
  expected?: string | null | undefined;
  mustExist?: boolean | undefined;
  commitMustExist?: boolean | undefined;
}

// long lists
export interface Batch<T> {
  items: T[];
  done: boolean;
}

// commits: reading, log, diff
export interface CommitInfo {
  checksum: string;
  parent: string | null;
  subject: string;
  body: string;
  /** Seconds since 1970. */
  timestamp: number;
  version: string | null;
  metadata: Record<string, unknown>;
  detachedMetadata?: Record<string, unknown>;
  rootContents: string;
  rootMetadata: string;
  contentChecksum: string;
  state: 'normal' | 'partial' | 'fsck-partial';
  /** Of each object 49 bytes: its type (1), checksum (32), archived size (8), unpacked size (8, of this machine's order). */
  sizes?: Buffer;
}

/** A commit, or a directory. */
export type DiffSideSpec = { rev: string } | { dir: string };
export interface DiffSpec {
  from: DiffSideSpec;
  to: DiffSideSpec;
  xattrs?: boolean | undefined;
  stats?: boolean | undefined;
  /** The owner of what is in the directory `to`. */
  uid?: number | undefined;
  gid?: number | undefined;
}
export interface DiffEntry {
  /** Begins with `/`, below what is compared; a byte of it that is not UTF-8 reads `\\xff`. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'other';
  /** A whole st_mode, with the type, as in node:fs. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes: of a file its content, of a symlink its target; 0 for all else. */
  size: number;
  /** Of a symlink. */
  target?: string;
  /** The content object of a file or symlink of a commit. */
  checksum?: string;
}
export type DiffAspect = 'type' | 'content' | 'target' | 'mode' | 'owner' | 'xattrs';
export interface DiffItem {
  from?: DiffEntry;
  to?: DiffEntry;
  changes: DiffAspect[];
}
export interface DiffStats {
  /** How many objects each commit consists of, and how many of these are the same. */
  fromObjects: number;
  toObjects: number;
  commonObjects: number;
  /** Bytes that those in common take up in the repository. */
  commonSize: number;
}
export interface FoundDiff {
  items: Cursor<DiffItem>;
  stats?: DiffStats;
}

// trees and files
export interface TreeEntry {
  path: string;
  name: string;
  type: 'file' | 'directory' | 'symlink';
  mode: number;
  uid: number;
  gid: number;
  size: number;
  target?: string;
  checksum: string;
  contentsChecksum?: string;
  metadataChecksum?: string;
}
export interface Xattr {
  name: string;
  value: Buffer;
}
export interface FileContent {
  size: number;
  data?: Buffer;
  file?: FileHandle;
}
/** One object of a repository. */
export interface ObjectName {
  type:
    | 'file'
    | 'dirtree'
    | 'dirmeta'
    | 'commit'
    | 'commitmeta'
    | 'tombstone-commit'
    | 'payload-link'
    | 'file-xattrs'
    | 'file-xattrs-link';
  checksum: string;
}

/** The parts that an object of its type has. */
export interface ObjectParts {
  data?: Buffer;
  files?: { name: string; checksum: string }[];
  directories?: { name: string; contentsChecksum: string; metadataChecksum: string }[];
  mode?: number;
  uid?: number;
  gid?: number;
  target?: string;
  xattrs?: Xattr[];
  metadata?: Record<string, unknown>;
  content?: FileContent;
}
export interface OpenedFile {
  file: FileHandle;
  size: number;
}

// checkout
export interface CheckoutSpec {
  rev: string;
  destination: string;
  from?: string | undefined;
  subpath?: string | undefined;
  overwrite?: string | undefined;
  userMode?: boolean | undefined;
  requireHardlinks?: boolean | undefined;
  forceCopy?: boolean | undefined;
  bareUserOnlyDirs?: boolean | undefined;
  whiteouts?: boolean | undefined;
  passthroughWhiteouts?: boolean | undefined;
  allowNoent?: boolean | undefined;
  fsync?: boolean | undefined;
  devino?: DevInoHandle | undefined;
  skip: string[];
  skipGlobs: string[];
  concurrency?: number | undefined;
  selinuxPolicy?: string | undefined;
  selinuxPrefix?: string | undefined;
}
/** How many there are of each; of an update, how many it had to do with. hardlinked + copied + kept = files + symlinks. */
export interface CheckoutResult {
  /** Files, without symbolic links. */
  files: number;
  directories: number;
  symlinks: number;
  /** Files and links that are hard links to objects of the repository. */
  hardlinked: number;
  /** Files and links that were made anew. */
  copied: number;
  /** Files and links that were there already and stay. */
  kept: number;
  /** Bytes of content that were copied. */
  bytes: number;
  /** Files, links and directories that an update has removed. */
  removed: number;
}
export interface ComposefsSpec {
  rev: string;
  destination: string;
  /** 0: no digests of files; 1: those that the file system has; 2: all. */
  verity: number;
}
/** An image for composefs. */
export interface ComposefsImage {
  /** The commit it is of. */
  checksum: string;
  /**
   * The fs-verity digest of the image, 64 hex digits: for `mount -t composefs -o digest=`. With all digests in it, it is
   * what `commit({ composefs: true })` wrote into the commit.
   */
  digest: string;
  /** Bytes. */
  size: number;
}
export interface CheckoutProgress {
  phase: 'files';
  /** Files and links done. */
  files: number;
  /** Files and links known of so far; it grows while directories are still being read. */
  totalFiles: number;
  /** Bytes of content copied so far. */
  bytes: number;
}

// fsck, prune
export interface FsckOptions {
  verifyBindings: boolean;
  verifyBackRefs: boolean;
  remove: boolean;
  markPartial: boolean;
  tombstones: boolean;
}
/** What was set aside, where, and which commits were marked for it. */
export interface FsckAside {
  directory: string;
  objects: ObjectName[];
  marked: string[];
}
export interface PruneOptions {
  refsOnly: boolean;
  depth: number;
  /** Seconds since 1970. */
  keepYoungerThan?: number | undefined;
  onlyBranches: string[];
  retainDepth: Record<string, number>;
  commitOnly: boolean;
  deleteCommit?: string | undefined;
  staticDeltas: boolean;
  dryRun: boolean;
  /** In place of all that is said of branches above. */
  rules?: BranchRule[] | undefined;
  headDeltasOnly?: boolean | undefined;
}
/** The first that matches a ref counts; without `depth` and `since`, all of it is kept. */
export interface BranchRule {
  pattern: string;
  depth?: number | undefined;
  /** Seconds since 1970. */
  since?: number | undefined;
}
export interface PruneResult {
  total: number;
  pruned: number;
  bytes: number;
  /** With rules. */
  tally?: PruneTally;
}
export interface Freed {
  count: number;
  bytes: number;
}
export interface PruneTally {
  kept: string[];
  commits: string[];
  deltaNames: string[];
  commitObjects: Freed;
  metadata: Freed;
  files: Freed;
  deltas: Freed;
}
export interface FsckReport {
  verdict: string;
  objects: number;
  commits: number;
  findings: {
    object: { type: string; checksum: string };
    kind: string;
    message: string;
    commits: string[];
    paths: string[];
    ref?: string;
    deleted: boolean;
  }[];
  markedPartial: string[];
  withoutParent: string[];
}

// remotes, pull
export interface RemoteEntry {
  name: string;
  url: string | null;
}
export interface RemoteSettings {
  url: string | null;
  metalink: string | null;
  contentUrl: string | null;
  collectionId: string | null;
  branches: string[];
  gpgVerify: boolean;
  gpgVerifySummary: boolean;
  gpgKeyPath: string[];
  signVerify: string | null;
  signVerifySummary: string | null;
  proxy: string | null;
  http2: boolean | null;
  tlsPermissive: boolean;
  tlsClientCertPath: string | null;
  tlsClientKeyPath: string | null;
  tlsCaPath: string | null;
  customBackend: string | null;
  unconfiguredState: string | null;
  settings: KeyValue[];
}
export interface KeySource {
  data?: Uint8Array[] | undefined;
  files?: string[] | undefined;
  keyIds?: string[] | undefined;
}
export interface GpgKeyInfo {
  subkeys: {
    fingerprint: string;
    created: number;
    expires: number;
    revoked: boolean;
    expired: boolean;
    invalid: boolean;
  }[];
  userIds: {
    uid: string;
    name: string;
    comment: string;
    email: string;
    revoked: boolean;
    invalid: boolean;
    advancedUrl: string | null;
    directUrl: string | null;
  }[];
}
export interface FetchOptions {
  overrideUrl?: string | undefined;
  appendUserAgent?: string | undefined;
  httpHeaders?: { name: string; value: string }[] | undefined;
  networkRetries?: number | undefined;
}
export interface SummaryRef {
  ref: string;
  collectionId?: string;
  checksum: string;
  size: number;
  timestamp?: number;
  version?: string;
  metadata: Record<string, unknown>;
}
export interface SummaryData {
  refs: SummaryRef[];
  metadata: Record<string, unknown>;
  lastModified?: number;
  expires?: number;
  collectionId?: string;
  mode?: string;
  tombstoneCommits?: boolean;
  indexedDeltas?: boolean;
}
export interface FetchedSummary {
  bytes: Uint8Array;
  signatures: Uint8Array | null;
  summary: SummaryData;
}
export interface PullOptions {
  source: string;
  fetch?: FetchOptions | undefined;
  refs?: string[] | undefined;
  subdirs?: string[] | undefined;
  overrideCommits?: Record<string, string> | undefined;
  collectionRefs?: { collectionId: string; ref: string; checksum?: string | undefined }[] | undefined;
  keyrings?: { collectionId: string; ref: string; remote: string }[] | undefined;
  summary?: { bytes: Uint8Array; signatures: Uint8Array } | undefined;
  depth?: number | undefined;
  mirror?: boolean | undefined;
  commitOnly?: boolean | undefined;
  trusted?: boolean | undefined;
  bareUserOnlyFiles?: boolean | undefined;
  dryRun?: boolean | undefined;
  deltas?: 'auto' | 'off' | 'required' | undefined;
  overrideRemoteName?: string | undefined;
  gpgVerify?: boolean | undefined;
  gpgVerifySummary?: boolean | undefined;
  disableSignVerify?: boolean | undefined;
  disableSignVerifySummary?: boolean | undefined;
  disableVerifyBindings?: boolean | undefined;
  timestampCheck?: boolean | undefined;
  perObjectFsync?: boolean | undefined;
  timestampCheckFromRev?: string | undefined;
  localCacheRepos?: string[] | undefined;
  maxMetadataSize?: number | undefined;
  stallTimeout?: number | undefined;
}
export interface FindRemotesOptions {
  refs: { collectionId: string; ref: string; checksum?: string | undefined }[];
  finders?: string[] | undefined;
  urls?: string[] | undefined;
  networkRetries?: number | undefined;
}
export interface FoundRemote {
  handle: FoundRemoteHandle;
  name: string;
  finder: string;
  url: string | null;
  priority: number;
  /** Seconds since 1970. */
  summaryLastModified: number | null;
  refs: { collectionId: string; ref: string; checksum: string | null; timestamp: number | null }[];
}
export interface PullFoundOutcome {
  refs: { collectionId: string; ref: string; old: string | null; new: string | null }[];
  state: PullState;
  elapsed: number;
}
export interface PullState {
  phase: 'refs' | 'scanning' | 'metadata' | 'deltas' | 'objects' | 'writing' | 'done';
  bytes: number;
  objects: number;
  bytesTransferred: number;
  totalBytes: number | null;
  unpackedBytes: number | null;
  fetched: number;
  requested: number;
  metadataFetched: number;
  scanned: number;
  metadataImported: number;
  contentImported: number;
  deltaParts: { fetched: number; total: number };
  rate: number;
  eta: number | null;
  status: string;
}
export interface PullOutcome {
  refs: { ref: string; remote?: string; collectionId?: string; old: string | null; new: string | null }[];
  state: PullState;
  elapsed: number;
}
export interface Cookie {
  domain: string;
  path: string;
  name: string;
  value: string;
  secure: boolean;
  expires: number;
}

// sysroot
export interface NativeDeployment {
  id: string;
  index: number;
  stateroot: string;
  checksum: string;
  deploySerial: number;
  bootChecksum: string | null;
  bootSerial: number;
  version: string | null;
  origin: Record<string, string> | null;
  kernelArgs: string[];
  overlayInitrds: string[];
  booted: boolean;
  staged: boolean;
  pending: boolean;
  rollback: boolean;
  pinned: boolean;
  unlocked: string;
  path: string;
}
export interface OpenedSysroot {
  handle: SysrootHandle;
  repo: OpenedRepo;
  deployments: NativeDeployment[];
}
export interface NativeFinalizeState {
  deployments: NativeDeployment[];
  locked: boolean;
  failure: string | null;
}
export interface MergeSource {
  deployments: NativeDeployment[];
  checksum: string;
  id?: string;
}
export interface LockAttempt {
  acquired: boolean;
  holder: 'this-process' | 'other-process';
}
export interface Changed {
  deployments: NativeDeployment[];
  id?: string;
  warning?: string;
}
export interface StatusDetails {
  sourceTitle?: string;
  signatures: string;
}
export interface NativeStatus {
  deployments: NativeDeployment[];
  details: StatusDetails[];
}
export interface NativeKernelArgsEdit {
  delete: string[];
  replace: string[];
  append: string[];
  appendIfMissing: string[];
}
export interface DeployRequest {
  rev: string;
  stateroot?: string | undefined;
  origin?: Record<string, string> | undefined;
  kernelArgsBase: 'merge' | 'none' | 'proc-cmdline';
  kernelArgs: NativeKernelArgsEdit;
  overlayInitrds: string[];
  retain: boolean;
  retainPending: boolean;
  retainRollback: boolean;
  notAsDefault: boolean;
  noMerge: boolean;
  stage: boolean;
  lockFinalization: boolean;
}
export interface UpgradeRequest {
  stateroot?: string | undefined;
  refspec?: string | undefined;
  overrideCommit?: string | undefined;
  allowDowngrade: boolean;
  deploy: boolean;
  stage: boolean;
}
export interface UpgradePlan {
  refspec: string;
  from: string;
  remote?: string;
  ref: string;
}
export interface Upgraded {
  changed: boolean;
  checksum: string;
  version: string | null;
  deployed?: Changed;
}
export interface ConfigEntry {
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'other';
  mode: number;
  uid: number;
  gid: number;
  size: number;
  target?: string;
}
export interface ConfigDiff {
  added: ConfigEntry[];
  removed: ConfigEntry[];
  modified: { path: string; from: ConfigEntry; to: ConfigEntry }[];
}

// commits: writing, transactions
/** A file, symlink or directory that JavaScript has made. */
export interface SetEntrySpec {
  path: string;
  type: 'file' | 'symlink' | 'directory';
  /** Permissions only. */
  mode: number;
  uid: number;
  gid: number;
  xattrs: Record<string, Uint8Array>;
  target?: string;
  content?: Uint8Array;
}
export interface WrittenObjects {
  checksums: string[];
  stats: CommitStats;
}
export interface CommitSourceSpec {
  contents?: string | undefined;
  metadata?: string | undefined;
  files?: FileSetHandle | undefined;
  dir?: string | undefined;
  ref?: string | undefined;
  subpath?: string | undefined;
  prefix?: string | undefined;
  tar?: string | undefined;
  stream?: Channel | undefined;
  autocreateParents?: boolean | undefined;
  whiteouts?: boolean | undefined;
}
/** The policy of a commit: that of a system, or else of its base. */
export interface SelinuxSpec {
  policy?: string | undefined;
  labelingEpoch: number;
}

export interface CommitSpec {
  tree: CommitSourceSpec[];
  branch?: string | undefined;
  base?: string | undefined;
  parent?: string | null | undefined;
  subject?: string | undefined;
  body?: string | undefined;
  version?: string | undefined;
  /** Seconds. */
  timestamp?: number | undefined;
  bindRefs?: string[] | undefined;
  bindings?: boolean | undefined;
  bootable?: boolean | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  canonicalPermissions?: boolean | undefined;
  modeRoExecutables?: boolean | undefined;
  xattrs?: boolean | undefined;
  statOverride?: Record<string, { add?: number | undefined; set?: number | undefined }> | undefined;
  skip?: string[] | undefined;
  skipGlobs?: string[] | undefined;
  /** Who is asked what else to leave out. */
  askSkips?: Channel | undefined;
  selinux?: SelinuxSpec | undefined;
  generateSizes?: boolean | undefined;
  composefs?: boolean | undefined;
  consume?: boolean | undefined;
  devino?: DevInoHandle | undefined;
  skipIfUnchanged?: boolean | undefined;
  /** Of the stat cache; empty: in the repository. */
  cache?: string | undefined;
  concurrency?: number | undefined;
  fsync?: boolean | undefined;
}
/** How far a commit is. */
export interface CommitProgress {
  /** `scan`: finding the files; `files`: reading and writing them; `metadata`: their directories; `commit`: the rest. */
  phase: 'scan' | 'files' | 'metadata' | 'commit';
  /** Files done. */
  files: number;
  /** Files found; final once the phase is no longer `scan`. */
  totalFiles: number;
  /** Bytes read from files. */
  bytes: number;
}
/** What writing took. Sizes are bytes. */
export interface CommitStats {
  /** Files and symbolic links that were looked at. */
  contentObjects: number;
  /** Those that the repository did not have. */
  contentWritten: number;
  /** Their size, uncompressed. */
  bytesWritten: number;
  /** Directory and commit objects that the repository did not have. */
  metadataWritten: number;
  /** Files that did not need to be read. */
  cacheHits: number;
  /**
   * Of what `consume` was to remove: what is still there, as it is new, has changed since it was read, or could not be
   * removed. Not there when all of it is gone.
   */
  leftBehind?: string[];
}
export interface CommitResult {
  checksum: string;
  /** false: nothing was written, `checksum` is the parent's (`skipIfUnchanged`). */
  changed: boolean;
  /** The dirtree of the root. */
  rootContents: string;
  /** The dirmeta of the root. */
  rootMetadata: string;
  stats: CommitStats;
}
export interface BegunTransaction {
  transaction: TransactionHandle;
  repo: OpenedRepo;
}

// summary, signatures
export interface GpgSigner {
  keyId: string;
  homedir?: string | undefined;
}
export interface SignedData {
  checksum: string;
  data: Uint8Array;
  signatures: Record<string, Uint8Array[]>;
}
export interface GpgTrust {
  remote?: string | undefined;
  keys?: Uint8Array[] | undefined;
}
/** Times are seconds; 0 is never, and an empty string is not known. */
export interface GpgSignature {
  valid: boolean;
  expired: boolean;
  keyExpired: boolean;
  revoked: boolean;
  missing: boolean;
  fingerprint: string;
  fingerprintPrimary: string;
  publicKeyAlgorithm: string;
  hashAlgorithm: string;
  userName: string;
  userEmail: string;
  timestamp: number;
  expires: number;
  keyExpires: number;
  primaryKeyExpires: number;
  reason: string;
}
export interface VerifyConfig {
  gpgVerify: boolean;
  gpgVerifySummary: boolean;
  options: Record<string, string>;
}
export interface MetadataCommit {
  checksum: string;
  parent: string | null;
}
export interface SummaryDraft {
  data: Uint8Array;
  signatures: Record<string, Uint8Array[]>;
  /** The checksum of the summary that is there; null: there is none. */
  replaces: string | null;
}

// tar
export interface TarOptions {
  subpath: string;
  prefix: string;
  xattrs: boolean;
}

// static deltas
export interface DeltaName {
  name: string;
  from: string | null;
  to: string;
}
/** Sizes are megabytes. */
export interface DeltaOptions {
  to: string;
  from?: string | undefined;
  /** From the parent of `to`. */
  fromParent: boolean;
  ifNotExists: boolean;
  inline: boolean;
  bsdiff: boolean;
  filename?: string | undefined;
  minFallbackSize?: number | undefined;
  maxBsdiffSize?: number | undefined;
  maxChunkSize?: number | undefined;
  bigEndian?: boolean | undefined;
  sign: boolean;
}
export interface GeneratedDelta {
  name: DeltaName;
  /** None: there was one already. */
  staged?: StagedDelta;
  /** What is to be signed. */
  data?: Uint8Array;
}
export interface DeltaInfo {
  name: DeltaName;
  signed: boolean;
  endianness?: string;
  endiannessGuessed: boolean;
  timestamp: number;
  parents: number;
  parts: {
    checksum: string;
    objects: number;
    size: number;
    uncompressedSize: number;
    inline: boolean;
  }[];
  fallbacks: { type: string; checksum: string; size: number; uncompressedSize: number }[];
}
export interface OpenedDelta {
  handle: DeltaHandle;
  info: DeltaInfo;
}
