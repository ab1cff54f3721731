// A program that ends in the middle of a call, in the way its task says: by process.exit() or a throw after a while, or in
// a progress callback; or it is killed by whoever started it.
import { writeSync } from 'node:fs';
import process from 'node:process';
import { setInterval } from 'node:timers';

import { openRepo, operations, ownTask } from './operations.mjs';

const task = ownTask();
const { operation, end, code, delay, call } = task;
const repo = await openRepo(task);
let state = 'during';
const leave = () => {
  writeSync(1, state);
  if (end === 'throw') throw new Error('uncaught');
  if (end === 'exit' || end === 'progress') process.exit(code);
};
let calls = 0;
const options = end === 'progress' ? { onProgress: () => ++calls >= call && leave() } : {};
const running = operations[operation](repo, task, options);
writeSync(1, 'started\n');
if (end === 'exit' || end === 'throw') setTimeout(leave, delay);
await running;
state = 'after';
if (end === 'progress' || end === 'kill') leave();
setInterval(() => {}, 1_000);
