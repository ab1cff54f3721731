// pull({ isolate: true }): the pull runs in a process that can be killed, for libostree waits for a server whether it
// is cancelled or not. Who may work when is decided here, as for any pull.
import { AsyncResource } from 'node:async_hooks';
import { fork, type ChildProcess } from 'node:child_process';

import type { PullOptions as NativeOptions, PullOutcome, PullState, RepoSpec } from '../typings/addon.js';
import { onAbort } from './abort.js';
import type { ProgressOptions } from './call.js';
import { checkFunction } from './check.js';
import { OstreeError } from './errors.js';
import { type ErrorReport, fromReport, helperEnv, helperPath } from './helper.js';
import { outside } from './inside.js';
import { whileKept } from './keeping.js';
import type { RepoInner } from './repo-inner.js';

/** What lib/pull-helper.ts is told, once. It does not stand on a command line: it may hold passwords. */
export interface PullOrder {
  spec: RepoSpec;
  request: NativeOptions;
  wantsProgress: boolean;
}

/** What it says. */
export type PullReport = { progress: PullState } | { outcome: PullOutcome } | { error: ErrorReport };

type Ending = Exclude<PullReport, { progress: PullState }>;

/** As it is now, whatever the caller does to it later, and as plain as another process takes it. */
function copyOf({ summary, ...request }: NativeOptions): NativeOptions {
  const copy = JSON.parse(JSON.stringify(request)) as NativeOptions;
  if (!summary) return copy;
  const { bytes, signatures } = summary;
  return { ...copy, summary: { bytes: Buffer.from(bytes), signatures: Buffer.from(signatures) } };
}

function start(program: string): ChildProcess {
  return fork(program, [], {
    execPath: process.execPath,
    execArgv: [], // not the caller's --inspect, --import and the like
    env: helperEnv(),
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'], // what libostree says goes where it would go from here
  });
}

/** Resolves once the process is no more, with how it ended. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `exited with ${code}`));
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`cannot be started: ${error.message}`);
    });
  });
}

/** Runs lib/pull-helper.ts, which is gone when this settles. */
async function runHelper(
  order: PullOrder,
  signal: AbortSignal,
  onProgress: ((state: PullState) => void) | undefined,
): Promise<PullOutcome> {
  signal.throwIfAborted();
  const child = start(helperPath('pull-helper', 'options.isolate'));
  const ended = endOf(child);
  let forget = () => {};
  const ending = new Promise<Ending>((resolve, reject) => {
    forget = onAbort(signal, () => reject(signal.reason));
    child.on('message', (report: PullReport) => {
      if (!('progress' in report)) return resolve(report);
      try {
        onProgress?.(report.progress);
      } catch (error) {
        reject(error);
      }
    });
    void ended.then((how) => {
      const error = {
        code: 'FAILED',
        message: `The process of the pull ${how}`,
        details: undefined,
      } as const;
      resolve({ error: { ...error, remote: order.request.source } });
    });
    // Its end says why an order did not arrive.
    if (child.connected) child.send(order, () => {});
  });
  let report: Ending;
  try {
    report = await ending;
  } finally {
    forget();
    child.removeAllListeners('message');
    child.kill('SIGKILL');
    await ended;
  }
  if ('error' in report) throw fromReport(report.error);
  return report.outcome;
}

export async function pullIsolated(
  repo: RepoInner,
  request: NativeOptions,
  { signal, onProgress }: ProgressOptions<PullState>,
): Promise<PullOutcome> {
  const { spec } = repo;
  if (!spec)
    throw new OstreeError(
      'NOT_SUPPORTED',
      `options.isolate needs a Repo of Repo.open() or Repo.create(): what a sysroot, a lock or a transaction has of ${repo.path} cannot be had by another process`,
      { path: repo.path, remote: request.source },
    );
  if (onProgress !== undefined) checkFunction(onProgress, 'options.onProgress');
  const report = onProgress && outside(() => AsyncResource.bind(onProgress));
  const order = { spec, request: copyOf(request), wantsProgress: report !== undefined };
  return await repo.lifetime.sequence({ signal }, (ending) =>
    whileKept(repo, ending, () => runHelper(order, ending, report)),
  );
}
