// Workers: terminated in mid-call, one after another, or three on one repository.
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { openRepo, operations, ownTask } from './operations.mjs';

const task = isMainThread ? ownTask() : workerData.task;
const start = (data) => new Worker(new URL(import.meta.url), { workerData: { task, ...data } });

async function terminated() {
  let during = 0;
  for (const delay of task.delays) {
    const worker = start({ operation: task.operation });
    await once(worker, 'message');
    let ended = false;
    worker.once('message', () => (ended = true));
    await pause(delay);
    await worker.terminate();
    if (!ended) during++;
  }
  process.stdout.write(String(during));
}

async function toTheEnd(names) {
  const branchOf = (operation, i) => (operation === 'commit' ? `worker${i}` : undefined);
  const workers = names.map((operation, i) => start({ operation, branch: branchOf(operation, i) }));
  for (const [code] of await Promise.all(workers.map((worker) => once(worker, 'exit'))))
    if (code !== 0) throw new Error(`a Worker ended with ${code}`);
}

if (!isMainThread) {
  const repo = await openRepo(task);
  const { operation, branch } = workerData;
  parentPort.postMessage('started');
  if (operation === 'calls') for (;;) await repo.resolveRev('main');
  await operations[operation](repo, task, branch ? { branch } : {});
  parentPort.postMessage('ended');
  await repo.close();
} else if (task.run === 'sequence') {
  for (const operation of ['commit', 'fsck']) await toTheEnd([operation]);
} else if (task.run === 'three') {
  await toTheEnd(['commit', 'commit', 'commit']);
} else {
  await terminated();
}
