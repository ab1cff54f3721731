// What calls and handles may be put through within one process that goes on: one `task.run`, `task.count` times.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

import { openRepo, operations, ownTask } from './operations.mjs';

const task = ownTask();
const reason = new Error('the reason');
const withReason = (promise) =>
  promise.then(
    () => 'resolved',
    (error) => (error === reason ? 'rejected' : Promise.reject(error)),
  );

const runs = {
  // Aborted before they start, while they wait, while they run, and when they are done.
  async abort(repo, delay) {
    const outcomes = [];
    for (const name of ['commit', 'fsck', 'transaction', 'fsck --delete']) {
      const controller = new AbortController();
      // Not the branch that the transaction sets: one of them would be refused.
      const branch = name === 'commit' ? { branch: 'new1' } : {};
      const call = withReason(operations[name](repo, task, { ...branch, signal: controller.signal }));
      if (delay % 4 === 0) controller.abort(reason);
      else setTimeout(() => controller.abort(reason), delay);
      outcomes.push(call);
    }
    const lock = await repo.lock('shared');
    const queued = new AbortController();
    const waiting = withReason(repo.prune({ refsOnly: true, signal: queued.signal }));
    queued.abort(reason);
    assert.equal(await waiting, 'rejected');
    await lock.release();
    await Promise.all(outcomes);
    const done = new AbortController();
    await repo.resolveRev('main', { signal: done.signal });
    done.abort(reason);
  },

  async throwing(repo) {
    const onProgress = () => {
      throw reason;
    };
    for (const name of ['commit', 'fsck', 'transaction'])
      assert.equal(await withReason(operations[name](repo, task, { onProgress })), 'rejected', name);
  },

  async storage(repo) {
    const storage = new AsyncLocalStorage();
    const check = (id) =>
      storage.run(id, async () => {
        let calls = 0;
        const onProgress = () => {
          calls++;
          assert.equal(storage.getStore(), id);
        };
        await operations.commit(repo, task, { branch: `b${id}`, onProgress });
        assert.equal(storage.getStore(), id);
        assert.ok(calls > 0);
      });
    await Promise.all([check(1), check(2), check(3)]);
  },

  // Handles that are left to the collector give back what they hold.
  async collected() {
    await (async () => {
      const repo = await openRepo(task);
      const txn = await repo.begin();
      await txn.commit({ tree: task.tree, parent: null });
      await (await repo.begin()).repo.resolveRev('main');
      await (await openRepo(task)).lock('shared');
      repo.createReadStream('main', task.file).once('data', () => {});
      repo.createReadStream('main', task.file);
      await repo.walk('main')[Symbol.asyncIterator]().next();
      await repo.log('main')[Symbol.asyncIterator]().next();
      void operations.fsck(repo, task).catch(() => {});
      void repo.resolveRev('main');
    })();
    const repo = await openRepo(task);
    let locked;
    const waiting = repo.lock('exclusive').then((lock) => (locked = lock));
    for (let i = 0; !locked; i++) {
      assert.ok(i < 500, 'what was collected still holds the repository');
      globalThis.gc();
      await pause(10);
    }
    await (await waiting).release();
    await repo.close();
  },
};

process.removeAllListeners('warning'); // of what was not closed: meant
process.on('warning', () => {});
const repo = await openRepo(task);
for (let i = 0; i < task.count; i++) await runs[task.run](repo, task.delays?.[i]);
await repo.close();
