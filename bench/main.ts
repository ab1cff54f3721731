// The package against the `ostree` command and libostree's bindings for Python: the same work, side by side,
// alternating, in one run. Ratios count; absolute times are the machine's.
//
//   npm run bench [-- OPTIONS]
//
//   --quick          less of this machine's files, one run; writes no results
//   --runs N         medians of so many runs (3)
//   --only PATTERN   rows whose `MODE WORK` match; in the results they replace those of the same name
//   --scale N        made files and trees N times as large (1)
//   --json           prints everything that was measured
//   --trees          instead: very many small files, and a few huge ones
//   --growth         instead: from 1,000 entries to 1,000,000
//   --docs           then puts the table, or that of the growth, into docs/performance.md
//   --keep           leaves the working directory behind
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { checkouts } from './checkouts.js';
import { diff, fsck, prune } from './checks.js';
import { commits } from './commits.js';
import { Context } from './context.js';
import { runGrowth, writeGrowthDocs } from './growth.js';
import { findPython } from './measure.js';
import { pulls } from './pulls.js';
import { reads } from './reads.js';
import { machine, markdownTable, missed, type Report, write, writeDocs } from './report.js';
import { summarise } from './row.js';
import { describe, hugeFiles, smallFiles, systemTree } from './trees.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    runs: { type: 'string' },
    only: { type: 'string', default: '' },
    scale: { type: 'string' },
    json: { type: 'boolean', default: false },
    trees: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const { quick } = flags;
const runs = Number(flags.runs ?? (quick ? 1 : 3));
const scale = Number(flags.scale ?? (quick ? 1 / 16 : 1));
if (!(runs >= 1) || !(scale > 0)) throw new Error('--runs and --scale take numbers greater than 0');
const only = new RegExp(flags.only);
const home = await mkdtemp(join(tmpdir(), 'ostree-bench-'));
const python = await findPython();

function say(text: string): void {
  if (!flags.json) process.stdout.write(`${text}\n\n`);
}

async function publish(report: Report): Promise<void> {
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else say(markdownTable(report.rows.map(summarise)));
  const below = missed(report.rows);
  say(below.length > 0 ? `Below the target:\n${below.join('\n')}` : 'Every target of these rows is met.');
  if (!quick && report.rows.length > 0) await write(report);
}

async function notes(tree: string): Promise<string[]> {
  const { entries, bytes } = await describe(tree);
  return [
    `${entries} entries, ${(bytes / 1e6).toFixed(0)} MB; medians of ${runs}`,
    python
      ? `python3-gi: libostree's bindings, synchronous calls in one process`
      : 'python3-gi: not measured, no Python here has gi and OSTree-1.0 (Debian: python3-gi, gir1.2-ostree-1.0)',
    'node-gtk: not measured; it is no dependency here, since it is compiled against GTK and Cairo',
  ];
}

async function ordinary(): Promise<void> {
  const tree = join(home, 'tree');
  await systemTree(tree, quick);
  const context = new Context(home, tree, runs, quick, python, only);
  const about = await notes(tree);
  say([await machine(), ...about].join('\n'));
  for (const mode of ['bare-user', 'archive']) {
    await commits(context, mode);
    await context.discard();
    await fsck(context, mode);
  }
  await checkouts(context);
  await context.discard();
  await diff(context, 'bare-user');
  await prune(context, 'bare-user');
  await pulls(context);
  await context.discard();
  await reads(context, Math.round(scale * 2 ** 30));
  await publish({ name: 'latest', title: 'Benchmark', notes: about, rows: context.measured });
  if (flags.docs) await writeDocs('latest');
}

async function trees(): Promise<void> {
  const made = {
    tiny: (tree: string) => smallFiles(tree, Math.round(100_000 * scale)),
    huge: (tree: string) => hugeFiles(tree, 4, Math.round(scale * 2 ** 30)),
  };
  for (const [name, make] of Object.entries(made)) {
    const place = join(home, name);
    const tree = join(place, 'tree');
    await mkdir(place);
    await make(tree);
    const context = new Context(place, tree, runs, quick, python, only);
    const about = await notes(tree);
    say([`${name} files; ${await machine()}`, ...about].join('\n'));
    for (const mode of ['bare-user', 'archive']) {
      await commits(context, mode);
      await context.discard();
      await fsck(context, mode);
    }
    await checkouts(context);
    for (const row of context.rows) delete row.target; // they are of this machine's files
    await publish({ name: `trees-${name}`, title: `${name} files`, notes: about, rows: context.measured });
  }
}

try {
  if (flags.growth) {
    await runGrowth({ home, runs, quick, scale, onStep: say });
    if (flags.docs) await writeGrowthDocs();
  } else if (flags.trees) await trees();
  else await ordinary();
} finally {
  if (!flags.keep) await rm(home, { recursive: true, force: true });
}
