// Signals belong to Node's threads: those of the package block them all, but not for what is started on them.
import { readFile } from 'node:fs/promises';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { UNDER_SANITIZER } from '../support/child.js';
import { gpgKey } from '../support/gpg.js';
import { cliRepo } from '../support/repo.js';

/** Of the thread group's first thread: the signals it blocks, and those it ignores. */
async function signalsOf(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mask = (name: string) => new RegExp(`^${name}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1];
  return { blocked: mask('SigBlk'), ignored: mask('SigIgn') };
}

it('are not blocked in the agent that a signature starts', async ({ skip }) => {
  skip(
    UNDER_SANITIZER,
    'gpg, which the library starts itself, would run under the sanitizer, too, and does not end',
  );
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  const key = await gpgKey();
  const connect = (...args: string[]) => execa('gpg-connect-agent', ['--homedir', key.path, ...args]);
  await execa('gpgconf', ['--homedir', key.path, '--kill', 'gpg-agent']);
  await using repo = await Repo.open(cli.path);
  await repo.sign('main', { type: 'gpg', keyId: key.keyId, homedir: key.path });
  const { stdout } = await connect('--no-autostart', 'getinfo pid', '/bye');
  const pid = Number(/^D (\d+)$/m.exec(stdout)?.[1]);
  expect(await signalsOf(pid)).toMatchObject({ blocked: '0000000000000000' });
  process.kill(pid, 'SIGTERM');
});
