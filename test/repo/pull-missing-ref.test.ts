// A pull of what the remote has not got: the error says what that is, and what to do.
import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { nginx } from '../support/nginx.js';
import { cliRepo } from '../support/repo.js';
import { type Behaviour, server } from '../support/server.js';

async function remote(behaviour: Behaviour = () => true, summary = false) {
  const source = await cliRepo();
  const commit = await source.commit('main', { a: '1' });
  if (summary) await source.ostree('summary', '--update');
  const { url, requests } = await server(source.path, behaviour);
  const target = await cliRepo('bare-user');
  const repo = await Repo.open(target.path);
  await repo.remotes.add('origin', url, { gpgVerify: false });
  const pull = async (options: object) =>
    await repo.pull('origin', { refs: ['main'], networkRetries: 0, ...options }).then(
      () => 'pulled',
      (error: unknown) => error,
    );
  return { source, target, repo, url, requests, commit, pull };
}

const missing = (message: string, ref?: string) =>
  expect.objectContaining({
    code: 'NOT_FOUND',
    remote: 'origin',
    ...(ref === undefined ? {} : { ref }),
    message,
  }) as unknown;

it('a ref, of a remote without a summary', async () => {
  const { source, target, url, pull, ...rest } = await remote();
  await using repo = rest.repo;
  const message = `The remote 'origin' has no ref 'mian', or there is no repository at ${url}: check how they are spelt. Server returned HTTP 404`;
  expect(await pull({ refs: ['mian'] })).toEqual(missing(message, 'mian'));
  expect(await pull({ refs: ['mian'], isolate: true })).toEqual(missing(message, 'mian'));
  // The command says the end of it.
  const { stderr } = (await target.ostree('pull', 'origin', 'mian').catch((error: unknown) => error)) as {
    stderr: string;
  };
  expect(stderr).toContain('error: Server returned HTTP 404');
  expect(await pull({ refs: ['main', 'mian'] })).toEqual(
    missing(
      `The remote 'origin' lacks one of the refs 'main', 'mian', or there is no repository at ${url}: check how they are spelt. Server returned HTTP 404`,
    ),
  );
  await repo.remotes.setOptions('origin', { branches: ['mian'] });
  expect(await pull({ refs: undefined })).toEqual(missing(message, 'mian'));
  const other = await nginx(source.path);
  expect(await pull({ refs: ['mian'], overrideUrl: other.url })).toEqual(
    missing(message.replace(url, other.url), 'mian'),
  );
});

it('a ref, of a remote with a summary', async () => {
  const { pull, ...rest } = await remote(() => true, true);
  await using repo = rest.repo;
  expect(await pull({ refs: ['mian'] })).toEqual(
    missing(
      `The remote 'origin' has no ref 'mian': see remotes.refs('origin') for those that it has. No such branch 'mian' in repository summary`,
      'mian',
    ),
  );
  expect((await repo.remotes.refs('origin')).map(({ ref }) => ref)).toEqual(['main']);
});

it('anything, where there is no repository', async () => {
  const nowhere: Behaviour = (_path, response) => void response.writeHead(404).end();
  const { url, commit, pull, ...rest } = await remote(nowhere);
  await using _repo = rest.repo;
  expect(await pull({})).toEqual(
    missing(
      `The remote 'origin' has no ref 'main', or there is no repository at ${url}: check how they are spelt. Server returned HTTP 404`,
      'main',
    ),
  );
  const noRepository = `There is no repository at ${url}, the URL of the remote 'origin'. Server returned HTTP 404`;
  expect(await pull({ refs: [commit] })).toEqual(missing(noRepository));
  expect(await pull({ overrideCommits: { main: commit } })).toEqual(missing(noRepository));
});

it.each(['.commit', '.dirtree', '.filez'])('an object is not taken for a ref: %s', async (suffix) => {
  for (const summary of [false, true]) {
    const { pull, requests, ...rest } = await remote((path, response) => {
      if (!path.endsWith(suffix)) return true;
      return void response.writeHead(404).end();
    }, summary);
    await using _repo = rest.repo;
    const error = await pull({ deltas: 'off' });
    expect(error).toMatchObject({ code: 'NOT_FOUND', remote: 'origin' });
    expect(String(error)).not.toMatch(/has no ref|no repository/);
    expect(requests.some((path) => path.endsWith(suffix))).toBe(true);
  }
});

it('a summary is not taken for a ref', async () => {
  const { ...rest } = await remote();
  await using repo = rest.repo;
  const error = await repo.remotes.refs('origin').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'NOT_FOUND', remote: 'origin' });
  expect(String(error)).not.toMatch(/has no ref|no repository/);
  await repo.remotes.setOptions('origin', { gpgVerifySummary: true });
  const unsigned = await repo.pull('origin', { refs: ['main'] }).catch((reason: unknown) => reason);
  expect(unsigned).toMatchObject({ code: 'SIGNATURE' });
  expect(String(unsigned)).not.toMatch(/has no ref|no repository/);
});

it('what the server refuses is no ref that is missing', async () => {
  const { pull, ...rest } = await remote((path, response) => {
    if (!path.startsWith('/refs/')) return true;
    return void response.writeHead(403).end();
  });
  await using _repo = rest.repo;
  const error = await pull({});
  expect(error).toMatchObject({ code: 'HTTP', details: { status: 403 } });
  expect(String(error)).not.toMatch(/has no ref|no repository/);
});
