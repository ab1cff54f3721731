// Reading without a checkout: 1,000 small answers, and one large file as a stream.
import { createHash } from 'node:crypto';

import { execa } from 'execa';

import { alternating, type Context, ostree, same } from './context.js';
import { bindings, command, type Measured, ours } from './measure.js';
import { hugeFiles, smallFiles } from './trees.js';

const CALLS = 1000;
/** The command is started for each answer, so it gives fewer. */
const FEWER = 20;

async function repoOf(context: Context, name: string, tree: string): Promise<string> {
  const repo = await context.freshRepo(name, 'bare-user');
  await ours('commit', { repo, tree });
  await ostree(repo, 'fsck', '--quiet');
  return repo;
}

function times({ wall, cpu, memory }: Measured, factor: number): Measured {
  return { wall: wall * factor, cpu: cpu * factor, memory };
}

async function small(context: Context): Promise<void> {
  if (!context.wants('bare-user', 'small reads')) return;
  const tree = context.fresh('reads-tree');
  await smallFiles(tree, CALLS, () => 4096);
  const repo = await repoOf(context, 'reads', tree);
  const list = await execa('find', [tree, '-type', 'f', '-printf', '/%P\\n']);
  const paths = list.stdout.split('\n').sort();
  const row = context.row('small reads', 'bare-user');
  row.scaled = FEWER;
  const script = `for path in "$@"; do ostree --repo=${repo} rev-parse bench; ostree --repo=${repo} cat bench "$path"; done`;
  await context.settle(repo);
  for (let run = 0; run < context.runs; run++) {
    const some = paths.filter((_, i) => i % FEWER === 0);
    await alternating(
      run,
      row,
      async () => times(await command('sh', '-ec', script, 'sh', ...some), FEWER),
      () => ours('reads', { repo, paths }),
    );
    if (context.python) row.python.push(await bindings(context.python, 'reads', { repo, paths }));
    for (const { result } of [...row.ours, ...row.python])
      if (Number(result?.['bytes']) < CALLS * 4096) throw new Error(`small reads: ${JSON.stringify(result)}`);
  }
}

async function sha256(stream: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function stream(context: Context, bytes: number): Promise<void> {
  if (!context.wants('bare-user', 'stream of one large file')) return;
  const tree = context.fresh('stream-tree');
  await hugeFiles(tree, 1, bytes);
  const repo = await repoOf(context, 'stream', tree);
  const row = context.row('stream of one large file', 'bare-user');
  const args = { repo, paths: ['/huge0'] };
  await context.settle(repo);
  for (let run = 0; run < context.runs; run++) {
    await alternating(
      run,
      row,
      () => command('ostree', `--repo=${repo}`, 'cat', 'bench', '/huge0'),
      () => ours('stream', args),
    );
    if (context.python) row.python.push(await bindings(context.python, 'stream', args));
    for (const { result } of [...row.ours, ...row.python]) same('the lengths', result?.['bytes'], bytes);
  }
  const { Repo } = await import('ostree');
  await using opened = await Repo.open(repo);
  const { stdout } = await execa('sha256sum', [`${tree}/huge0`]);
  same('the contents', await sha256(opened.createReadStream('bench', '/huge0')), stdout.split(' ')[0]);
}

export async function reads(context: Context, streamBytes: number): Promise<void> {
  await small(context);
  await stream(context, streamBytes);
}
