// A process that may have no more threads: calls fail, and work again once there are threads to be had.
import { describe, expect, it } from 'vitest';

import { runModule, UNDER_SANITIZER } from '../support/child.js';
import { cliRepo } from '../support/repo.js';

const LIMITS = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { Repo } from 'ostree';
  const [, path, tree] = process.argv;
  const prlimit = (soft) => execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + soft + ':']);
  // Address space for what Node does, but not for another thread's stack of 8 MiB.
  const noThreads = () =>
    prlimit(Number(/^VmSize:\\s+(\\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024 + (6 << 20));
  const threads = () => prlimit('unlimited');
  const code = (promise) => promise.then(() => 'done', (error) => error.code + ': ' + error.message);
`;

async function outcomes(source: string): Promise<string[]> {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  // V8 ends the process where its optimizing compiler gets no memory.
  const ended = await runModule(LIMITS + source, [cli.path, import.meta.dirname], {
    nodeOptions: ['--no-opt'],
  });
  expect(ended).toMatchObject({ exitCode: 0, signal: undefined, stderr: '' });
  return ended.stdout.split('\n');
}

const REFUSED = expect.stringMatching(/^FAILED: Cannot start a thread: /) as string;

describe('without a thread', () => {
  it('short reads are refused, and served later', async () => {
    const results = await outcomes(`
      await import('ostree').then(({ version }) => version.libostree); // loads the addon
      noThreads();
      const refused = [];
      for (let i = 0; i < 6; i++) refused.push(await code(Repo.open(path)));
      threads();
      for (const line of refused) console.log(line);
      const repo = await Repo.open(path);
      console.log(await code(repo.resolveRev('main')));
      await repo.close();`);
    expect(results).toEqual([...Array<string>(6).fill(REFUSED), 'done']);
  });

  it('a queue refuses, and goes on later', async () => {
    const results = await outcomes(`
      const repo = await Repo.open(path);
      const checksum = await repo.resolveRev('main');
      noThreads();
      const refused = await Promise.all(['a', 'b', 'c'].map((ref) => code(repo.setRef(ref, checksum))));
      threads();
      for (const line of refused) console.log(line);
      console.log(await code(repo.setRef('a', checksum)));
      console.log(await code(repo.lock('exclusive').then((lock) => lock.release())));
      await repo.close();`);
    expect(results).toEqual([REFUSED, REFUSED, REFUSED, 'done', 'done']);
  });

  it('a commit that gets no helpers fails, and the next one works', async ({ skip }) => {
    skip(UNDER_SANITIZER, 'the sanitizer cannot map its own stacks in so little address space');
    const results = await outcomes(`
      const repo = await Repo.open(path);
      // Its thread leaves a stack behind for the commit's own; there is none for its helpers.
      const lock = await repo.lock('shared');
      noThreads();
      const refused = await code(repo.commit({ branch: 'new', tree }));
      threads();
      console.log(refused);
      console.log(await code(repo.commit({ branch: 'new', tree })));
      await lock.release();
      await repo.close();`);
    expect(results).toEqual([REFUSED, 'done']);
  });

  it('a Repo closes all the same', async ({ skip }) => {
    skip(UNDER_SANITIZER, 'the sanitizer cannot map its own stacks in so little address space');
    const results = await outcomes(`
      const { createServer } = await import('node:http');
      const { once } = await import('node:events');
      const server = createServer(() => {}).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const overrideUrl = 'http://127.0.0.1:' + server.address().port + '/';
      // Not opened, but created anew: what reads has no thread yet.
      const repos = [];
      for (const to of [path, ...['a', 'b', 'c', 'd', 'e'].map((name) => path + '-' + name)]) {
        repos.push(await Repo.create(to));
        await repos.at(-1).remotes.add('origin', overrideUrl, { gpgVerify: false });
      }
      const pull = (repo) => code(repo.pull('origin', { refs: ['main'] }));
      const pulls = [pull(repos[0])];
      await once(server, 'request'); // with what threads GLib needs for one
      noThreads();
      // These take the stacks that are left, and keep them: their server does not answer.
      pulls.push(...repos.slice(1).map(pull));
      console.log(await code(Repo.open(path)));
      for (const repo of repos) console.log(await code(repo.close({ cancel: true })));
      console.log(await code(repos[0].resolveRev('main')));
      threads();
      server.close();
      server.closeAllConnections();
      await Promise.all(pulls);`);
    const closed = 'CLOSED: Repo ';
    const done = Array<string>(6).fill('done');
    expect(results).toEqual([REFUSED, ...done, expect.stringContaining(closed)]);
  });
});
