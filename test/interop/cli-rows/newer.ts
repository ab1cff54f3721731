// Commands that the oldest libostree does not have: compared where they are, and else with what comes to the same.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { execa } from 'execa';
import { createRepoHandler, OstreeError, Repo, Sysroot } from 'ostree';
import { expect, onTestFinished } from 'vitest';

import { nginx } from '../../support/nginx.js';
import { cliRepo, ostree } from '../../support/repo.js';
import { contents, REFSPEC, tinyOs, twins } from '../../support/sysroot.js';
import { type Rows, stateOf, twoCommits } from './pair.js';

/** Whether the command here has a subcommand of `ostree admin`. */
export async function has(subcommand: string): Promise<boolean> {
  return (await ostree('admin', '--help')).includes(`  ${subcommand} `);
}

/** What a method answers where the loaded libostree has nothing to answer it with. */
export async function expectNotSupported(call: Promise<unknown>): Promise<void> {
  await expect(call).rejects.toSatisfy((error) => OstreeError.is(error, 'NOT_SUPPORTED'));
}

/** Serves a repository as the command does, or where it was built without that, by nginx. */
async function trivialHttpd(repo: string): Promise<string> {
  const { stdout } = await execa('ostree', ['trivial-httpd', '--help'], { reject: false });
  if (!stdout.includes('--port-file')) return (await nginx(repo)).url;
  const child = execa('ostree', ['trivial-httpd', '--port-file=-', repo], { reject: false, buffer: false });
  onTestFinished(async () => {
    child.kill();
    await child;
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}

async function handler(path: string): Promise<string> {
  const repo = await Repo.open(path);
  const http = createServer(createRepoHandler(repo)).listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(async () => {
    http.close();
    http.closeAllConnections();
    await repo.close();
  });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

export const newerRows: Rows = {
  'ostree trivial-httpd': async () => {
    const { cli } = await twoCommits();
    await cli.ostree('static-delta', 'generate', '--empty', 'main');
    await cli.ostree('summary', '--update');
    const pulled: Record<string, string>[] = [];
    for (const serve of [handler, trivialHttpd]) {
      const client = await cliRepo('archive');
      // The ports differ.
      const url = await serve(cli.path);
      await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
      await client.ostree('pull', '--mirror', '--depth=-1', 'origin', 'main');
      const state = await stateOf(client.path);
      pulled.push({ ...state, config: String(state['config']).replace(url, 'URL') });
    }
    expect(pulled[0]).toEqual(pulled[1]);
  },
  'ostree admin stateroot-init': async () => {
    const os = await tinyOs();
    const [mine, theirs] = await twins(os);
    await using sysroot = await Sysroot.open(mine.path);
    await sysroot.initStateroot('other');
    await theirs.admin((await has('stateroot-init')) ? 'stateroot-init' : 'os-init', 'other');
    expect(await contents(mine.path)).toEqual(await contents(theirs.path));
  },
  'ostree admin set-default': async () => {
    const os = await tinyOs();
    const [mine, theirs] = await twins(os);
    const available = await has('set-default');
    await mine.admin('deploy', '--os=tiny', '--karg=root=a', REFSPEC);
    await theirs.admin('deploy', '--os=tiny', `--karg=root=${available ? 'a' : 'b'}`, REFSPEC);
    await os.publish('2');
    for (const { pull } of [mine, theirs]) await pull();
    {
      await using sysroot = await Sysroot.open(mine.path);
      await sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
      await sysroot.makeDefault(sysroot.deployments[1] ?? '');
    }
    if (available) {
      await theirs.admin('deploy', '--os=tiny', REFSPEC);
      await theirs.admin('set-default', '1');
    } else {
      // The boot entries are written as often: the directory they lie in changes each time.
      await theirs.admin('instutil', 'set-kargs', '--merge', '--replace=root=a');
      await theirs.admin('deploy', '--os=tiny', '--not-as-default', REFSPEC);
    }
    expect(await contents(mine.path)).toEqual(await contents(theirs.path));
  },
  'ostree admin post-copy': async () => {
    const [mine, theirs] = await twins(await tinyOs(), (sysroot) =>
      sysroot.admin('deploy', '--os=tiny', REFSPEC),
    );
    await using sysroot = await Sysroot.open(mine.path);
    if (!(await has('post-copy'))) {
      await expectNotSupported(sysroot.updatePostCopy());
      return;
    }
    await sysroot.updatePostCopy();
    await theirs.admin('post-copy');
    expect(await contents(mine.path)).toEqual(await contents(theirs.path));
  },
};
