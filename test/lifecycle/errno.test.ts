// Where there are no more descriptors, an error says which kind of them.
import { expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { cliRepo } from '../support/repo.js';

it('an error says that the process has no more descriptors', async () => {
  const { path, ...cli } = await cliRepo();
  await cli.commit('main', { a: '1' });
  const ended = await runModule(
    `
    import { execFileSync } from 'node:child_process';
    import { closeSync, openSync } from 'node:fs';
    import { OstreeError, Repo } from 'ostree';
    const [, path] = process.argv;
    const repo = await Repo.open(path);
    const calls = {
      open: () => Repo.open(path),
      readFile: () => repo.readFile('main', '/a'),
      fsck: () => repo.fsck(),
      none: () => repo.resolveRev('none'),
      plain: () => { throw new OstreeError('FAILED', 'for another reason'); },
    };
    execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=128:']);
    const fds = [];
    try { for (;;) fds.push(openSync('/dev/null')); } catch {}
    const errors = {};
    for (const [name, call] of Object.entries(calls))
      try {
        errors[name] = await call();
      } catch ({ code, details }) {
        errors[name] = { code, details };
      }
    for (const fd of fds) closeSync(fd);
    await repo.close();
    console.log(JSON.stringify(errors));`,
    [path],
  );
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  const few = { code: 'FAILED', details: { errno: 'EMFILE' } };
  expect(JSON.parse(ended.stdout)).toEqual({
    ...{ open: few, readFile: few, fsck: few },
    none: few,
    plain: { code: 'FAILED' },
  });
});
