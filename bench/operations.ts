// What operation.ts can measure: the package's side of each row. The result is for the row to verify.
import type { Repo } from 'ostree';
import { Bench } from 'tinybench';

import type { Arguments } from './measure.js';

type Operation = (repo: Repo, args: Arguments) => Promise<Record<string, unknown>>;

function need<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the operation needs '${name}'`);
  return value;
}

/** One after another, each waited for: what a program pays that needs this one answer now. */
async function smallReads(repo: Repo, { rev = 'bench', paths = [] }: Arguments) {
  let bytes = 0;
  let next = 0;
  const bench = new Bench({ iterations: paths.length, time: 0, warmup: false });
  bench.add('resolveRev', async () => {
    await repo.resolveRev(rev);
  });
  bench.add('readFile', async () => {
    bytes += (await repo.readFile(rev, paths[next++ % paths.length] ?? '')).length;
  });
  const tasks = await bench.run();
  const latencies = tasks.map(({ name, result }) => {
    if (!('latency' in result)) throw new Error(`${name}: ${result.state}`);
    return [name, { p50: result.latency.p50, p99: result.latency.p99, calls: result.latency.samplesCount }];
  });
  return { bytes, ...Object.fromEntries(latencies) } as Record<string, unknown>;
}

export const operations: Record<string, Operation> = {
  commit: async (repo, { tree, cache = false }) => {
    const options = { branch: 'bench', tree: need(tree, 'tree'), timestamp: new Date(0), cache };
    const { checksum, rootContents, rootMetadata, stats } = await repo.commit(options);
    return { checksum, rootContents, rootMetadata, stats };
  },
  fsck: async (repo) => {
    const { verdict, objects } = await repo.fsck();
    return { verdict, objects };
  },
  checkout: async (repo, { rev = 'bench', destination, from, userMode, hardlinks }) => {
    const options = { from, userMode, requireHardlinks: hardlinks };
    return { ...(await repo.checkout(rev, need(destination, 'destination'), options)) };
  },
  diff: async (repo, { from, to }) => {
    const { added, removed, modified } = await repo.diff(need(from, 'from'), need(to, 'to'));
    return { lines: added.length + removed.length + modified.length };
  },
  prune: async (repo) => ({ ...(await repo.prune({ refsOnly: true, depth: 0 })) }),
  pull: async (repo) => {
    const { contentFetched, metadataFetched } = await repo.pull('origin', { refs: ['bench'] });
    return { contentFetched, metadataFetched };
  },
  pullLocal: async (repo, { source, trusted }) => {
    const { contentImported, metadataImported } = await repo.pullLocal(need(source, 'source'), {
      refs: ['bench'],
      trusted,
    });
    return { contentImported, metadataImported };
  },
  reads: smallReads,
  stream: async (repo, { rev = 'bench', paths = [] }) => {
    let bytes = 0;
    for await (const chunk of repo.createReadStream(rev, need(paths[0], 'paths')))
      bytes += (chunk as Buffer).length;
    return { bytes };
  },
};
