// Runs one side of a comparison in a process of its own and says what it took. Times are milliseconds, memory is bytes.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';

import { warm } from './trees.js';

export interface Loop {
  p99: number;
  max: number;
}

export interface Measured {
  wall: number;
  cpu: number;
  memory: number;
  idleMemory?: number;
  loop?: Loop;
  idleLoop?: Loop;
  pool?: number;
  idlePool?: number;
  result?: Record<string, unknown>;
}

/** What an operation is given; each takes what it needs. */
export interface Arguments {
  repo: string;
  tree?: string;
  cache?: boolean;
  rev?: string;
  from?: string;
  to?: string;
  destination?: string;
  source?: string;
  trusted?: boolean;
  userMode?: boolean;
  hardlinks?: boolean;
  paths?: string[];
}

// Python waits for the command, for Node does not tell what a child used.
const RUSAGE = `
import json, resource, subprocess, sys, time
started = time.monotonic()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
wall = time.monotonic() - started
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"wall": wall * 1000, "cpu": (usage.ru_utime + usage.ru_stime) * 1000, "memory": usage.ru_maxrss * 1024}))
sys.exit(status)`;

let inputs: string[] = [];

/** From here on each side finds these in the page cache, of which kernels take what nobody touched for a minute. */
export function keepWarm(paths: string[]): void {
  inputs = paths;
}

async function measured(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<Measured> {
  await execa('sync'); // what the step before left to write is not this one's to wait for
  for (const path of inputs) await warm(path);
  const { stdout } = await execa(program, args, { env });
  return JSON.parse(stdout) as Measured;
}

export async function command(...args: string[]): Promise<Measured> {
  return await measured('python3', ['-c', RUSAGE, ...args]);
}

/** Through the package, in a process of its own with one thread in libuv's pool. */
export async function ours(operation: string, args: Arguments): Promise<Measured> {
  const program = fileURLToPath(new URL('operation.js', import.meta.url));
  return await measured(process.execPath, [program, operation, JSON.stringify(args)], {
    UV_THREADPOOL_SIZE: '1',
  });
}

/** A Python that has libostree's bindings, or undefined. */
export async function findPython(): Promise<string | undefined> {
  const bindings = "import gi; gi.require_version('OSTree', '1.0'); from gi.repository import OSTree";
  for (const python of ['python3', '/usr/bin/python3']) {
    const { exitCode } = await execa(python, ['-c', bindings], { reject: false });
    if (exitCode === 0) return python;
  }
  return undefined;
}

/** Through libostree's bindings for Python. */
export async function bindings(python: string, operation: string, args: Arguments): Promise<Measured> {
  const program = fileURLToPath(new URL('../../bench/bindings.py', import.meta.url));
  return await measured(python, [program, operation, JSON.stringify(args)]);
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
