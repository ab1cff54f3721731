import { resolve } from 'node:path';

import { type CallOptions, run } from './call.js';
import { type Names, checkInteger, checkMade, checkName, checkOptions } from './check.js';
import { type ConfigDiff, configDiff } from './config-diff.js';
import { deploy, type DeployOptions, checkStateroot } from './deploy.js';
import { type Deployment, type DeploymentSnapshot, snapshotOf } from './deployment.js';
import * as finalize from './finalize.js';
import type { FinalizeState } from './finalize.js';
import { type CloseOptions, Lifetime } from './lifetime.js';
import type { LockOptions } from './lock.js';
import * as manage from './manage.js';
import type { DeploymentOrId } from './manage.js';
import { type MergePreview, previewMerge, type PreviewMergeOptions } from './merge.js';
import { native } from './native.js';
import * as reboot from './reboot.js';
import { Repo } from './repo.js';
import { innerOf } from './repo-inner.js';
import { shown } from './show.js';
import { SysrootStatus } from './status.js';
import { locked, type SysrootInner } from './sysroot-inner.js';
import { LOCK_TIMEOUT, SysrootLock, SysrootLocking } from './sysroot-lock.js';
import { unlock, type UnlockMode } from './unlock.js';
import { watch, type WatchOptions } from './watch.js';
import type { OpenedSysroot } from '../typings/addon.js';
import type { Rev } from './types.js';
import { type SwitchOptions, switchTo, upgrade, type UpgradeOptions, type UpgradeResult } from './upgrade.js';

export interface InitOptions extends CallOptions {
  /**
   * Which directories are made: 0 those of a traditional root directory, 1 only `/boot` and `/ostree`
   * (`ostree admin init-fs --modern`), 2 as 1, and `/ostree` for its owner only.
   */
  epoch?: 0 | 1 | 2 | undefined;
}

const INIT: Names<InitOptions> = { signal: true, epoch: true };

const LOCK: Names<LockOptions> = { signal: true, timeout: true };

/**
 * A directory with deployments: bootable trees that are checked out of its repository.
 *
 * What it shows is one frozen snapshot, replaced as a whole by {@link Sysroot.open}, {@link Sysroot.reload},
 * {@link Sysroot.status} and every change made through it. Changes take the lock of the sysroot for themselves. All
 * work runs in order, on a thread of its own.
 */
export class Sysroot implements AsyncDisposable {
  /** The repository below it. It is closed with the sysroot. */
  readonly repo: Repo;
  readonly #inner: SysrootInner;
  #snapshot: DeploymentSnapshot;

  static {
    shown(this, (sysroot) =>
      #inner in sysroot
        ? {
            path: sysroot.path,
            booted: sysroot.booted?.id ?? null,
            deployments: sysroot.deployments.map(({ id }) => id),
            closed: sysroot.#inner.lifetime.closed,
          }
        : undefined,
    );
  }

  /** @internal Use {@link Sysroot.open} or {@link Sysroot.init}. */
  constructor(path: string, opened: OpenedSysroot) {
    checkMade(opened, 'handle', 'Sysroot', 'Sysroot.open() or Sysroot.init()');
    this.repo = new Repo(opened.repo, undefined, 'shared');
    this.#snapshot = snapshotOf(opened.deployments);
    this.#inner = {
      path,
      native: opened.handle,
      lifetime: new Lifetime(`Sysroot ${path}`),
      locking: new SysrootLocking(opened.handle, path),
      repo: innerOf(this.repo),
      update: (deployments) => (this.#snapshot = snapshotOf(deployments)),
    };
    this.#inner.lifetime.watch(this);
  }

  /**
   * Opens a sysroot and reads its deployments.
   * Wraps `ostree_sysroot_initialize_with_mount_namespace()`, `ostree_sysroot_load()`.
   *
   * @param path - without one: `$OSTREE_SYSROOT`, else `/`
   * @throws {OstreeError} `NOT_FOUND` when there is no sysroot
   */
  static async open(
    path = process.env['OSTREE_SYSROOT'] ?? '/',
    options: CallOptions = {},
  ): Promise<Sysroot> {
    checkName(path, 'path');
    checkOptions(options);
    const absolute = resolve(path);
    return new Sysroot(absolute, await run(options, (call) => native().sysrootOpen(absolute, call)));
  }

