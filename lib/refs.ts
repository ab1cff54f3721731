// Refs: names for commits.
import type { CallOptions } from './call.js';
import { checkBoolean, checkRev } from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo.js';
import type { Checksum, Rev } from './types.js';

export interface ResolveRevOptions extends CallOptions {
  /** Look at local refs only, not at those of remotes. */
  localOnly?: boolean | undefined;
}

export async function resolveRev(repo: RepoInner, rev: Rev, options: ResolveRevOptions): Promise<Checksum> {
  checkRev(rev);
  const { localOnly = false } = options;
  checkBoolean(localOnly, 'options.localOnly');
  return await repo.lifetime.run(options, (call) => native().refResolve(repo.native, rev, localOnly, call));
}
