import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type PullOptions, Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { served } from '../support/pull.js';
import { cliRepo } from '../support/repo.js';

describe('pull refuses', () => {
  const checksum = 'a'.repeat(64);
  const collectionRefs = [{ collectionId: 'org.example.Os', ref: 'main' }];
  it.each<[RegExp, object]>([
    [/timestampCheck .*depth/, { timestampCheck: true, depth: 1 }],
    [/timestampCheck needs refs/, { timestampCheck: true, refs: [checksum] }],
    [/collectionRefs .*refs/, { collectionRefs, refs: ['main'] }],
    [/collectionRefs .*overrideCommits/, { collectionRefs, overrideCommits: { main: checksum } }],
    [/overrideCommits names 'next'/, { refs: ['main'], overrideCommits: { next: checksum } }],
    [/dryRun needs .*deltas/, { dryRun: true }],
    [/dryRun needs .*deltas/, { dryRun: true, deltas: 'off' }],
    [/commitOnly .*subdirs/, { commitOnly: true, subdirs: ['/usr'] }],
    [/commitOnly .*deltas/, { commitOnly: true, deltas: 'required' }],
    [/mirror .*overrideRemoteName/, { mirror: true, overrideRemoteName: 'x' }],
    [/depth must be/, { depth: -2 }],
    [/depth must be/, { depth: 1.5 }],
    [/subdirs\[0\] must begin/, { subdirs: ['usr'] }],
    [/subdirs\[0\] must not be empty/, { subdirs: [''] }],
    [/subdirs must not be empty/, { subdirs: [] }],
    [/refs must not be empty/, { refs: [] }],
    [/refs must be an array/, { refs: 'main' }],
    [/refs\[0\] must be a ref/, { refs: ['origin:main'] }],
    [/refs\[0\] must be a ref/, { refs: ['a//b'] }],
    [/overrideCommits\['main'\]/, { overrideCommits: { main: 'zz' } }],
    [/deltas must be one of/, { deltas: 'maybe' }],
    [/mirror must be a boolean/, { mirror: 1 }],
    [/stallTimeout must be/, { stallTimeout: 0 }],
    [/maxMetadataSize must be/, { maxMetadataSize: 0 }],
    [/networkRetries must be/, { networkRetries: -1 }],
    [/overrideUrl must be/, { overrideUrl: 'ftp://h/' }],
    [/bad header name/, { httpHeaders: { 'a:b': 'c' } }],
    [/httpHeaders\['A'\] must not/, { httpHeaders: { A: 'x\r\nB: y' } }],
    [/httpHeaders\['A'\] must not/, { httpHeaders: { A: '' } }],
    [/appendUserAgent must not/, { appendUserAgent: 'a\nb' }],
    [/summary.signatures must be/, { summary: { bytes: new Uint8Array() } }],
    [/collectionId/, { collectionRefs: [{ collectionId: 'x', ref: 'main' }] }],
    [/timestampCheckFromRev/, { timestampCheckFromRev: '' }],
    [/gpgverify is no option/, { gpgverify: true }],
    [/onProgress must be a function/, { onProgress: 5 }],
  ])('what does not go together, or is wrong: %s', async (message, options) => {
    const target = await cliRepo();
    await using repo = await Repo.open(target.path);
    await repo.remotes.add('origin', 'http://127.0.0.1:1/', { gpgVerify: false });
    await expect(repo.pull('origin', options as PullOptions)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/),
      message: expect.stringMatching(message),
    });
  });

  it('bad sources', async () => {
    const target = await cliRepo();
    await using repo = await Repo.open(target.path);
    const bad = { code: 'ERR_INVALID_ARG_VALUE' };
    await expect(repo.pull('http://127.0.0.1/')).rejects.toMatchObject(bad);
    await expect(repo.pull('origin:main')).rejects.toMatchObject(bad);
    await expect(repo.pull('')).rejects.toMatchObject(bad);
    await expect(repo.pull('none', { refs: ['main'] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      remote: 'none',
    });
    await expect(repo.pull('file:///x', { overrideUrl: 'http://h/' })).rejects.toMatchObject(bad);
    await expect(repo.pull('file:///x', { gpgVerify: true })).rejects.toMatchObject(bad);
    await expect(repo.pullLocal('/x', { gpgVerify: true })).rejects.toMatchObject(bad);
    await expect(repo.pullLocal(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(repo.pullLocal('/x', { stallTimeout: 1000 } as object)).rejects.toMatchObject(bad);
  });

  it('what libostree would abort on in a remote’s config', async () => {
    const { target, url, ...rest } = await served();
    await using repo = rest.repo;
    const config = join(target.path, 'config');
    const before = await readFile(config, 'utf8');
    await writeFile(config, before.replace(`url=${url}`, `url=${url}\nbranches=a//b;`));
    await expect(repo.pull('origin')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', remote: 'origin' });
    await writeFile(
      config,
      before.replace(`url=${url}`, `url=${url}\ntls-client-cert-path=/c\ntls-client-key-path=pkcs11:x`),
    );
    const refused = { code: 'NOT_SUPPORTED', remote: 'origin' };
    await expect(repo.pull('origin', { refs: ['main'] })).rejects.toMatchObject(refused);
    await expect(repo.remotes.refs('origin')).rejects.toMatchObject(refused);
  });
});
