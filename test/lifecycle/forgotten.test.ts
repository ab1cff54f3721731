// What the collector finds while a part of it is still in use.
import { expect, it } from 'vitest';

import { runModule } from '../support/child.js';
import { cliRepo } from '../support/repo.js';

it('a transaction of which only its repo is left stays open as long as that', async () => {
  const cli = await cliRepo('bare-user');
  const source = `
    import { setTimeout } from 'node:timers/promises';
    import { Repo } from 'ostree';
    const warnings = [];
    process.on('warning', ({ message }) => warnings.push(message));
    const collected = async (count) => {
      for (let i = 0; i < 400 && warnings.length < count; i++) { globalThis.gc(); await setTimeout(5); }
      // The native half goes a little later.
      for (let i = 0; i < 10; i++) { globalThis.gc(); await setTimeout(5); }
      return warnings.length;
    };
    const begin = async () => {
      const txn = await (await Repo.open(process.argv[1])).begin();
      return { view: txn.repo, checksum: await txn.writeFile('x') };
    };
    let { view, checksum } = await begin();
    const name = { type: 'file', checksum };
    console.log(await collected(2), await view.hasObject(name));
    view = undefined;
    console.log(await collected(3));
    const repo = await Repo.open(process.argv[1]);
    console.log(await repo.hasObject(name));
    await (await repo.lock('exclusive', { timeout: 5_000 })).release();
    await repo.close();`;
  const ended = await runModule(source, [cli.path], { nodeOptions: ['--expose-gc'] });
  expect(ended, ended.stderr).toMatchObject({ exitCode: 0, stdout: '2 true\n3\nfalse' });
});
