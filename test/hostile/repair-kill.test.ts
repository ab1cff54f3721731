// A process that is killed while it repairs a repository.
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { checksumsAt, cliFsck, objectFile } from '../support/objects.js';
import { cliRepo } from '../support/repo.js';
import { server } from '../support/server.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const REPAIR = `
  import { Repo } from 'ostree';
  const repo = await Repo.open(process.argv[1]);
  await repo.fsck({ repair: 'origin' });
`;

describe('a repair that is killed', () => {
  it('leaves what an fsck finds and the next repair mends, and the bad object aside', async () => {
    const source = await cliRepo('archive');
    const commit = await source.commit('main', { 'etc/hosts': 'localhost', other: 'other' });
    await source.ostree('summary', '--update');
    let stall = () => {};
    const stalled = new Promise<void>((resolve) => (stall = resolve));
    let stalls = false;
    const { url, behave } = await server(source.path, (path) => {
      if (!stalls || !path.endsWith('.commitmeta')) return true;
      stall();
      return false;
    });
    const cli = await cliRepo('archive');
    await using repo = await Repo.open(cli.path);
    await repo.remotes.add('origin', url, { gpgVerify: false });
    await repo.pull('origin', { refs: ['main'] });
    const [checksum = ''] = await checksumsAt(cli.path, 'main', '/etc/hosts');
    const path = objectFile(cli.path, checksum, 'filez');
    await truncate(path, 0);
    await writeFile(path, 'was here');

    stalls = true;
    const child = execa(process.execPath, ['--input-type=module', '--eval', REPAIR, cli.path], {
      cwd: root,
      reject: false,
    });
    await Promise.race([stalled, child]);
    child.kill('SIGKILL');
    expect((await child).signal).toBe('SIGKILL');

    const [aside = ''] = (await readdir(join(cli.path, 'tmp'))).filter((name) => name.startsWith('repair-'));
    expect(await readFile(join(cli.path, 'tmp', aside, `${checksum}.file`), 'utf8')).toBe('was here');
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await repo.fsck()).findings).toMatchObject([{ kind: 'fsck-partial', commits: [commit] }]);
    expect(await cliFsck(cli.path)).toBe(false);

    behave();
    const report = await repo.fsck({ repair: 'origin' });
    expect(report).toMatchObject({ verdict: 'ok', findings: [{ kind: 'fsck-partial', repaired: true }] });
    expect(await cliFsck(cli.path)).toBe(true);
    expect(await repo.readFile('origin:main', '/etc/hosts', 'utf8')).toBe('localhost');
  });
});