  /**
   * Makes a directory, with its parents, a sysroot, and opens it. What is there already stays.
   * Wraps `ostree_sysroot_ensure_initialized()`, and does what `ostree admin init-fs` does.
   */
  static async init(path: string, options: InitOptions = {}): Promise<Sysroot> {
    checkName(path, 'path');
    checkOptions(options, INIT);
    const { epoch = 0 } = options;
    checkInteger(epoch, 'options.epoch', 0, 2);
    await run(options, (call) => native().sysrootInit(resolve(path), epoch, call));
    return await Sysroot.open(path, { signal: options.signal });
  }

  /** The absolute path it was opened by. */
  get path(): string {
    return this.#inner.path;
  }

  /** The deployment that runs now; null where this sysroot is not booted. */
  get booted(): Deployment | null {
    return this.#snapshot.booted;
  }

  /** The one that will be finished as the system shuts down. */
  get staged(): Deployment | null {
    return this.#snapshot.staged;
  }

  /** The one that boots next, unless that is the booted one. */
  get pending(): Deployment | null {
    return this.#snapshot.pending;
  }

  /** The one that {@link Sysroot.rollBack} would make the default. */
  get rollback(): Deployment | null {
    return this.#snapshot.rollback;
  }

  /** All of them; what boots next comes first. */
  get deployments(): readonly Deployment[] {
    return this.#snapshot.deployments;
  }

  /** Takes a new snapshot, after something other than this object changed the sysroot. Wraps `ostree_sysroot_load_if_changed()`. */
  async reload(options: CallOptions = {}): Promise<void> {
    checkOptions(options);
    const { native: sysroot, lifetime } = this.#inner;
    this.#inner.update(await lifetime.run(options, (call) => native().sysrootReload(sysroot, call)));
  }

