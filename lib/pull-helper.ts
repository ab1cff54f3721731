// The program that pull({ isolate: true }) runs: it pulls what it is told over the channel to its parent, says how far
// it is and how it ended, and waits to be killed. It never outlives its parent, which holds the lock.
import { run } from './call.js';
import { reportOf } from './helper.js';
import { native } from './native.js';
import type { PullOrder, PullReport } from './pull-isolated.js';
import type { PullOutcome, PullState } from '../typings/addon.js';

function say(report: PullReport): void {
  // Without a parent there is nobody to tell, and 'disconnect' follows.
  process.send?.(report, undefined, {}, () => {});
}

function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

async function pull({ spec, request, wantsProgress }: PullOrder): Promise<PullOutcome> {
  const { handle } = await run({}, (call) => native().repoOpen(spec, call));
  const onProgress = wantsProgress ? (progress: PullState) => say({ progress }) : undefined;
  return await run<PullOutcome, PullState>({ onProgress }, (call) => native().pull(handle, request, call));
}

process.once('disconnect', end);
if (!process.connected) end();
// Meant for everyone in the foreground or in the service: the parent decides, as it would of a pull of its own.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.once('message', (order: PullOrder) => {
  pull(order).then(
    (outcome) => say({ outcome }),
    (error: unknown) => say({ error: reportOf(error) }),
  );
});
