// The public exports of the package, and nothing else.

// errors, options
export type { CallOptions, ProgressOptions } from './call.js';
export {
  type ErrorDetails,
  type ObjectName,
  OstreeError,
  type OstreeErrorCode,
  type SignatureFailure,
} from './errors.js';
export type { CloseOptions } from './lifetime.js';
export type { Checksum, Rev } from './types.js';

// variants, version, validation
export { validate } from './validate.js';
export { Variant } from './variant.js';
export { type Feature, features, type Version, version } from './version.js';

// repository
export type { ConfigValue, RepoConfig } from './config.js';
export type { LockOptions, RepoLock } from './lock.js';
export { Repo } from './repo.js';
export type { CreateOptions, OpenOptions, RepoMode } from './repo-inner.js';

// refs
export type { ListRefsOptions, RefInfo, RefPlace, ResolveRevOptions, SetRefOptions } from './refs.js';

// commits: reading, log, diff
export type { Commit, LogOptions, ObjectSize, ReadCommitOptions } from './commit-read.js';
export type {
  Diff,
  DiffAspect,
  DiffEntry,
  DiffModification,
  DiffOptions,
  DiffSource,
  DiffStats,
} from './diff.js';

// trees and files
export type { ReadStreamOptions } from './stream.js';
export type { Entry, ReadFileOptions, ReadStringOptions, XattrsOptions } from './tree.js';

// objects
export {
  checksumFile,
  type ChecksumFileOptions,
  type CommitObject,
  type DirMetaObject,
  type DirTreeObject,
  type FileObject,
  type MetadataObject,
  type PartialReason,
  type ReachableOptions,
  type ReadObjectOptions,
  type StoredObject,
} from './objects.js';

// commits: writing, transactions
export type {
  CommitOptions,
  CommitProgress,
  CommitResult,
  FileEntry,
  MetadataInput,
  TreeSource,
} from './commit.js';
export type { FileContent, FileMetadata } from './file-set.js';
export type {
  ImportOptions,
  TreeEntries,
  WriteFileOptions,
  WriteSymlinkOptions,
} from './transaction-write.js';
export {
  type CommitStats,
  Transaction,
  type TransactionCommitOptions,
  type TransactionOptions,
} from './transaction.js';

// checkout
export type { CheckoutOptions, CheckoutProgress, CheckoutResult } from './checkout.js';
export type { CheckoutComposefsOptions, ComposefsImage } from './composefs.js';

// fsck, prune
export type { PruneOptions, PruneResult } from './prune.js';
export type { Removed, RetainOptions, RetainPolicy, RetainResult, RetainRule } from './retain.js';
export type {
  FsckFinding,
  FsckFindingKind,
  FsckFound,
  FsckOptions,
  FsckProgress,
  FsckReport,
} from './fsck.js';

// remotes, pull
export type { Cookie, CookieName, RemoteCookies } from './cookies.js';
export type { FetchOptions } from './fetch.js';
export type {
  Finder,
  FindRemotesOptions,
  FoundRef,
  FoundRemote,
  PullFromRemotesOptions,
  PullFromRemotesResult,
} from './find-remotes.js';
export type { CreateUsbOptions, CreateUsbResult } from './usb.js';
export type {
  CollectionRef,
  PulledRef,
  PullLocalOptions,
  PullOptions,
  PullProgress,
  PullResult,
} from './pull.js';
export type {
  ConfigSetting,
  RemoteConfig,
  RemoteSettings,
  SignType,
  VerificationKeys,
} from './remote-options.js';
export type {
  GpgKey,
  GpgKeys,
  GpgSubkey,
  GpgUserId,
  ImportKeysOptions,
  RemoteChanges,
  RemoteFetchOptions,
  RemoteInfo,
  RemoteOptions,
  RemoteRef,
  Remotes,
  RemoteSummary,
  RemoveRemoteOptions,
} from './remotes.js';

// summary, signatures
export type { CallbackSigner, GpgSigner, KeySigner, RemoveSignaturesOptions, Signer } from './sign.js';
export type { ReadSummaryOptions, RegenerateOptions, Summary, SummaryInfo, SummaryRef } from './summary.js';
export type {
  GpgSignature,
  KeySignature,
  PublicKey,
  Signature,
  TypedKey,
  UnreadableSignature,
  VerifyOptions,
  VerifyResult,
} from './verify.js';

// commits: what checkouts linked, what to leave out
export { DevInoCache } from './devino.js';
export type { SelinuxOptions } from './selinux.js';
export type { SkipPredicate, SkipStat } from './skip-questions.js';

// tar
export type { ExportTarOptions } from './tar.js';

// publishing, serving
export type { PublishTarget } from './publish.js';
export type { ReceiverTarget } from './publish-http.js';
export { type AwsS3Client, type S3AdapterOptions, s3Adapter } from './publish-aws.js';
export type { S3Adapter, S3PutOptions, S3Target } from './publish-s3.js';
export type { SshTarget } from './publish-ssh.js';
export type { PublishProgress } from './publish-progress.js';
export type { PublishedRef, PublishOptions, PublishResult } from './publish-types.js';
export { createRepoReceiver } from './receiver.js';
export type { ReceiverAction, RepoReceiverOptions } from './receiver-types.js';
export { createRepoHandler, type RepoHandler, type RepoHandlerOptions } from './serve.js';

// static deltas
export type {
  DeltaProgress,
  GeneratedDelta,
  GenerateDeltaOptions,
  GenerateManyOptions,
} from './delta-generate.js';
export type {
  AppliedDelta,
  ApplyDeltaOptions,
  DeltaFallback,
  DeltaInfo,
  DeltaName,
  DeltaPart,
  Deltas,
  ReindexOptions,
} from './deltas.js';

// sysroot
export type { ConfigDiff, ConfigEntry, ConfigModification } from './config-diff.js';
export type { DeployKernelArgs, DeployOptions, DeployProgress } from './deploy.js';
export type { Deployment, DeploymentSnapshot, Origin } from './deployment.js';
export { KernelArgs, type KernelArgsEdit } from './kernel-args.js';
export type { DeploymentKernelArgs, DeploymentOrId } from './manage.js';
export type { SysrootStatus } from './status.js';
export type { FinalizeState } from './finalize.js';
export type { MergeEntry, MergePreview, PreviewMergeOptions } from './merge.js';
export type { SoftRebootOptions } from './reboot.js';
export { type InitOptions, Sysroot } from './sysroot.js';
export type { SysrootLock } from './sysroot-lock.js';
export type { UnlockMode } from './unlock.js';
export type { WatchOptions } from './watch.js';
export type { SwitchOptions, UpgradeOptions, UpgradeProgress, UpgradeResult } from './upgrade.js';
