// How a process and its Workers end while native work runs. What runs is a wait
// for a lock that another process holds: it lasts until it is cancelled.
import { join } from 'node:path';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

import { runModule, UNDER_SANITIZER } from '../support/child.js';
import { holdLock } from '../support/lock-holder.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

async function busyRepo() {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  await holdLock(cli.path, 'F_WRLCK');
  return cli.path;
}

const WAITING = `
  import { Repo } from 'ostree';
  const repo = await Repo.open(process.argv[1]);
  const waiting = repo.lock('exclusive');
  waiting.catch(() => {});
  await repo.resolveRev('main');
`;

/** The sanitizer of scripts/asan takes its time, above all at the end of a process. */
const SLOW = UNDER_SANITIZER ? 3 : 1;

describe('a process with a call running', () => {
  it('keeps its exit code at process.exit()', async () => {
    const ended = await runModule(`${WAITING} process.exit(7);`, [await busyRepo()]);
    expect(ended).toMatchObject({ exitCode: 7, signal: undefined });
    expect(ended.milliseconds).toBeLessThan(SLOW * 6_000);
  });

  it('does not begin what still waits at process.exit()', async () => {
    // One waits for the other process, those behind it at the gate: each would be let in as the one before ends.
    const behind = `for (let i = 0; i < 20; i++) repo.lock('exclusive').catch(() => {});`;
    const ended = await runModule(`${WAITING} ${behind} process.exit(7);`, [await busyRepo()]);
    expect(ended).toMatchObject({ exitCode: 7, signal: undefined });
    expect(ended.milliseconds).toBeLessThan(SLOW * 4_000); // what is waited for in vain, is waited for 5 s
  });

  it('ends with 1 at an uncaught exception', async () => {
    const ended = await runModule(`${WAITING} setImmediate(() => { throw new Error('oh') });`, [
      await busyRepo(),
    ]);
    expect(ended).toMatchObject({ exitCode: 1, signal: undefined });
    expect(ended.stderr).toContain('Error: oh');
  });

  it('is kept alive by it, until it is aborted', async () => {
    const ended = await runModule(
      `
      import { Repo } from 'ostree';
      const repo = await Repo.open(process.argv[1]);
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 100).unref();
      // Only the call keeps the process alive: the timer does not.
      repo.lock('exclusive', { signal: controller.signal }).catch((error) => console.log(error.message));
      await repo.close();
      `,
      [await busyRepo()],
    );
    expect(ended).toMatchObject({ exitCode: 0, stdout: 'enough' });
  });
});

describe('a process with nothing running', () => {
  it('ends by itself with a repository open', async () => {
    const cli = await cliRepo();
    const ended = await runModule(
      `import { Repo } from 'ostree'; globalThis.repo = await Repo.open(process.argv[1]);`,
      [cli.path],
    );
    expect(ended).toMatchObject({ exitCode: 0, signal: undefined, stderr: '' });
    expect(ended.milliseconds).toBeLessThan(SLOW * 3_000);
  });

  it('is told of a repository that was left to the collector', async () => {
    const cli = await cliRepo();
    const ended = await runModule(
      `
      import { setTimeout } from 'node:timers/promises';
      import { Repo } from 'ostree';
      for (let i = 0; i < 5; i++) await Repo.open(process.argv[1]);
      for (let i = 0; i < 20; i++) { globalThis.gc(); await setTimeout(5); }
      `,
      [cli.path],
      { nodeOptions: ['--expose-gc'] },
    );
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain(`Repo ${cli.path} was not closed`);
  });
});

describe('Workers', () => {
  const worker = `
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const path = process.argv[1];
    const source = \`
      import { parentPort, workerData } from 'node:worker_threads';
      import { Repo } from 'ostree';
      const repo = await Repo.open(workerData.path);
      const checksum = await repo.resolveRev('main');
      if (workerData.wait) repo.lock('exclusive').catch(() => {});
      parentPort.postMessage(checksum);
      if (!workerData.wait) await repo.close();\`;
    const start = (wait) => new Worker(source, { eval: true, workerData: { path, wait } });
  `;

  it('are terminated in mid-call', async () => {
    const ended = await runModule(
      `${worker}
      for (let i = 0; i < 5; i++) {
        const one = start(true);
        await once(one, 'message');
        await one.terminate();
      }
      console.log('ended');`,
      [await busyRepo()],
    );
    expect(ended).toMatchObject({ exitCode: 0, signal: undefined, stdout: 'ended' });
  });

  it('run one after another, and three at once', async () => {
    const cli = await cliRepo();
    const checksum = await cli.commit('main', { a: '1' });
    const ended = await runModule(
      `${worker}
      for (let i = 0; i < 2; i++) {
        const one = start(false);
        const exit = once(one, 'exit'); // it may come right behind the message
        console.log((await once(one, 'message'))[0]);
        await exit;
      }
      const three = [start(false), start(false), start(false)];
      for (const [message] of await Promise.all(three.map((one) => once(one, 'message')))) console.log(message);`,
      [cli.path],
    );
    expect(ended).toMatchObject({ exitCode: 0, signal: undefined });
    expect(ended.stdout.split('\n')).toEqual(Array(5).fill(checksum));
  });

  it('are waited for together at process.exit() where nothing can cancel what they do', async () => {
    const cli = await cliRepo();
    const fifo = join(await temporaryDirectory(), 'fifo');
    await execa('mkfifo', [fifo]);
    const ended = await runModule(
      `
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      const [, path, fifo] = process.argv;
      const source = \`
        import { parentPort, workerData } from 'node:worker_threads';
        import { Repo } from 'ostree';
        const repo = await Repo.open(workerData.path);
        repo.commit({ tree: { tar: workerData.fifo } }).catch(() => {}); // nobody ever writes to it
        await repo.fsck();
        parentPort.postMessage('');\`;
      const workers = [1, 2, 3].map(() => new Worker(source, { eval: true, workerData: { path, fifo } }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      console.log(Date.now());
      process.exit(5);`,
      [cli.path, fifo],
    );
    expect(ended).toMatchObject({ exitCode: 5, signal: undefined });
    const waited = Date.now() - Number(ended.stdout);
    expect(waited).toBeGreaterThan(4_900);
    expect(waited).toBeLessThan(SLOW * 7_500); // 6 s, and the end of the process
  });

  it('with a call running do not keep process.exit() from ending', async () => {
    const ended = await runModule(`${worker} await once(start(true), 'message'); process.exit(5);`, [
      await busyRepo(),
    ]);
    expect(ended).toMatchObject({ exitCode: 5, signal: undefined });
    expect(ended.milliseconds).toBeLessThan(SLOW * 6_000);
  });
});
