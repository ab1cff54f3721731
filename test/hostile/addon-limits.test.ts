// The addon itself, below the TypeScript that checks arguments: texts that libostree puts on
// the stack or gives to curl, and views whose one handle is used by one operation at a time.
import { Buffer } from 'node:buffer';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { gpgKey } from '../support/gpg.js';
import { probe } from '../support/probe.js';
import { cliRepo } from '../support/repo.js';

const RAW = `
  const repo = await Repo.open(given.path);
  const raw = (await addon.repoOpen({ path: given.path, fsync: true }, call())).handle;`;

it('refuses texts that are too long', async () => {
  const cli = await cliRepo();
  await cli.commit('main', { a: '1' });
  await cli.ostree('remote', 'add', '--no-gpg-verify', 'origin', 'http://127.0.0.1:1/');
  const long = 'text(9_000_000)';
  const summary = (fetch: string) =>
    `addon.remoteSummary(raw, 'origin', { httpHeaders: [], networkRetries: 0, ...${fetch} }, call())`;
  const outcomes = await probe({
    setUp: RAW,
    calls: {
      prefix: `addon.refList(raw, { prefix: ${long}, aliases: false, remotes: true, mirrors: true }, false, call())`,
      overrideUrl: summary(`{ overrideUrl: 'http://h/' + ${long} }`),
      userAgent: summary(`{ appendUserAgent: ${long} }`),
      header: summary(`{ httpHeaders: [{ name: 'A', value: ${long} }] }`),
      headers: summary(`{ httpHeaders: Array(9).fill({ name: 'A', value: text(1_000_000) }) }`),
    },
    given: { path: cli.path },
  });
  expect(new Set(Object.values(outcomes))).toEqual(new Set(['INVALID_ARGUMENT']));
});

it('pulls through a lock although the repository’s directory for temporary files is gone', async () => {
  const source = await cliRepo();
  const commit = await source.commit('main', { a: '1' });
  const cli = await cliRepo();
  await cli.ostree('pull-local', source.path, commit); // so that only the ref is to be set
  const outcomes = await probe({
    setUp: `
      const { rmSync } = await import('node:fs');
      const repo = await Repo.open(given.path);
      const lock = await repo.lock('shared');`,
    calls: {
      gone: `(rmSync(given.path + '/tmp', { recursive: true }), lock.repo.pullLocal(given.source))`,
      release: 'lock.release()',
      again: 'repo.pullLocal(given.source)',
    },
    given: { path: cli.path, source: source.path },
  });
  expect(outcomes).toEqual({ gone: 'NOT_FOUND', release: 'ok', again: 'ok' });
  await rm(join(cli.path, 'tmp'), { recursive: true });
});

it('verifies through a lock once what runs on its handle is over', async () => {
  const cli = await cliRepo();
  const key = await gpgKey();
  await cli.commit('main', { big: 'x'.repeat(4_000_000) });
  const data = Buffer.from('data');
  const signature = Buffer.from(await key.sign(data)).toString('base64');
  const outcomes = await probe({
    setUp: `${RAW}
      const { closeSync } = await import('node:fs');
      const { repo: view } = await addon.repoLock(raw, false, 1000, call());
      const { channel, fd } = addon.channelNew();
      // Nobody reads what it writes, so it stays where it is.
      const exporting = addon.tarExport(view.handle, 'main', { subpath: '', prefix: '', xattrs: true }, channel, call());
      const verify = (repo) => addon.verifyGpg(repo, Buffer.from('data'), Buffer.from(given.signature, 'base64'), {}, call());
      let verified = false;`,
    calls: {
      begin: `void verify(view.handle).then(() => { verified = true; })`,
      others: `Promise.all(Array.from({ length: 8 }, () => verify(raw)))`,
      waits: `verified ? Promise.reject(new Error('it did not wait')) : undefined`,
      end: `(closeSync(fd), exporting.then(() => { throw new Error('it ended well'); }, () => verify(view.handle)))`,
      ended: `verified ? undefined : Promise.reject(new Error('not verified'))`,
    },
    given: { path: cli.path, signature },
  });
  expect(new Set(Object.values(outcomes))).toEqual(new Set(['ok']));
});
