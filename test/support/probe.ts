// Many calls in a process of its own, on the main thread or in a Worker: what a
// crash, a call that never ends or endless memory would do is seen from outside.
import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a call came to: `ok`, a code of OstreeError, `TypeError`, `HANG`, … */
export type Outcomes = Record<string, string>;

export interface Probe {
  /** MB; 1500 unless given. */
  mostMemory?: number;
  /** Statements before the calls. They see `Repo`, `Sysroot`, `Variant`, `KernelArgs`, `addon` (below all checks) and `given`. */
  setUp: string;
  /** Expressions, each by its name; one that names a promise is awaited. */
  calls: Record<string, string>;
  /** `given` in the statements and calls. */
  given?: Record<string, unknown>;
}

const RUNNER = `
  import { readFileSync, writeSync } from 'node:fs';
  import { workerData } from 'node:worker_threads';
  const { setUp, calls, given, root } = workerData ?? JSON.parse(readFileSync(0, 'utf8'));
  const ostree = await import(root + 'dist/index.js');
  const addon = (await import(root + 'dist/native.js')).native();
  const Async = Object.getPrototypeOf(async () => {}).constructor;
  const body = Object.entries(calls).map(([name, code]) => '[' + JSON.stringify(name) + ', async () => (' + code + ')]');
  const entries = await new Async('Repo', 'Sysroot', 'Variant', 'KernelArgs', 'addon', 'given', 'call', 'all', 'text',
    setUp + '\\nreturn [' + body.join(',\\n') + '];')(
    ostree.Repo, ostree.Sysroot, ostree.Variant, ostree.KernelArgs, addon, given, () => addon.callNew(),
    async (iterable) => { let count = 0; for await (const _ of await iterable) count++; return count; },
    (length) => 'x'.repeat(length));
  function outcome(error) {
    const explained = (code, text) => code + (code === 'FAILED' ? ': ' + text : '');
    if (error?.name === 'OstreeError') return explained(error.code, error.message);
    if (/^ERR_INVALID_ARG/.test(error?.code ?? '')) return error.code;
    if (typeof error?.failure === 'string') return explained(error.code, error.failure); // of the addon itself
    return error instanceof Error ? error.constructor.name + ': ' + error.message.slice(0, 100) : typeof error;
  }
  for (const [name, start] of entries) {
    let timer;
    const late = new Promise((resolve) => { timer = setTimeout(() => resolve('HANG'), 20_000); });
    writeSync(1, JSON.stringify(name) + ': ');
    const came = await Promise.race([late, start().then(() => 'ok', outcome)]);
    clearTimeout(timer);
    writeSync(1, JSON.stringify(came) + ',\\n');
  }
  writeSync(1, JSON.stringify('most memory, MB') + ': "' + Math.round(process.resourceUsage().maxRSS / 1024) + '"\\n');
  process.exit(0);
`;

// A data: URL, for code that is given as such is no module.
const IN_A_WORKER = `
  import { readFileSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  const workerData = JSON.parse(readFileSync(0, 'utf8'));
  const worker = new Worker(new URL(process.env.SOURCE), { workerData });
  worker.on('error', (error) => { console.error(error); process.exit(9); });
`;

/** Makes the calls one after another; each must have settled, and the process be well. */
export async function probe(
  { setUp, calls, given = {}, mostMemory = 1500 }: Probe,
  inWorker = false,
): Promise<Outcomes> {
  const result = await execa(
    process.execPath,
    ['--input-type=module', '--eval', inWorker ? IN_A_WORKER : RUNNER],
    {
      cwd: root,
      reject: false,
      timeout: 300_000,
      input: JSON.stringify({ setUp, calls, given, root: new URL('../..', import.meta.url).href }),
      env: { SOURCE: `data:text/javascript,${encodeURIComponent(RUNNER)}` },
    },
  );
  const tail = `${result.stdout.slice(-300)}\n${result.stderr.slice(-1500)}`;
  expect({ exitCode: result.exitCode, signal: result.signal }, tail).toEqual({
    exitCode: 0,
    signal: undefined,
  });
  const { 'most memory, MB': memory, ...outcomes } = JSON.parse(`{${result.stdout}}`) as Outcomes;
  expect(Number(memory), 'memory in MB').toBeLessThan(mostMemory);
  expect(Object.entries(outcomes).filter(([, came]) => came === 'HANG')).toEqual([]);
  return outcomes;
}
