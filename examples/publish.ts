// A build machine publishes to a server that others pull from: commits and
// their deltas go over HTTP, only what is missing, and the server signs nothing
// but its own summary. Then a copy for a plain file server is made.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createRepoHandler, createRepoReceiver, type PublishResult, Repo } from 'ostree';

const TOKEN = 'a secret of the build machine';
const BRANCH = 'os/main';

function tell(what: string, { objects, bytes, deltas, refs }: PublishResult): void {
  const moved = refs.map(
    ({ ref, old, new: now }) => `${ref} ${old?.slice(0, 8) ?? 'nothing'} → ${now.slice(0, 8)}`,
  );
  console.log(`${what}: ${objects} objects, ${deltas.length} deltas, ${bytes} bytes; ${moved.join(', ')}`);
}

/** Another version of an application: one file of it changes. */
async function build(repo: Repo, version: string): Promise<string> {
  const files = [
    { path: 'usr/lib/app/data', content: 'the same in every version\n'.repeat(20_000) },
    { path: 'usr/bin/app', mode: 0o755, content: `#!/bin/sh\necho ${version}\n` },
  ];
  const { checksum } = await repo.commit({ branch: BRANCH, version, tree: { files } });
  return checksum;
}

const home = await mkdtemp(join(tmpdir(), 'publish-'));
try {
  // The server: a receiver for those who publish, a handler for those who pull.
  await using served = await Repo.create(join(home, 'server'), { mode: 'archive' });
  const handler = createRepoHandler(served);
  const receiver = createRepoReceiver(served, {
    authorize: (req, action) =>
      req.headers.authorization === `Bearer ${TOKEN}` &&
      (action.action !== 'ref' || action.ref.startsWith('os/')),
  });
  const server = createServer((req, res) =>
    req.url?.startsWith('/publish/') ? receiver(req, res) : handler(req, res),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;

  try {
    // The build machine.
    await using repo = await Repo.create(join(home, 'build'), { mode: 'archive' });
    const target = { url, headers: { Authorization: `Bearer ${TOKEN}` } };
    const first = await build(repo, '1');
    tell('The first version', await repo.publish(target));
    const second = await build(repo, '2');
    await repo.deltas.generate({ from: first, to: second });
    tell('The second', await repo.publish(target, { retries: 3 }));
    tell('Nothing new', await repo.publish(target));

    // Somebody without the token.
    const refused = await repo.publish(url).catch((error: Error) => error);
    console.log(refused instanceof Error ? `Without the token: ${refused.message}` : 'It was let in!');

    // A device.
    await using device = await Repo.create(join(home, 'device'), { mode: 'bare-user' });
    await device.remotes.add('origin', url, { gpgVerify: false });
    await device.pull('origin', { refs: [BRANCH] });
    const { version } = await device.readCommit(`origin:${BRANCH}`);
    console.log(`A device has version ${version ?? '?'}`);

    // A directory for nginx, a CDN's origin, or the next machine.
    await repo.summary.regenerate();
    tell('A directory', await repo.publish(join(home, 'www')));
  } finally {
    server.close();
    server.closeAllConnections();
  }
} finally {
  await rm(home, { recursive: true, force: true });
}
