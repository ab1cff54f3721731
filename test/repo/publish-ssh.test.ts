import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type PublishProgress, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { rangeError, typeError } from '../support/errors.js';
import { nginx } from '../support/nginx.js';
import { cliFsck, objectFile } from '../support/objects.js';
import { objectCount, sample, servedFiles } from '../support/publish.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';
import { sshd, sshMissing } from '../support/sshd.js';

if (sshMissing) console.warn(`Publishing over SSH is not tested: there is no ${sshMissing}`);

async function target() {
  const { hangUp, user, port, arguments: more } = await sshd();
  const path = join(await temporaryDirectory(), 'a dir', 'repo');
  return { path, hangUp, to: { ssh: `${user}@127.0.0.1`, port, arguments: more, path } };
}

describe.skipIf(sshMissing)('publish over SSH', () => {
  it('makes what the command checks and pulls', async () => {
    const { cli, repo, commits } = await sample();
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    await repo.summary.regenerate();
    const { path, to } = await target();
    const result = await repo.publish(to);
    expect(await servedFiles(path)).toEqual(await servedFiles(cli.path));
    expect(await cliFsck(path)).toBe(true);
    const client = await cliRepo('bare-user');
    const { url } = await nginx(`"${path}"`);
    await client.ostree('remote', 'add', '--no-gpg-verify', 'origin', url);
    await client.ostree('pull', '--depth=-1', 'origin', 'os/main');
    expect(await client.ostree('rev-parse', 'origin:os/main')).toBe(commits[1]);
    expect(result).toMatchObject({
      refs: [{ ref: 'os/main', old: null, new: commits[1] }, { ref: 'os/other' }],
      objects: objectCount(await servedFiles(cli.path)),
      deltas: [`${commits[0]}-${commits[1]}`],
      summary: true,
    });
    expect(await readdir(join(path, 'tmp'))).toEqual(['cache']); // the command's own, of its fsck
    expect(await repo.publish(to)).toMatchObject({ objects: 0, bytes: 0, deltas: [] });
    const next = await cli.commit('os/main', { next: 'next', large: randomBytes(3_000_000) });
    await repo.summary.regenerate();
    expect(await repo.publish(to)).toMatchObject({ objects: 4, refs: [{ old: commits[1], new: next }, {}] });
    expect(await servedFiles(path)).toEqual(await servedFiles(cli.path));
  });

  it('deletes what is no longer here, if asked to', async () => {
    const { cli, repo } = await sample();
    const { path, to } = await target();
    await repo.publish(to);
    await cli.ostree('refs', '--delete', 'os/main');
    await cli.ostree('prune', '--refs-only', '--depth=0');
    const { pruned } = await repo.publish(to, { prune: true });
    expect(pruned.refs).toEqual(['os/main']);
    expect(pruned.objects).toBeGreaterThan(5);
    expect(await servedFiles(path)).toEqual(await servedFiles(cli.path));
  });

  it('goes on after the connection was lost', async () => {
    const cli = await cliRepo('archive');
    const files = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`d${i % 10}/f${i}`, `content ${i}`]),
    );
    await cli.commit('os/main', files);
    await using repo = await Repo.open(cli.path);
    const { path, to, hangUp } = await target();
    const hungUp: Promise<void>[] = [];
    const onProgress = ({ objects }: PublishProgress) => {
      if (objects > 50 && hungUp.length === 0) hungUp.push(hangUp());
    };
    await repo.publish(to, { onProgress });
    await Promise.all(hungUp);
    expect(hungUp).toHaveLength(1);
    expect(await servedFiles(path)).toEqual(await servedFiles(cli.path));
  });

  it('goes on where an aborted one ended', async () => {
    const cli = await cliRepo('archive');
    const files = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`d${i % 10}/f${i}`, `content ${i}`]),
    );
    await cli.commit('os/main', files);
    await using repo = await Repo.open(cli.path);
    const { path, to } = await target();
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = ({ objects }: PublishProgress) => {
      if (objects > 50) controller.abort(reason);
    };
    await expect(repo.publish(to, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const left = await servedFiles(path);
    expect(objectCount(left)).toBeGreaterThan(50);
    expect(Object.keys(left).filter((name) => name.startsWith('refs/'))).toEqual([]);
    const { objects } = await repo.publish(to);
    expect(objects).toBeLessThan(objectCount(await servedFiles(cli.path)) - 50);
    expect(await servedFiles(path)).toEqual(await servedFiles(cli.path));
  });

  it('fails with a code', async () => {
    const { repo } = await sample();
    const { path, to } = await target();
    const wrongKey = {
      ...to,
      arguments: to.arguments.map((argument) => argument.replace(/\/user$/, '/host')),
    };
    await expect(repo.publish(wrongKey)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(repo.publish({ ...to, port: 1 }, { retries: 1 })).rejects.toMatchObject({ code: 'NETWORK' });
    const bare = await cliRepo('bare-user');
    await expect(repo.publish({ ...to, path: bare.path })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'a file');
    await expect(repo.publish(to)).rejects.toMatchObject({ code: 'FAILED' });
    const damaged = await target();
    const { checksum } = await repo.stat('os/main', 'large');
    await truncate(objectFile(repo.path, checksum, 'filez'), 1000);
    await expect(repo.publish(damaged.to)).rejects.toMatchObject({ code: 'CORRUPT', checksum });
    await expect(readFile(join(damaged.path, 'refs/heads/os/main'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  it('refuses bad arguments', async () => {
    const { repo } = await sample();
    for (const to of [
      { ssh: 1, path: 'a' },
      { ssh: 'a' },
      { ssh: 'a', path: 'b', port: '22' },
      { ssh: 'a', path: 'b', arguments: [1] },
    ])
      await expect(repo.publish(to as never)).rejects.toEqual(typeError(/./));
    for (const to of [
      'ssh://',
      'ssh://host',
      'ssh://u:p@host/x',
      'ssh://host/x?y',
      { ssh: '-oProxyCommand=x', path: 'a' },
      { ssh: 'a b', path: 'c' },
      { ssh: 'a', path: 'b', port: 0 },
      { ssh: 'a', path: 'b', host: 'c' },
      { ssh: 'u@-x', path: 'a' },
    ])
      await expect(repo.publish(to as never)).rejects.toEqual(rangeError(/./));
  });
});
