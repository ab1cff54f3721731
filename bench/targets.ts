// What the package means to reach: how many times as fast as the command, by row and by the mode of the repository.
const TARGETS: Record<string, number | Record<string, number>> = {
  'commit, new': { 'bare-user': 2.2, archive: 2.4 },
  'commit again, unchanged': { 'bare-user': 10, archive: 30 },
  'commit again, with a cache': { 'bare-user': 35, archive: 100 },
  'commit, 1 % changed, with a cache': { archive: 50 },
  fsck: { 'bare-user': 9, archive: 6.5 },
  'checkout, hard links': 1.3,
  'checkout, copied': 1.5,
  'update in place, 1 % changed': 20,
  'pull, http': 1,
  'small reads': 200,
};

export function targetOf(work: string, mode: string): number | undefined {
  const target = TARGETS[work];
  return typeof target === 'object' ? target[mode] : target;
}