  /** Takes a new snapshot, and what `ostree admin status` adds to it: it prints as the command does. */
  async status(options: CallOptions = {}): Promise<SysrootStatus> {
    checkOptions(options);
    const { native: sysroot, lifetime } = this.#inner;
    const status = await lifetime.run(options, (call) => native().sysrootStatus(sysroot, call));
    return new SysrootStatus(this.#inner.update(status.deployments), status.details);
  }

  /**
   * Takes the lock of the sysroot, for several changes in a row. Wraps `ostree_sysroot_try_lock()`.
   *
   * @throws {OstreeError} `LOCKED` when it is not to be had within `timeout`
   */
  async lock(options: LockOptions = {}): Promise<SysrootLock> {
    const { lifetime, locking, path } = this.#inner;
    checkOptions(options, LOCK);
    const { timeout = LOCK_TIMEOUT } = options;
    if (timeout !== Infinity) checkInteger(timeout, 'options.timeout');
    await lifetime.sequence(options, (signal) => locking.acquire(signal, timeout));
    return new SysrootLock(locking, lifetime, path);
  }

  /**
   * Makes a stateroot: the name of an operating system, whose deployments share /var. Wraps `ostree_sysroot_init_osname()`.
   *
   * @throws {OstreeError} `EXISTS` when it is there already
   */
  async initStateroot(name: string, options: CallOptions = {}): Promise<void> {
    checkStateroot(name, 'name');
    checkOptions(options);
    await locked(this.#inner, options, (step) =>
      step((call) => native().sysrootInitStateroot(this.#inner.native, name, call)),
    );
  }

  /**
   * Checks a commit out as a new deployment, merges the local changes of /etc into it and makes it the default.
   * The directory of a deployment is immutable, unless `OSTREE_SYSROOT_DEBUG=mutable-deployments`: whoever removes it by
   * hand begins with `chattr -i`.
   * Wraps `ostree_sysroot_deploy_tree_with_options()`, `ostree_sysroot_simple_write_deployment()`, or
   * `ostree_sysroot_stage_tree_with_options()`; does what `ostree admin deploy` does.
   *
   * @throws {OstreeError} `NOT_FOUND` when the revision or stateroot is not there; `NOT_BOOTED` without a stateroot, or
   * with `stage`, where the sysroot is not booted
   */
  deploy(rev: Rev, options: DeployOptions = {}): Promise<Deployment> {
    return deploy(this.#inner, rev, options);
  }

  /**
   * Fetches the latest commit of the origin and deploys it, if it is another one than deployed.
   * Wraps `ostree_repo_pull_with_options()`, `ostree_sysroot_upgrader_pull()`, and what {@link Sysroot.deploy} does;
   * does what `ostree admin upgrade` does.
   *
   * @throws {OstreeError} `SIGNATURE` when the commit is not signed as the remote asks; `DOWNGRADE` when it is older
   * than the deployed one; `NOT_FOUND` when there is nothing to upgrade, or no origin; `NOT_BOOTED` as {@link Sysroot.deploy}
   */
  upgrade(options: UpgradeOptions = {}): Promise<UpgradeResult> {
    return upgrade(this.#inner, options);
  }

  /**
   * Fetches and deploys another ref, also that of another distribution, which upgrades then follow. The ref followed
   * before is deleted. Does what `ostree admin switch` does.
   *
   * @param refspec - `remote:ref`; a ref alone keeps the remote, `remote:` keeps the ref
   * @throws {OstreeError} as {@link Sysroot.upgrade}; `INVALID_ARGUMENT` when it is what is followed already
   */
  switch(refspec: string, options: SwitchOptions = {}): Promise<UpgradeResult> {
    return switchTo(this.#inner, refspec, options);
  }

  /**
   * Makes a deployment the one that boots next. A staged one is dropped. Wraps `ostree_sysroot_write_deployments_with_options()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when it is no longer there
   */
  makeDefault(deployment: DeploymentOrId, options: CallOptions = {}): Promise<void> {
    return manage.makeDefault(this.#inner, deployment, options);
  }

  /**
   * Makes the {@link Sysroot.rollback} deployment, as it is on disk now, the default.
   * Wraps `ostree_sysroot_query_deployments_for()`, `ostree_sysroot_write_deployments_with_options()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is none
   */
  rollBack(options: CallOptions = {}): Promise<Deployment> {
    return manage.rollBack(this.#inner, options);
  }

  /**
   * Removes a deployment, and what only it needed. Wraps `ostree_sysroot_write_deployments_with_options()`, `ostree_sysroot_cleanup()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when it is no longer there; `INVALID_ARGUMENT` when it is booted
   */
  undeploy(deployment: DeploymentOrId, options: CallOptions = {}): Promise<void> {
    return manage.undeploy(this.#inner, deployment, options);
  }

  /**
   * Keeps a deployment until it is unpinned. Wraps `ostree_sysroot_deployment_set_pinned()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when it is no longer there, or has no origin file to keep the pin in
   */
  pin(deployment: DeploymentOrId, pinned = true, options: CallOptions = {}): Promise<void> {
    return manage.pin(this.#inner, deployment, pinned, options);
  }

  /**
   * Changes what upgrades of a deployment follow; the rest of its origin stays. Wraps `ostree_sysroot_write_origin_file()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when it is no longer there
   */
  setOrigin(deployment: DeploymentOrId, refspec: string, options: CallOptions = {}): Promise<void> {
    return manage.setOrigin(this.#inner, deployment, refspec, options);
  }

  /** Removes what interrupted deployments left behind, and prunes the repository. Wraps `ostree_sysroot_cleanup()`. */
  cleanup(options: CallOptions = {}): Promise<void> {
    return manage.cleanup(this.#inner, options);
  }

  /** The kernel arguments of a deployment. */
  kernelArgs(deployment: DeploymentOrId): manage.DeploymentKernelArgs {
    return new manage.DeploymentKernelArgs(this.#inner, deployment);
  }

  /**
   * What was changed in /etc of a deployment since it was shipped, as `ostree admin config-diff` says. Wraps `ostree_diff_dirs()`.
   *
   * @param deployment - without one: the booted one, or else what boots next
   * @throws {OstreeError} `NOT_FOUND` when it is no longer there, or there is none
   */
  configDiff(deployment?: DeploymentOrId, options: CallOptions = {}): Promise<ConfigDiff> {
    return configDiff(this.#inner, deployment, options);
  }

  /**
   * What the merge of /etc would do if the revision were deployed: which paths are changed here, which by it, and whose
   * state wins. Nothing is written. Wraps `ostree_sysroot_get_merge_deployment()`, `ostree_diff_dirs()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when the revision or stateroot is not there; `NOT_BOOTED` without a stateroot
   * where the sysroot is not booted
   */
  previewMerge(rev: Rev, options: PreviewMergeOptions = {}): Promise<MergePreview> {
    return previewMerge(this.#inner, rev, options);
  }

  /**
   * Makes /usr of the booted deployment writable, by an overlay mounted over it. It cannot be locked again before the
   * next boot. Does its work in a process of its own. Wraps `ostree_sysroot_deployment_unlock()`.
   *
   * @throws {OstreeError} `NOT_FOUND` when the deployment is no longer there; `INVALID_ARGUMENT` when it is not the
   * booted one, `NOT_BOOTED` when none is; `EXISTS` when it is unlocked already
   */
  unlock(deployment: DeploymentOrId, mode: UnlockMode, options: CallOptions = {}): Promise<void> {
    return unlock(this.#inner, deployment, mode, options);
  }

  /** Whether what is staged will be finished, and how that went the last time. Wraps `ostree_deployment_is_finalization_locked()`. */
  finalizeState(options: CallOptions = {}): Promise<FinalizeState> {
    return finalize.finalizeState(this.#inner, options);
  }

  /**
   * Keeps what is staged from being finished as the system shuts down, or (`false`) lets it be finished again.
   * Wraps `ostree_sysroot_change_finalization()`, or before libostree 2023.8 does what `ostree admin deploy --lock-finalization` does.
   *
   * @throws {OstreeError} `NOT_FOUND` when nothing is staged
   */
  lockFinalization(options?: CallOptions): Promise<void>;
  lockFinalization(locked?: boolean, options?: CallOptions): Promise<void>;
  lockFinalization(locked: boolean | CallOptions = true, options: CallOptions = {}): Promise<void> {
    if (typeof locked === 'object') return finalize.lockFinalization(this.#inner, true, locked);
    return finalize.lockFinalization(this.#inner, locked, options);
  }

  /**
   * Prepares a deployment for `systemctl soft-reboot`, which keeps the kernel running; null takes it back.
   * Wraps `ostree_sysroot_deployment_set_soft_reboot()`, `ostree_sysroot_clear_soft_reboot()`.
   *
   * @throws {OstreeError} `NOT_SUPPORTED` before libostree 2025.3; `NOT_FOUND` when the deployment is no longer there;
   * `NOT_BOOTED` when none is booted
   */
  softReboot(deployment: DeploymentOrId | null, options: reboot.SoftRebootOptions = {}): Promise<void> {
    return reboot.softReboot(this.#inner, deployment, options);
  }

  /**
   * Loads a deployment's kernel for `systemctl kexec`, which skips the firmware. Wraps `ostree_sysroot_deployment_kexec_load()`.
   *
   * @throws {OstreeError} `NOT_SUPPORTED` before libostree 2025.1; `NOT_FOUND` when the deployment is no longer there
   */
  kexecLoad(deployment: DeploymentOrId, options: CallOptions = {}): Promise<void> {
    return reboot.kexecLoad(this.#inner, deployment, options);
  }

  /**
   * Restores what a copy of the sysroot's files does not carry, such as fs-verity. Wraps `ostree_sysroot_update_post_copy()`.
   *
   * @throws {OstreeError} `NOT_SUPPORTED` before libostree 2023.8
   */
  updatePostCopy(options: CallOptions = {}): Promise<void> {
    return reboot.updatePostCopy(this.#inner, options);
  }

  /**
   * The state now, and again whenever it has changed, whoever changed it. Ends with an error as soon as the signal is
   * aborted or the sysroot is closed.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<SysrootStatus, void, undefined> {
    return watch(this.#inner, (statusOptions) => this.status(statusOptions), options);
  }

  /** Refuses new calls, waits for those that run, or cancels them, and gives the lock up. Closes {@link Sysroot.repo}, too. Idempotent. */
  async close(options: CloseOptions = {}): Promise<void> {
    const { native: sysroot, lifetime, repo } = this.#inner;
    lifetime.checkClose(options);
    repo.lifetime.checkNotInside(); // before the other one closes
    const repoClosed = this.repo.close({ cancel: options.cancel });
    const closed = lifetime.close(options, async () => {
      await Promise.allSettled([repoClosed]); // what runs on it uses the sysroot
      await run({}, (call) => native().sysrootClose(sysroot, call));
    });
    await Promise.all([repoClosed, closed]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
