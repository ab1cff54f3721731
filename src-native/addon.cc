// The export list of the addon, nothing else.

#include "core/byte_channel.h"
#include "core/call.h"
#include "core/export.h"
#include "core/failure.h"
#include "core/js_thread.h"
#include "core/sync.h"
#include "core/validate.h"
#include "core/variant.h"
#include "core/version.h"
#include "repo/checkout.h"
#include "repo/commit.h"
#include "repo/commit_read.h"
#include "repo/composefs.h"
#include "repo/config.h"
#include "repo/cursor.h"
#include "repo/delta_apply.h"
#include "repo/deltas.h"
#include "repo/detached.h"
#include "repo/devino.h"
#include "repo/diff.h"
#include "repo/file_read.h"
#include "repo/file_set.h"
#include "repo/find_remotes.h"
#include "repo/fsck.h"
#include "repo/fsck_repair.h"
#include "repo/object_read.h"
#include "repo/object_verify.h"
#include "repo/objects.h"
#include "repo/prune.h"
#include "repo/pull.h"
#include "repo/pull_found.h"
#include "repo/refs.h"
#include "repo/remote_cookies.h"
#include "repo/remote_keys.h"
#include "repo/remote_summary.h"
#include "repo/remotes.h"
#include "repo/repo.h"
#include "repo/repo_lock.h"
#include "repo/sign.h"
#include "repo/summary.h"
#include "repo/tar_export.h"
#include "repo/transaction.h"
#include "repo/transaction_write.h"
#include "repo/tree_read.h"
#include "repo/usb.h"
#include "repo/verify.h"
#include "repo/walk.h"
#include "sysroot/config_diff.h"
#include "sysroot/deploy.h"
#include "sysroot/finalize.h"
#include "sysroot/init.h"
#include "sysroot/kernel_args.h"
#include "sysroot/lock.h"
#include "sysroot/manage.h"
#include "sysroot/merge.h"
#include "sysroot/reboot.h"
#include "sysroot/status.h"
#include "sysroot/sysroot.h"
#include "sysroot/unlock.h"
#include "sysroot/upgrade.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ostree::CaptureCriticals();
  ostree::JsThread::Install(env);

  auto add = [&](const char* name, ostree::NativeFunction fn) {
    exports.Set(name, ostree::Export(env, name, fn));
  };

  // calls
  add("callNew", ostree::CallNew);
  add("callCancel", ostree::CallCancel);
  add("callWaits", ostree::CallWaits);
  add("callGiveUp", ostree::CallGiveUp);
  add("channelNew", ostree::ChannelNew);
  add("channelFinish", ostree::ChannelFinish);

  // variants, version, validation
  add("variantClass", ostree::VariantClass);
  add("variantNew", ostree::VariantNew);
  add("variantCheck", ostree::VariantCheck);
  add("variantParse", ostree::VariantParse);
  add("variantRead", ostree::VariantRead);
  add("variantPrint", ostree::VariantPrint);
  add("versionRead", ostree::VersionRead);
  add("featuresRead", ostree::FeaturesRead);
  add("validateChecksum", ostree::ValidateChecksum);
  add("validateRef", ostree::ValidateRef);
  add("validateRefspec", ostree::ValidateRefspec);
  add("validateRemoteName", ostree::ValidateRemoteName);
  add("validateCollectionId", ostree::ValidateCollectionId);

  // repository: open, config, locks
  add("repoOpen", ostree::RepoOpen);
  add("repoCreate", ostree::RepoCreate);
  add("repoReload", ostree::RepoReload);
  add("repoClose", ostree::RepoClose);
  add("configRead", ostree::ConfigRead);
  add("configWrite", ostree::ConfigWrite);
  add("repoLock", ostree::RepoLock);
  add("repoLockRelease", ostree::RepoLockRelease);
  add("syncFileSystem", ostree::SyncFileSystem);

  // refs
  add("refResolve", ostree::RefResolve);
  add("refList", ostree::RefList);
  add("refSet", ostree::RefSet);
  add("refSetAlias", ostree::RefSetAlias);

  // long lists
  add("cursorNext", ostree::CursorNext);

  // commits: reading, log, diff
  add("commitRead", ostree::CommitRead);
  add("commitLog", ostree::CommitLog);
  add("diffFind", ostree::DiffFind);

  // trees and files
  add("treeStat", ostree::TreeStat);
  add("treeReadlink", ostree::TreeReadlink);
  add("treeXattrs", ostree::TreeXattrs);
  add("treeList", ostree::TreeList);
  add("treeWalk", ostree::TreeWalk);
  add("fileRead", ostree::FileRead);
  add("fileOpen", ostree::FileOpen);
  add("fileFill", ostree::FileFill);
  add("fileSeek", ostree::FileSeek);
  add("fileClose", ostree::FileClose);
  add("objectList", ostree::ObjectList);
  add("objectReachable", ostree::ObjectReachable);
  add("objectHas", ostree::ObjectHas);
  add("objectStorageSize", ostree::ObjectStorageSize);
  add("objectRead", ostree::ObjectRead);
  add("objectVerify", ostree::ObjectVerify);
  add("objectDelete", ostree::ObjectDelete);
  add("commitMarkPartial", ostree::CommitMarkPartial);
  add("checksumFile", ostree::ChecksumFile);

  // commits: writing, transactions
  add("fileSetNew", ostree::FileSetNew);
  add("fileSetAppend", ostree::FileSetAppend);
  add("fileSetAdd", ostree::FileSetAdd);
  add("fileSetClose", ostree::FileSetClose);
  add("devinoNew", ostree::DevInoNew);
  add("devinoSize", ostree::DevInoSize);
  add("devinoClear", ostree::DevInoClear);
  add("commitCreate", ostree::CommitCreate);
  add("transactionBegin", ostree::TransactionBegin);
  add("transactionWriteCommit", ostree::TransactionWriteCommit);
  add("transactionWriteFiles", ostree::TransactionWriteFiles);
  add("transactionWriteTree", ostree::TransactionWriteTree);
  add("transactionImport", ostree::TransactionImport);
  add("transactionSetRef", ostree::TransactionSetRef);
  add("transactionCommit", ostree::TransactionCommit);
  add("transactionAbort", ostree::TransactionAbort);

  // checkout
  add("checkoutRun", ostree::CheckoutRun);
  add("composefsCheckout", ostree::ComposefsCheckout);

  // fsck, prune
  add("fsckRun", ostree::FsckRun);
  add("fsckBury", ostree::FsckBury);
  add("fsckSetAside", ostree::FsckSetAside);
  add("fsckSettle", ostree::FsckSettle);
  add("pruneCheckDelete", ostree::PruneCheckDelete);
  add("pruneScanTrees", ostree::PruneScanTrees);
  add("pruneRun", ostree::PruneRun);

  // remotes, pull
  add("remoteList", ostree::RemoteList);
  add("remoteGet", ostree::RemoteGet);
  add("remoteAdd", ostree::RemoteAdd);
  add("remoteRemove", ostree::RemoteRemove);
  add("remoteSetOptions", ostree::RemoteSetOptions);
  add("remoteImportKeys", ostree::RemoteImportKeys);
  add("remoteKeys", ostree::RemoteKeys);
  add("remoteSummary", ostree::RemoteSummary);
  add("remoteCookieList", ostree::RemoteCookieList);
  add("remoteCookieAdd", ostree::RemoteCookieAdd);
  add("remoteCookieRemove", ostree::RemoteCookieRemove);
  add("pull", ostree::Pull);
  add("findRemotes", ostree::FindRemotes);
  add("pullFromRemotes", ostree::PullFromRemotes);
  add("usbCopy", ostree::UsbCopy);

  // summary, signatures
  add("detachedSet", ostree::DetachedSet);
  add("signGpg", ostree::SignGpg);
  add("signatureList", ostree::SignatureList);
  add("signatureAdd", ostree::SignatureAdd);
  add("signatureRemove", ostree::SignatureRemove);
  add("verifyGpg", ostree::VerifyGpg);
  add("verifyConfig", ostree::VerifyConfig);
  add("summaryRead", ostree::SummaryRead);
  add("summarySigned", ostree::SummarySigned);
  add("summaryCommitMetadata", ostree::SummaryCommitMetadata);
  add("summaryMake", ostree::SummaryMake);
  add("summaryInstall", ostree::SummaryInstall);

  // tar
  add("tarExport", ostree::TarExport);

  // static deltas
  add("deltaGenerate", ostree::DeltaGenerate);
  add("deltaPublish", ostree::DeltaPublish);
  add("deltaDiscard", ostree::DeltaDiscard);
  add("deltaList", ostree::DeltaList);
  add("deltaIndexes", ostree::DeltaIndexes);
  add("deltaReindex", ostree::DeltaReindex);
  add("deltaRemove", ostree::DeltaRemove);
  add("deltaRead", ostree::DeltaRead);
  add("deltaOpen", ostree::DeltaOpen);
  add("deltaCheck", ostree::DeltaCheck);
  add("deltaSigned", ostree::DeltaSigned);
  add("deltaApply", ostree::DeltaApply);

  // sysroot
  add("sysrootOpen", ostree::SysrootOpen);
  add("sysrootReload", ostree::SysrootReload);
  add("sysrootClose", ostree::SysrootClose);
  add("sysrootInit", ostree::SysrootInit);
  add("sysrootInitStateroot", ostree::SysrootInitStateroot);
  add("sysrootTryLock", ostree::SysrootTryLock);
  add("sysrootUnlock", ostree::SysrootUnlock);
  add("sysrootStatus", ostree::SysrootStatus);
  add("sysrootDeploy", ostree::SysrootDeploy);
  add("sysrootUpgradePlan", ostree::SysrootUpgradePlan);
  add("sysrootUpgradeRebase", ostree::SysrootUpgradeRebase);
  add("sysrootUpgradeDeploy", ostree::SysrootUpgradeDeploy);
  add("sysrootMakeDefault", ostree::SysrootMakeDefault);
  add("sysrootRollBack", ostree::SysrootRollBack);
  add("sysrootUndeploy", ostree::SysrootUndeploy);
  add("sysrootPin", ostree::SysrootPin);
  add("sysrootSetOrigin", ostree::SysrootSetOrigin);
  add("sysrootCleanup", ostree::SysrootCleanup);
  add("sysrootConfigDiff", ostree::SysrootConfigDiff);
  add("sysrootKernelArgs", ostree::SysrootKernelArgs);
  add("sysrootEditKernelArgs", ostree::SysrootEditKernelArgs);
  add("sysrootFinalizeState", ostree::SysrootFinalizeState);
  add("sysrootLockFinalization", ostree::SysrootLockFinalization);
  add("sysrootMergeSource", ostree::SysrootMergeSource);
  add("sysrootUnlockUsr", ostree::SysrootUnlockUsr);
  add("sysrootSoftReboot", ostree::SysrootSoftReboot);
  add("sysrootClearSoftReboot", ostree::SysrootClearSoftReboot);
  add("sysrootKexecLoad", ostree::SysrootKexecLoad);
  add("sysrootUpdatePostCopy", ostree::SysrootUpdatePostCopy);
  add("kernelArgsApply", ostree::KernelArgsApply);
  add("kernelArgsParse", ostree::KernelArgsParse);
  add("kernelArgsLastValue", ostree::KernelArgsLastValue);

  return exports;
}

NODE_API_MODULE(ostree, Init)
