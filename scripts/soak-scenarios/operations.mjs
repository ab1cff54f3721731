// What scripts/soak and its programs do to a repository, by name. A program is told its task in its last argument, as JSON.
import process from 'node:process';

import { Repo } from 'ostree';

/** Of the program that imports this; scripts/soak itself has none. */
export const ownTask = () => JSON.parse(process.argv.at(-1));

export const operations = {
  commit: (repo, task, options) => repo.commit({ branch: 'new', tree: task.tree, ...options }),
  // More than may run at a time, so that some of them are waiting.
  '40 commits': (repo, task, options) =>
    Promise.all(
      Array.from({ length: 40 }, (_, i) => repo.commit({ branch: `new${i}`, tree: task.tree, ...options })),
    ),
  pull: (repo, task, options) => repo.pull(task.remote ?? 'origin', { refs: ['main'], ...options }),
  fsck: (repo, task, options) => repo.fsck(options),
  'fsck --delete': (repo, task, options) => repo.fsck({ delete: true, ...options }),
  prune: (repo, task, options) => repo.prune({ refsOnly: true, depth: 0, ...options }),
  checkout: (repo, task, options) => repo.checkout('main', task.destination, options),
  async transaction(repo, task, options) {
    await repo.transaction(async (txn) => {
      const { checksum } = await txn.commit({ tree: task.tree, parent: null, ...options });
      await txn.setRef('new', checksum);
    });
  },
  // Again and again, for one takes no time.
  async setRef(repo, task) {
    for (let i = 0; i < 2_000; i++) await repo.setRef('moving', task.checksums[i % 2]);
  },
};

export function openRepo(task) {
  return Repo.open(task.repo, { fsync: false });
}
