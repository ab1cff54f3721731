// Those who pull while others publish: what they get is whole, or refused.
import { join } from 'node:path';

import { createRepoHandler, createRepoReceiver, OstreeError, Repo } from 'ostree';
import { describe, expect, it, onTestFinished } from 'vitest';

import { type GpgKey, gpgKey } from '../support/gpg.js';
import { nginx } from '../support/nginx.js';
import { listen } from '../support/publish.js';
import { cliRepo, temporaryDirectory } from '../support/repo.js';

// scripts/publish-race does more.
const PUBLISHES = Number(process.env['PUBLISHES'] ?? 8);

const signer = (key: GpgKey) => ({ type: 'gpg' as const, keyId: key.keyId, homedir: key.path });

interface Publisher {
  /** Where it is pulled from. */
  url: string;
  /** `repo` has a commit that is not there yet. */
  publish: () => Promise<unknown>;
}

/** Into a directory that nginx serves: the summary and its signature are two files. */
async function directory(repo: Repo, key: GpgKey): Promise<Publisher> {
  const target = join(await temporaryDirectory(), 'published');
  const publish = async () => {
    await repo.summary.regenerate({ sign: signer(key) });
    await repo.publish(target, { fsync: false });
  };
  await publish();
  return { url: (await nginx(target)).url, publish };
}

/** To a receiver, which makes and signs the summary. */
async function receiver(repo: Repo, key: GpgKey): Promise<Publisher> {
  const target = await Repo.open((await cliRepo('archive')).path);
  onTestFinished(() => target.close());
  const receive = createRepoReceiver(target, { authorize: () => true, sign: signer(key) });
  const serve = createRepoHandler(target);
  const { url } = await listen((req, res) =>
    req.url?.startsWith('/publish/') ? receive(req, res) : serve(req, res),
  );
  const publish = () => repo.publish(url);
  await publish();
  return { url, publish };
}

describe.each([
  ['a directory', directory],
  ['a receiver', receiver],
])('while %s is published to', (_, kind) => {
  it(
    'a pull brings a whole commit, or is refused because of the signature',
    { timeout: 600_000 },
    async () => {
      const key = await gpgKey();
      const repo = await Repo.open((await cliRepo('archive')).path);
      onTestFinished(() => repo.close());
      const published: string[] = [];
      const commit = async () => {
        const number = String(published.length);
        const files = Array.from({ length: 10 }, (_unused, n) => ({
          path: `d${n % 3}/f${n}`,
          content: `${number} ${n}`,
        }));
        const tree = { files: [{ path: 'number', content: number }, ...files] };
        published.push((await repo.commit({ branch: 'main', tree })).checksum);
      };
      await commit();
      const { url, publish } = await kind(repo, key);

      const client = await cliRepo('bare-user');
      await using puller = await Repo.open(client.path);
      await puller.remotes.add('origin', url, {
        gpgKeys: key.publicKeyBytes,
        gpgVerify: false,
        gpgVerifySummary: true,
      });
      let done = 0;
      let publishing = true;
      const seen: number[] = [];
      const pullOnce = async () => {
        const least = done;
        try {
          await puller.pull('origin', { refs: ['main'] });
        } catch (error) {
          if (!OstreeError.is(error, 'SIGNATURE')) throw error;
          return; // the next try may meet a summary with its own signature
        }
        const rev = await puller.resolveRev('origin:main');
        const number = Number(await puller.readFile(rev, 'number', 'utf8'));
        expect(published[number]).toBe(rev);
        expect(number).toBeGreaterThanOrEqual(least);
        expect((await puller.readCommit(rev)).state).toBe('normal');
        for (let n = 0; n < 10; n++)
          expect(await puller.readFile(rev, `d${n % 3}/f${n}`, 'utf8')).toBe(`${number} ${n}`);
        seen.push(number);
      };
      const pulling = (async () => {
        while (publishing) await pullOnce();
      })();
      let failed: unknown;
      void pulling.catch((error: unknown) => {
        failed = error;
      });
      for (let i = 0; i < PUBLISHES && failed === undefined; i++) {
        await commit();
        await publish();
        done++;
      }
      publishing = false;
      await pulling;
      await pullOnce();
      expect(seen.at(-1)).toBe(PUBLISHES);
      expect(new Set(seen).size).toBeGreaterThan(1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect(await client.ostree('fsck', '--all')).toContain('no errors found');
    },
  );
});
