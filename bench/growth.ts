// How time and memory grow with the number of entries.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import { Context } from './context.js';
import { checkouts } from './checkouts.js';
import { fsck } from './checks.js';
import { commits } from './commits.js';
import { lines, type Line } from './plot.js';
import type { Measured } from './measure.js';
import { intoDocs, machine, markdownTable } from './report.js';
import { medianOf, type Row, time } from './row.js';
import { describe, smallFiles } from './trees.js';

const RESULTS = new URL('../../bench/results/', import.meta.url);
const STEPS = [1000, 10_000, 50_000, 200_000, 1_000_000];
const ROWS = /^bare-user (commit, new|commit again|fsck|checkout, hard)/;

interface Step {
  entries: number;
  rows: Row[];
}

type OnStep = (step: Step) => Promise<void>;

interface Results {
  machine: string;
  date: string;
  steps: Step[];
}

export interface Growth {
  home: string;
  runs: number;
  quick: boolean;
  scale: number;
  onStep: (table: string) => void;
}

async function measure(growth: Growth, count: number, onRows: OnStep): Promise<void> {
  const home = `${growth.home}/${count}`;
  await mkdir(home);
  await smallFiles(`${home}/tree`, count);
  const { entries } = await describe(`${home}/tree`);
  // The largest takes minutes a run, and one does not vary much.
  const runs = count > 50_000 ? 1 : growth.runs;
  const context = new Context(home, `${home}/tree`, runs, growth.quick, undefined, ROWS, true);
  for (const rows of [commits, fsck, checkouts]) {
    await rows(context, 'bare-user');
    await onRows({ entries, rows: context.measured });
  }
}

function anEntry(measured: Measured[], entries: number): string {
  return ((medianOf(measured) * 1000) / entries).toFixed(1);
}

function peak(measured: Measured[]): string {
  return (Math.max(...measured.map((m) => m.memory)) / 1e6).toFixed(0);
}

function table(steps: Step[]) {
  return steps.flatMap(({ entries, rows }) =>
    rows.map(({ work, command, ours }) => ({
      work,
      entries,
      command: time(medianOf(command)),
      ours: time(medianOf(ours)),
      ratio: `${(medianOf(command) / medianOf(ours)).toFixed(2)} x`,
      'µs an entry, command / ours': `${anEntry(command, entries)} / ${anEntry(ours, entries)}`,
      'peak memory command / ours (idle)': `${peak(command)} / ${peak(ours)} MB (${((ours[0]?.idleMemory ?? NaN) / 1e6).toFixed(0)})`,
    })),
  );
}

function series(steps: Step[], read: (row: Row, entries: number, command: boolean) => number): Line[] {
  const works = [...new Set(steps.flatMap(({ rows }) => rows.map(({ work }) => work)))];
  return works.flatMap((work) =>
    [true, false].map((command) => ({
      name: `${work}: ${command ? 'command' : 'ours'}`,
      command,
      points: steps.flatMap(({ entries, rows }) => {
        const row = rows.find((one) => one.work === work);
        const measured = command ? row?.command : row?.ours;
        return row && measured?.length ? [[entries, read(row, entries, command)] as [number, number]] : [];
      }),
    })),
  );
}

async function writeResults(directory: URL, steps: Step[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const measuredOn = await machine();
  const date = new Date().toISOString().slice(0, 10);
  const text = [
    '# Growth',
    `${measuredOn}, ${date}. Files of 10 to 509 bytes, 100 to a directory; bare-user; medians, of one run beyond 50,000 entries.`,
    markdownTable(table(steps)),
  ];
  await writeFile(new URL('growth.md', directory), `${text.join('\n\n')}\n`);
  await writeFile(
    new URL('growth.json', directory),
    `${JSON.stringify({ machine: measuredOn, date, steps } satisfies Results, null, 2)}\n`,
  );
  const perEntry = series(steps, ({ command: theirs, ours }, entries, command) =>
    Number(((medianOf(command ? theirs : ours) * 1000) / entries).toFixed(2)),
  );
  await writeFile(new URL('growth.svg', directory), lines('Time an entry', 'µs an entry', perEntry));
  const memory = series(steps, ({ command: theirs, ours }, _entries, command) =>
    Number((medianOf(command ? theirs : ours, (m) => m.memory) / 1e6).toFixed(0)),
  );
  await writeFile(new URL('growth-memory.svg', directory), lines('Peak memory', 'MB', memory));
}

/** What an entry takes at 50,000 and at 1,000,000, and how many times as much that is. */
export async function writeGrowthDocs(): Promise<void> {
  const text = await readFile(new URL('growth.json', RESULTS), 'utf8');
  const { machine: measuredOn, date, steps } = JSON.parse(text) as Results;
  const [small, large] = [steps.at(-3), steps.at(-1)];
  if (!small || !large) throw new Error('the growth was not measured to its end');
  const cpu = (m: Measured) => m.cpu;
  const sides = small.rows.flatMap((row) => {
    const grown = large.rows.find(({ work }) => work === row.work);
    return (['ours', 'command'] as const).map((side) => {
      const at = ({ entries }: Step, measured: Measured[] = [], read?: (m: Measured) => number) =>
        (medianOf(measured, read) * 1000) / entries;
      const wall = [at(small, row[side]), at(large, grown?.[side])] as const;
      const used = [at(small, row[side], cpu), at(large, grown?.[side], cpu)] as const;
      return {
        work: row.work,
        '': side === 'ours' ? 'package' : 'command',
        [`${small.entries} entries`]: `${wall[0].toFixed(1)}, processor ${used[0].toFixed(1)}`,
        [`${large.entries} entries`]: `${wall[1].toFixed(1)}, processor ${used[1].toFixed(1)}`,
        times: `${(wall[1] / wall[0]).toFixed(2)}, processor ${(used[1] / used[0]).toFixed(2)}`,
        'peak memory': `${peak(row[side])}, ${peak(grown?.[side] ?? [])} MB`,
      };
    });
  });
  await intoDocs('growth', `${measuredOn}, ${date}.\n\n${markdownTable(sides)}`);
}

export async function runGrowth(growth: Growth): Promise<void> {
  const steps: Step[] = [];
  for (const count of STEPS) {
    if (count * growth.scale < 100) continue;
    let step: Step | undefined;
    await measure(growth, Math.round(count * growth.scale), async (sofar) => {
      step = sofar;
      // The last step takes long: of a run that does not come to its end, the rows so far are there.
      await writeResults(pathToFileURL(`${growth.home}/so-far/`), [...steps, step]);
    });
    if (!step) continue;
    steps.push(step);
    growth.onStep(markdownTable(table([step])));
  }
  if (!growth.quick) await writeResults(RESULTS, steps);
}
