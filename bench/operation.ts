// One operation in a process of its own, so that its memory and its event loop
// are its alone. Prints one JSON document.
//
//   operation.js NAME '{"repo": PATH, …}'
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { Repo } from 'ostree';

import { type Arguments, type Loop, type Measured, median } from './measure.js';
import { operations } from './operations.js';

const IDLE = 500;
const POOL_CALLS = 50;

function milliseconds(histogram: IntervalHistogram): Loop {
  return { p99: histogram.percentile(99) / 1e6, max: histogram.max / 1e6 };
}

/** How long a call takes that libuv's pool serves, 50 of them one after another until stopped. */
async function poolLatency(stop: AbortSignal): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < POOL_CALLS && !stop.aborted; i++) {
    const started = performance.now();
    await (i % 2 ? readFile('/etc/hostname') : lookup('localhost'));
    times.push(performance.now() - started);
    await sleep(5);
  }
  return median(times);
}

async function peakMemory(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

async function main(): Promise<void> {
  const [name = '', given = '{}'] = process.argv.slice(2);
  const args = JSON.parse(given) as Arguments;
  const operation = operations[name];
  if (!operation) throw new Error(`unknown operation ${name}`);
  await using repo = await Repo.open(args.repo, { fsync: false });
  await repo.resolveRev('none').catch(() => undefined); // loads the addon

  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const idlePool = await poolLatency(AbortSignal.timeout(10_000));
  await sleep(IDLE);
  histogram.disable();
  const idle = milliseconds(histogram);
  const idleMemory = await peakMemory();

  histogram.reset();
  histogram.enable();
  const stop = new AbortController();
  const pool = poolLatency(stop.signal);
  const cpu = process.cpuUsage();
  const started = performance.now();
  const result = await operation(repo, args);
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  histogram.disable();
  stop.abort();
  const measured: Measured = {
    wall,
    cpu: (user + system) / 1000,
    memory: await peakMemory(),
    idleMemory,
    loop: milliseconds(histogram),
    idleLoop: idle,
    pool: await pool,
    idlePool,
    result,
  };
  process.stdout.write(JSON.stringify(measured));
}

await main();
