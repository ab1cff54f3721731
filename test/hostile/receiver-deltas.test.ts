// Publishers who bring static deltas, which those who pull will run.
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { describe, expect, it } from 'vitest';

import { forgeDelta } from '../support/forge.js';
import { sample } from '../support/publish.js';
import { attacked, commitEvil, say, stateOf, target, uploadAll } from '../support/receiver.js';
import { cliRepo } from '../support/repo.js';

/** Uploads the deltas of a repository. */
async function uploadDeltas(url: string, path: string): Promise<void> {
  const files = await readdir(join(path, 'deltas'), { recursive: true, withFileTypes: true });
  for (const entry of files.filter((file) => file.isFile())) {
    const file = join(entry.parentPath, entry.name);
    const name = file.slice(path.length).replaceAll('+', '%2B');
    expect((await say(url, 'PUT', name, await readFile(file))).status).toBe(200);
  }
}

describe('a hostile publisher of deltas', () => {
  it('gets no damaged delta in', async () => {
    const { repo, cli, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    await repo.deltas.generate({ from: commits[0], to: commits[1] });
    const to = await target();
    await repo.publish(to.url, { refs: ['os/other'] });
    const before = await stateOf(to.path);
    const [first = '', second = ''] = (await readdir(join(cli.path, 'deltas'), { recursive: true }))
      .filter((file) => file.endsWith('superblock'))
      .map((file) => file.slice(0, -'/superblock'.length));
    const part = join(cli.path, 'deltas', first, '0');
    const good = await readFile(part);
    const publish = () => repo.publish(to.url, { refs: ['os/main'] });
    await truncate(part, good.length - 1);
    await expect(publish()).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(await stateOf(to.path)).toEqual(before);
    // One under the name of another.
    await say(
      to.url,
      'PUT',
      `/deltas/${first.replaceAll('+', '%2B')}/superblock`,
      await readFile(join(cli.path, 'deltas', second, 'superblock')),
    );
    await uploadAll(to.url, cli.path);
    const names = (await repo.deltas.list()).map(({ name }) => name);
    const body = { refs: [{ ref: 'os/main', checksum: commits[1], expected: null }], deltas: names };
    expect(await say(to.url, 'POST', '/finish', body)).toMatchObject({
      status: 422,
      answer: { code: 'CORRUPT' },
    });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('cannot make it inflate a delta beyond measure', async () => {
    const { to, evil, before } = await attacked({ maxObjectSize: 1 << 20 });
    const { commit } = await commitEvil(evil, 'evil');
    const zeros = 'import lzma, sys; sys.stdout.buffer.write(lzma.compress(bytes(128 << 20), preset=0))';
    const { stdout } = await execa('python3', ['-c', zeros], {
      encoding: 'buffer',
      stripFinalNewline: false,
    });
    expect(stdout.length).toBeLessThan(100_000);
    await forgeDelta(evil.path, commit, Buffer.concat([Buffer.from('x'), stdout]));
    await uploadAll(to.url, evil.path);
    await uploadDeltas(to.url, evil.path);
    const refs = [{ ref: 'evil', checksum: commit, expected: null }];
    expect(await say(to.url, 'POST', '/finish', { refs, deltas: [commit] })).toMatchObject({
      answer: { code: 'TOO_LARGE' },
    });
    expect(await stateOf(to.path)).toEqual(before);
  });

  it('loses a race against the owner, who moves the ref meanwhile', async () => {
    const { repo, commits } = await sample();
    await repo.deltas.generate({ from: null, to: commits[1] });
    let meanwhile = async () => {};
    const to = await target({
      // Asked after the ref was looked at, and before it moves.
      authorize: async (_req, { action }) => {
        if (action === 'delta') await meanwhile();
        return true;
      },
    });
    await repo.publish(to.url);
    await to.repo.setRef('evil', commits[0]);
    const before = await stateOf(to.path);
    meanwhile = async () => {
      meanwhile = async () => {};
      await to.repo.setRef('evil', commits[1]);
    };
    // Its delta is not even the one that is there.
    await repo.deltas.remove(commits[1]);
    await repo.deltas.generate({ from: null, to: commits[1], inline: true });
    const evil = await cliRepo('archive');
    const next = await evil.commit('evil', { next: 'next' });
    await uploadAll(to.url, evil.path);
    await uploadAll(to.url, repo.path);
    await uploadDeltas(to.url, repo.path);
    const refs = [
      { ref: 'evil', checksum: next, expected: commits[0] },
      { ref: 'mine', checksum: commits[1], expected: null },
    ];
    expect(await say(to.url, 'POST', '/finish', { refs, deltas: [commits[1]] })).toMatchObject({
      status: 409,
      answer: { code: 'CONFLICT', ref: 'evil' },
    });
    await to.repo.setRef('evil', commits[0]);
    expect(await stateOf(to.path)).toEqual(before);
  });
});
