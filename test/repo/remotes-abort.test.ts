// What asks a remote ends at once when it is aborted, whatever the server does, and the next one works.
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

it.each(['refs', 'summary'] as const)('remotes.%s()', async (method) => {
  const source = await cliRepo('archive');
  const checksum = await source.commit('main', { a: '1' });
  await source.ostree('summary', '--update');
  const { url, asked, behave } = await server(source.path, () => false);
  await using repo = await Repo.open((await cliRepo()).path);
  await repo.remotes.add('origin', url, { gpgVerify: false });
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = repo.remotes[method]('origin', { signal: controller.signal });
  await Promise.race([asked('summary'), asked('summary.sig'), waiting.catch(() => {})]);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  behave();
  const result = await repo.remotes[method]('origin');
  expect(Array.isArray(result) ? result : result.refs).toMatchObject([{ ref: 'main', checksum }]);
});
