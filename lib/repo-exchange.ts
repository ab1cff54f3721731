// The part of Repo that exchanges commits with other repositories: pulls, media, publishing.
import * as found from './find-remotes.js';
import { publish, type PublishTarget } from './publish.js';
import type { PublishOptions, PublishResult } from './publish-types.js';
import * as pull from './pull.js';
import type { Repo } from './repo.js';
import { RepoContent } from './repo-content.js';
import { innerOf } from './repo-inner.js';
import { createUsb, type CreateUsbOptions, type CreateUsbResult } from './usb.js';

/** What comes into a repository from others, and goes out to them: see {@link Repo}, which it is a part of. */
export abstract class RepoExchange extends RepoContent {
  // remotes, pull

  /**
   * Pulls commits from a remote. Wraps `ostree_repo_pull_with_options()`.
   * Aborting ends the call at once; what was fetched stays for the next pull.
   *
   * @param remote - the name of a remote, or a file: URL
   * @throws {OstreeError} `NOT_FOUND`, with the `ref` that the remote has not got; `HTTP`, `NETWORK`, `TIMED_OUT`,
   * `SIGNATURE`, `CORRUPT`, `DOWNGRADE`, `NO_SPACE`
   */
  pull(remote: string, options: pull.PullOptions = {}): Promise<pull.PullResult> {
    return pull.pull(innerOf(this), remote, options);
  }

  /**
   * Pulls commits from another repository of this machine, and verifies their checksums.
   * Wraps `ostree_repo_pull_with_options()`.
   *
   * @param source - a Repo, a path, or a file: URL
   * @throws {OstreeError} as {@link Repo.pull}; `PARTIAL` when the source lacks objects of a commit
   */
  pullLocal(source: string | Repo, options: pull.PullLocalOptions = {}): Promise<pull.PullResult> {
    return pull.pullLocal(innerOf(this), source, options);
  }

  /**
   * Which remotes have refs of collections, the best first, with the newest commit that any of them has. Those that have
   * none, or that cannot be asked, are left out. Keys for a collection are those of a remote in the config that has it
   * as its `collectionId`. Wraps `ostree_repo_find_remotes_async()`.
   *
   * @throws {OstreeError} `NOT_SUPPORTED` when the local network was named as a finder and libostree was built without
   * Avahi; `NOT_FOUND` when its daemon does not run; `CORRUPT` when media were named and one has a repository that
   * libostree cannot look at; `NOT_SUPPORTED` for a pkcs11: URI in the config
   */
  findRemotes(
    refs: pull.CollectionRef[],
    options: found.FindRemotesOptions = {},
  ): Promise<found.FoundRemote[]> {
    return found.findRemotes(innerOf(this), refs, options);
  }

  /**
   * Pulls the refs that remotes were found to have, each from the first that gives it. Commits must be signed (by GPG)
   * with a key of their collection. Where some refs cannot be had, it fails, but keeps those it pulled.
   * Wraps `ostree_repo_pull_from_remotes_async()`.
   *
   * @param remotes - of {@link Repo.findRemotes}, as they are or in another order
   * @throws {OstreeError} `SIGNATURE`; `FAILED` with the names of the refs that no remote gave; `NO_SPACE`, `TIMED_OUT`
   */
  pullFromRemotes(
    remotes: found.FoundRemote[],
    options: found.PullFromRemotesOptions = {},
  ): Promise<found.PullFromRemotesResult> {
    return found.pullFromRemotes(innerOf(this), remotes, options);
  }

  /**
   * Copies refs of collections to a mounted medium, so that others find them there ({@link Repo.findRemotes}), as
   * `ostree create-usb` does. Wraps `ostree_repo_pull_with_options()` and `ostree_repo_regenerate_summary()`.
   *
   * @param path - the root of the mounted file system; it must be there
   * @throws {OstreeError} `NOT_FOUND`, `NOT_DIRECTORY`; `INVALID_ARGUMENT` when the destination is on another file
   * system, or this repository itself
   */
  createUsb(path: string, options: CreateUsbOptions): Promise<CreateUsbResult> {
    return createUsb(innerOf(this), path, options);
  }

  // publishing

  /**
   * Pushes commits to where others pull them from: what the target has not, objects before deltas before refs before the
   * summary, so that nobody ever meets a name of what is not there. Objects are verified as they leave. A publish that
   * was killed or aborted goes on where it ended when it is called again.
   *
   * @throws {OstreeError} `NOT_FOUND` without a ref; `PARTIAL` when its commit is; `CORRUPT` before a damaged object is
   * sent; `CONFLICT` when somebody else moves a ref of the target meanwhile; `NOT_SUPPORTED` when files are to be sent
   * and this is no archive repository
   */
  publish(target: PublishTarget, options: PublishOptions = {}): Promise<PublishResult> {
    return publish(this, target, options);
  }
}
