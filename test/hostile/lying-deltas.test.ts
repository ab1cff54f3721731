// Static deltas that libostree runs before it has looked at them, and ends the process over: not that of the caller
// who pulls with `isolate`, and not of one who wants no deltas.
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { deltaPart, forgeDelta } from '../support/forge.js';
import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

const [S, o, w] = [0x53, 0x6f, 0x77];

describe('a delta whose part', () => {
  it.each([
    ['has a mode that is not there', [S, 9, 0, 0, 0]],
    ['has xattrs that are not there', [S, 0, 9, 0, 0]],
    ['has an object within an object', [o, 0, 0, 1, o, 0, 0, 1]],
    ['writes to nothing', [w, 1, 0]],
  ])('%s', async (_, program) => {
    const source = await cliRepo();
    const commit = await source.commit('main', { a: 'a' });
    await forgeDelta(source.path, commit, deltaPart(program));
    await source.ostree('summary', '--update');
    const { url } = await server(source.path, () => true);
    const target = await cliRepo('bare-user');
    await using repo = await Repo.open(target.path);
    await repo.remotes.add('origin', url, { gpgVerify: false });

    await expect(repo.pull('origin', { refs: ['main'], isolate: true })).rejects.toMatchObject({
      code: expect.stringMatching(/^(FAILED|CORRUPT|INVALID_ARGUMENT)$/) as string,
      remote: 'origin',
    });
    await expect(repo.resolveRev('origin:main')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await target.ostree('fsck', '--all')).toMatch(/no errors found|partial/);

    const { refs } = await repo.pull('origin', { refs: ['main'], deltas: 'off' });
    expect(refs).toMatchObject([{ new: commit }]);
    expect(await target.ostree('fsck')).toContain('no errors found');
  });
});
