// The results as Markdown, JSON and SVG in bench/results/. Rows that were run replace those of the same name.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release } from 'node:os';

import { execa } from 'execa';
import { version } from 'ostree';

import { bars } from './plot.js';
import { medianOf, ratioOf, type Row, summarise } from './row.js';

const RESULTS = new URL('../../bench/results/', import.meta.url);

/** A row with where and when it was measured, for a later run may replace some of them. */
type Dated = Row & { date: string; measuredOn: string };

interface Results {
  machine: string;
  notes: string[];
  rows: Dated[];
}

async function before(name: string): Promise<Dated[]> {
  const text = await readFile(new URL(`${name}.json`, RESULTS), 'utf8').catch(() => '{"rows":[]}');
  return (JSON.parse(text) as Results).rows;
}

export async function machine(): Promise<string> {
  const { stdout } = await execa('ostree', ['--version']);
  const cli = /Version: '(.*)'/.exec(stdout)?.[1] ?? 'unknown';
  return `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.version}, libostree ${version.libostree} (ostree ${cli}), SHA-256 by ${version.sha256}`;
}

export function markdownTable<T extends object>(rows: T[]): string {
  const columns = Object.keys(rows[0] ?? {}) as (keyof T & string)[];
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((column) => String(row[column])))),
  ].join('\n');
}

/** Those of this run and, of the others, what an earlier run of the same kind left. */
async function merged(name: string, rows: Dated[]): Promise<Dated[]> {
  const isNew = (row: Row) => rows.some(({ work, mode }) => work === row.work && mode === row.mode);
  const all = await before(name);
  const kept = all.map((row) => rows.find(({ work, mode }) => work === row.work && mode === row.mode) ?? row);
  return [
    ...kept,
    ...rows.filter((row) => !all.some((old) => old.work === row.work && old.mode === row.mode)),
  ].filter((row) => isNew(row) || row.measuredOn === rows[0]?.measuredOn);
}

export interface Report {
  /** Of the files in bench/results/. */
  name: string;
  title: string;
  notes: string[];
  rows: Row[];
}

export async function write({ name, title, notes, rows }: Report): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  const measuredOn = await machine();
  const date = new Date().toISOString().slice(0, 10);
  const all = await merged(
    name,
    rows.map((row) => ({ ...row, date, measuredOn })),
  );
  const table = markdownTable(all.map((row) => ({ ...summarise(row), date: row.date })));
  const text = [`# ${title}`, `${measuredOn}.`, ...notes.map((note) => `- ${note}`), table];
  await writeFile(
    new URL(`${name}.md`, RESULTS),
    `${text.join('\n\n').replaceAll(/\n\n(?=- )/g, '\n')}\n`.replace('\n- ', '\n\n- '),
  );
  await writeFile(
    new URL(`${name}.json`, RESULTS),
    `${JSON.stringify({ machine: measuredOn, notes, rows: all }, null, 2)}\n`,
  );
  const plotted = all.map((row) => ({
    label: `${row.work}, ${row.mode}`,
    ratio: ratioOf(row),
    target: row.target,
  }));
  await writeFile(
    new URL(`${name}.svg`, RESULTS),
    bars(`${title}: times as fast as the ostree command`, plotted),
  );
}

/** What the document shows of each row; the rest is in bench/results/. */
const SHOWN = ['work', 'mode', 'command', 'python3-gi', 'ours', 'ratio', 'target', 'floor'] as const;

/** Puts a text between the marks of that name in docs/performance.md. */
export async function intoDocs(mark: string, inner: string): Promise<void> {
  const document = new URL('../../docs/performance.md', import.meta.url);
  const text = await readFile(document, 'utf8');
  const [start = '', rest] = text.split(new RegExp(`(?<=<!-- ${mark}: .*-->\\n)`));
  if (rest === undefined) throw new Error(`docs/performance.md has no mark '${mark}'`);
  await writeFile(document, `${start}${inner}\n${rest.slice(rest.indexOf(`<!-- /${mark} -->`))}`);
}

/** Puts the table of the last results into docs/performance.md. */
export async function writeDocs(name: string): Promise<void> {
  const results = JSON.parse(await readFile(new URL(`${name}.json`, RESULTS), 'utf8')) as Results;
  const rows = results.rows.map((row) => {
    const summary = summarise(row);
    return Object.fromEntries(SHOWN.map((column) => [column, summary[column]]));
  });
  const dates = [...new Set(results.rows.map(({ date }) => date))].join(', ');
  const table = `${results.machine}, ${dates}.\n\n${results.notes.map((note) => `- ${note}`).join('\n')}\n\n${markdownTable(rows)}`;
  await intoDocs('bench', table);
}

/** The rows that miss what they are meant to reach, worst first. */
export function missed(rows: Row[]): string[] {
  const shares = rows.flatMap((row) => {
    const { target } = row;
    return target !== undefined && ratioOf(row) < target
      ? [
          {
            share: ratioOf(row) / target,
            text: `${row.work} (${row.mode}): ${ratioOf(row).toFixed(2)} x of ${target} x, ours ${medianOf(row.ours).toFixed(0)} ms`,
          },
        ]
      : [];
  });
  return shares.sort((a, b) => a.share - b.share).map(({ text }) => text);
}
