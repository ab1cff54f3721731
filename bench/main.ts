// The package against the `ostree` command: the same work, side by side,
// alternating, in one run. Ratios count; absolute times are the machine's.
//
//   npm run bench [-- --quick] [--runs N] [--json]
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { execa } from 'execa';
import { version } from 'ostree';

import { command, type Measured, median, ours } from './measure.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const runs = Number(flags.runs ?? (flags.quick ? 1 : 3));

interface Row {
  work: string;
  mode: string;
  command: Measured[];
  ours: Measured[];
}

/** This machine's own files, by hard links where the file system allows. */
async function makeTree(home: string): Promise<string> {
  const tree = join(home, 'tree');
  await mkdir(tree);
  const sources = flags.quick ? ['/usr/share/doc', '/usr/bin'] : ['/usr/share', '/usr/bin'];
  await execa('cp', ['-al', ...sources, tree], { reject: false }).then(async ({ exitCode }) => {
    if (exitCode !== 0) await execa('cp', ['-a', ...sources, tree]);
  });
  return tree;
}

async function freshRepo(home: string, name: string, mode: string): Promise<string> {
  const path = join(home, name);
  await rm(path, { recursive: true, force: true });
  await execa('ostree', [`--repo=${path}`, 'init', `--mode=${mode}`]);
  return path;
}

function commitCommand(repo: string, tree: string): Promise<Measured> {
  return command(
    'ostree',
    `--repo=${repo}`,
    'commit',
    '--disable-fsync',
    '--branch=bench',
    '--timestamp=@0',
    `--tree=dir=${tree}`,
  );
}

async function rootOf(repo: string): Promise<string> {
  const { stdout } = await execa('ostree', [`--repo=${repo}`, 'ls', '-C', '-d', 'bench', '/']);
  return stdout;
}

async function compare(home: string, tree: string, mode: string): Promise<Row[]> {
  const rows: Record<'new' | 'again' | 'cached' | 'fsck', Row> = {
    new: { work: 'commit, new', mode, command: [], ours: [] },
    again: { work: 'commit again, unchanged', mode, command: [], ours: [] },
    cached: { work: 'commit again, with a cache', mode, command: [], ours: [] },
    fsck: { work: 'fsck', mode, command: [], ours: [] },
  };
  for (let run = 0; run < runs; run++) {
    const theirs = await freshRepo(home, 'theirs', mode);
    const mine = await freshRepo(home, 'mine', mode);
    rows.new.command.push(await commitCommand(theirs, tree));
    rows.new.ours.push(await ours('commit', mine, tree));
    rows.again.command.push(await commitCommand(theirs, tree));
    rows.again.ours.push(await ours('commit', mine, tree));
    await ours('commit-cached', mine, tree);
    rows.cached.command = rows.again.command;
    rows.cached.ours.push(await ours('commit-cached', mine, tree));
    rows.fsck.command.push(await command('ostree', `--repo=${theirs}`, 'fsck', '--quiet'));
    rows.fsck.ours.push(await ours('fsck', mine));
    if ((await rootOf(theirs)) !== (await rootOf(mine))) throw new Error(`${mode}: the two trees differ`);
    // The command has the last word on what we wrote.
    await execa('ostree', [`--repo=${mine}`, 'fsck', '--quiet']);
  }
  return Object.values(rows);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function summarise({ work, mode, command: theirs, ours: mine }: Row) {
  const times = {
    command: median(theirs.map(({ wall }) => wall)),
    ours: median(mine.map(({ wall }) => wall)),
  };
  const worst = (read: (m: Measured) => number | undefined) => Math.max(...mine.map((m) => read(m) ?? NaN));
  return {
    work,
    mode,
    command: seconds(times.command),
    ours: seconds(times.ours),
    ratio: `${(times.command / times.ours).toFixed(2)} x`,
    'cpu command/ours': `${seconds(median(theirs.map(({ cpu }) => cpu)))} / ${seconds(median(mine.map(({ cpu }) => cpu)))}`,
    'peak memory (idle)': `${(worst((m) => m.memory) / 1e6).toFixed(0)} MB (${(worst((m) => m.idleMemory) / 1e6).toFixed(0)})`,
    'event loop p99/max (idle)': `${worst((m) => m.loop?.p99).toFixed(1)} / ${worst((m) => m.loop?.max).toFixed(1)} ms (${worst((m) => m.idleLoop?.p99).toFixed(1)} / ${worst((m) => m.idleLoop?.max).toFixed(1)})`,
    'fs and dns call (idle)': `${worst((m) => m.pool).toFixed(2)} ms (${worst((m) => m.idlePool).toFixed(2)})`,
  };
}

function markdown(rows: ReturnType<typeof summarise>[]): string {
  const columns = Object.keys(rows[0] ?? {}) as (keyof ReturnType<typeof summarise>)[];
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => row[column]))),
  ].join('\n');
}

const home = await mkdtemp(join(tmpdir(), 'ostree-bench-'));
try {
  const tree = await makeTree(home);
  const entries = (await execa('find', [tree, '-mindepth', '1', '-printf', '.'])).stdout.length;
  const bytes = Number((await execa('du', ['-sb', tree])).stdout.split('\t')[0]);
  const machine = `${entries} entries, ${(bytes / 1e6).toFixed(0)} MB; ${runs} runs, medians; ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}; Node ${process.version}, libostree ${version.libostree}, SHA-256 by ${version.sha256}`;
  if (!flags.json) process.stdout.write(`${machine}\n\n`);
  const rows: Row[] = [];
  for (const mode of ['bare-user', 'archive']) rows.push(...(await compare(home, tree, mode)));
  const table = rows.map(summarise);
  process.stdout.write(
    flags.json ? `${JSON.stringify({ machine, rows }, null, 2)}\n` : `${markdown(table)}\n`,
  );
  if (!flags.quick) {
    const results = new URL('../../bench/results/', import.meta.url);
    await mkdir(results, { recursive: true });
    await writeFile(new URL('latest.md', results), `# Benchmark\n\n${machine}\n\n${markdown(table)}\n`);
  }
} finally {
  if (!flags.keep) await rm(home, { recursive: true, force: true });
}
