// Metadata beside a commit, which its checksum does not cover.
import type { CallOptions } from './call.js';
import { checkObject, checkOptions, checkRev } from './check.js';
import type { MetadataInput } from './commit.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import type { Rev } from './types.js';

export async function setDetachedMetadata(
  repo: RepoInner,
  commit: Rev,
  metadata: MetadataInput | null,
  options: CallOptions,
): Promise<void> {
  checkRev(commit, 'commit');
  if (metadata !== null) checkObject(metadata, 'metadata');
  checkOptions(options);
  await repo.lifetime.run(options, (call) => native().detachedSet(repo.native, commit, metadata, call));
}
