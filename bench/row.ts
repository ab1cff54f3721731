// A row of the benchmark: the same work by the command, by the package and, where it has it, by Python's bindings.
import { type Measured, median } from './measure.js';
import { targetOf } from './targets.js';

/** What bounds the work on this machine, whoever does it. */
export interface Floor {
  name: string;
  times: number[];
}

export interface Row {
  work: string;
  mode: string;
  command: Measured[];
  ours: Measured[];
  python: Measured[];
  floor?: Floor;
  /** How many times as fast as the command it is meant to be. */
  target?: number;
  /** The command was run so many times fewer, and its times are multiplied by as many. */
  scaled?: number;
}

export interface Summary {
  work: string;
  mode: string;
  command: string;
  'python3-gi': string;
  ours: string;
  ratio: string;
  target: string;
  floor: string;
  'cpu command/ours': string;
  'peak memory command/ours (idle)': string;
  'event loop p99/max (idle)': string;
  'fs and dns call (idle)': string;
}

export function newRow(work: string, mode: string, floor?: string): Row {
  const row: Row = { work, mode, command: [], ours: [], python: [] };
  if (floor !== undefined) row.floor = { name: floor, times: [] };
  const target = targetOf(work, mode);
  if (target !== undefined) row.target = target;
  return row;
}

export function time(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(2)} s` : `${milliseconds.toFixed(0)} ms`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

export function medianOf(measured: Measured[], read: (m: Measured) => number = ({ wall }) => wall): number {
  return median(measured.map(read));
}

export function ratioOf({ command, ours }: Row): number {
  return medianOf(command) / medianOf(ours);
}

export function summarise(row: Row): Summary {
  const { work, mode, command, ours, python, floor, scaled, target } = row;
  const ratio = ratioOf(row);
  const worst = (read: (m: Measured) => number | undefined) => Math.max(...ours.map((m) => read(m) ?? NaN));
  const cpu = ({ cpu: used }: Measured) => used;
  const loop = (which: 'loop' | 'idleLoop') =>
    `${worst((m) => m[which]?.p99).toFixed(1)} / ${worst((m) => m[which]?.max).toFixed(1)}`;
  return {
    work,
    mode,
    command: `${time(medianOf(command))}${scaled ? ` (${scaled} x fewer calls, scaled)` : ''}`,
    'python3-gi': python.length > 0 ? time(medianOf(python)) : '',
    ours: time(medianOf(ours)),
    ratio: `${ratio.toFixed(2)} x`,
    target: target === undefined ? '' : `${target} x: ${ratio >= target ? 'met' : '**not met**'}`,
    floor: floor
      ? `${floor.name} ${time(median(floor.times))}, ours/it ${(medianOf(ours) / median(floor.times)).toFixed(2)}`
      : '',
    'cpu command/ours': `${time(medianOf(command, cpu))} / ${time(medianOf(ours, cpu))}`,
    'peak memory command/ours (idle)': `${megabytes(Math.max(...command.map((m) => m.memory)))} / ${megabytes(worst((m) => m.memory))} MB (${megabytes(worst((m) => m.idleMemory))})`,
    'event loop p99/max (idle)': `${loop('loop')} ms (${loop('idleLoop')})`,
    'fs and dns call (idle)': `${worst((m) => m.pool).toFixed(2)} ms (${worst((m) => m.idlePool).toFixed(2)})`,
  };
}
