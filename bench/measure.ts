// Runs one side of a comparison and says what it took. Times are milliseconds, memory is bytes.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';

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

// Python waits for the command, for Node does not tell what a child used.
const RUSAGE = `
import json, resource, subprocess, sys, time
started = time.monotonic()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
wall = time.monotonic() - started
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"wall": wall * 1000, "cpu": (usage.ru_utime + usage.ru_stime) * 1000, "memory": usage.ru_maxrss * 1024}))
sys.exit(status)`;

export async function command(...args: string[]): Promise<Measured> {
  await execa('sync'); // what the step before left to write is not this one's to wait for
  const { stdout } = await execa('python3', ['-c', RUSAGE, ...args]);
  return JSON.parse(stdout) as Measured;
}

/** The same through the package, in a process of its own with one thread in libuv's pool. */
export async function ours(...args: string[]): Promise<Measured> {
  await execa('sync');
  const program = fileURLToPath(new URL('operation.js', import.meta.url));
  const { stdout } = await execa(process.execPath, [program, ...args], { env: { UV_THREADPOOL_SIZE: '1' } });
  return JSON.parse(stdout) as Measured;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
