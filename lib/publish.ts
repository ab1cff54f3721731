// Publishing: pushing commits to where others pull them from.
import { resolve } from 'node:path';

import type { RepoHandle } from '../typings/addon.js';
import {
  type Names,
  checkArray,
  checkBoolean,
  checkInteger,
  checkKnown,
  checkName,
  checkObject,
  checkOptions,
  checkRef,
  checkFunction,
  typeError,
  valueError,
} from './check.js';
import { OstreeError } from './errors.js';
import { whileKept } from './keeping.js';
import { DirectoryStore } from './publish-directory.js';
import { FilePublisher } from './publish-files.js';
import { checkReceiverTarget, HttpPublisher, type ReceiverTarget } from './publish-http.js';
import { Reporter } from './publish-progress.js';
import { RepoPublisher } from './publish-repo.js';
import { RetryingStore } from './publish-retry.js';
import { PublishSource } from './publish-source.js';
import { checkS3Target, listing, S3Store, type S3Target } from './publish-s3.js';
import { checkSshTarget, SshStore, type SshTarget, sshTargetOf } from './publish-ssh.js';
import type { Store } from './publish-store.js';
import type { Outcome, PublishOptions, PublishResult, PublishRules, PublishWork } from './publish-types.js';
import { Repo } from './repo.js';
import type { RepoContent } from './repo-content.js';
import { innerOf } from './repo-inner.js';
import { checkSigners } from './sign.js';

/**
 * Where to publish to:
 * - a path or `{ directory }`: a directory in the layout of an archive repository, which a file server may serve
 * - a {@link Repo}: another repository of this machine, of any mode
 * - an `http:` or `https:` URL, or `{ url }`: a receiver, made by {@link createRepoReceiver}
 * - an `ssh:` URL (`ssh://user@host:port/path`), or `{ ssh, path }`: a directory of another machine
 * - `{ s3, prefix }`: a bucket, by an adapter
 */
export type PublishTarget = string | Repo | { directory: string } | ReceiverTarget | SshTarget | S3Target;

const PUBLISH: Names<PublishOptions> = {
  refs: true,
  prune: true,
  dryRun: true,
  concurrency: true,
  retries: true,
  fsync: true,
  sign: true,
  onProgress: true,
  signal: true,
};

const MAX_CONCURRENCY = 256;

function checkRules(options: PublishOptions): PublishRules {
  checkOptions(options, PUBLISH);
  const {
    refs,
    prune = false,
    dryRun = false,
    concurrency = 8,
    retries = 5,
    sign = [],
    fsync,
    onProgress,
  } = options;
  if (refs !== undefined) {
    checkArray(refs, 'options.refs');
    refs.forEach((ref, i) => checkRef(ref, `options.refs[${i}]`));
  }
  checkBoolean(prune, 'options.prune');
  checkBoolean(dryRun, 'options.dryRun');
  checkInteger(concurrency, 'options.concurrency', 1, MAX_CONCURRENCY);
  checkInteger(retries, 'options.retries', 0, 100);
  if (fsync !== undefined) checkBoolean(fsync, 'options.fsync');
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  if (prune && refs !== undefined)
    throw valueError('options.prune', 'does not go with refs: all others would be deleted');
  return { refs, prune, dryRun, concurrency, retries, fsync, sign: checkSigners(sign, 'options.sign') };
}

function isRepo(target: unknown): target is Repo {
  return target instanceof Repo;
}

/** What it takes to publish there. */
type Publisher = (work: PublishWork) => Promise<Outcome>;

function publisherFor(target: PublishTarget): Publisher {
  if (isRepo(target)) return (work) => new RepoPublisher(target, work).run();
  if (typeof target === 'string') {
    checkName(target, 'target');
    if (/^https?:\/\//i.test(target)) return publisherFor({ url: target });
    if (/^ssh:\/\//i.test(target)) return publisherFor(sshTargetOf(target));
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target))
      throw valueError('target', `must be a path, or a URL of http:, https: or ssh:. Received '${target}'`);
    return publisherFor({ directory: target });
  }
  checkObject(target, 'target');
  if ('url' in target) {
    checkReceiverTarget(target);
    return (work) => new HttpPublisher(target, work).run();
  }
  if ('ssh' in target) {
    checkSshTarget(target);
    return (work) =>
      publishFiles(new RetryingStore(new SshStore(target, work.rules.fsync), work.rules), work);
  }
  if ('s3' in target) {
    checkS3Target(target);
    return async (work) => {
      if (work.rules.prune) listing(target.s3);
      return await publishFiles(new RetryingStore(new S3Store(target), work.rules), work);
    };
  }
  if (!('directory' in target))
    throw typeError('target', 'a path, a URL, a Repo or an object that names one', target);
  checkKnown(target, { directory: true }, 'target');
  checkName(target.directory, 'target.directory');
  const directory = resolve(target.directory);
  return (work) => publishFiles(new DirectoryStore(directory, work.rules.fsync), work);
}

async function publishFiles(store: Store, work: PublishWork): Promise<Outcome> {
  try {
    return await new FilePublisher(store, work).run();
  } finally {
    await store.close();
  }
}

/**
 * The repository once more, with a lifetime of its own: its close() waits for a publish as a whole, and refuses what is
 * begun meanwhile, which parts of the publish are not.
 */
function viewOf({ path, mode, collectionId, writable, parent }: Repo, handle: RepoHandle): Repo {
  return new Repo({ handle, info: { path, mode, collectionId, writable, parent } }, undefined, 'shared');
}

export async function publish(
  repo: RepoContent,
  target: PublishTarget,
  options: PublishOptions,
): Promise<PublishResult> {
  if (!isRepo(repo)) throw typeError('this', 'a Repo', repo);
  const rules = checkRules(options);
  const inner = innerOf(repo);
  const publishTo = publisherFor(target);
  if (isRepo(target)) {
    if (target.path === repo.path) throw valueError('target', 'must be another repository');
    innerOf(target).lifetime.check();
  } else if (repo.mode !== 'archive') {
    throw new OstreeError(
      'NOT_SUPPORTED',
      `${repo.path} is a ${repo.mode} repository, and only the files of an archive one can be served. Publish it into an archive Repo, and from there`,
      { path: repo.path },
    );
  }
  const started = performance.now();
  const outcome = await inner.lifetime.sequence(options, (signal) =>
    whileKept(inner, signal, async () => {
      const view = viewOf(repo, inner.native);
      try {
        const source = new PublishSource(view);
        return await publishTo({ source, rules, reporter: new Reporter(options.onProgress), signal });
      } finally {
        await view.close();
      }
    }),
  );
  return { ...outcome, dryRun: rules.dryRun, elapsed: Math.round(performance.now() - started) };
}
