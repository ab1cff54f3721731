import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { ostree } from '../support/repo.js';
import { REFSPEC, tinyOs } from '../support/sysroot.js';

describe('status', () => {
  it('prints what the command prints', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await using sysroot = await Sysroot.open(path);
    expect(String(await sysroot.status())).toBe('No deployments.\n');
    expect(await admin('status')).toBe('No deployments.');
    await os.publish('2', {}, '--add-metadata-string=ostree.source-title=Made of things');
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    await sysroot.reload();
    await sysroot.pin(sysroot.deployments[0] ?? '');
    await sysroot.initStateroot('other');
    await sysroot.deploy(REFSPEC, { stateroot: 'other', origin: { unlocked: 'hotfix' } });
    const status = await sysroot.status();
    expect(String(status)).toBe(`${await admin('status')}\n`);
    for (const text of [
      'Pinned: yes',
      '`- Made of things',
      'Unlocked: hotfix',
      'origin: <unknown origin type>',
      'Version: 2',
    ])
      expect(String(status)).toContain(`    ${text}\n`);
  });

  it('takes a new snapshot, which it shares with the sysroot', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await using sysroot = await Sysroot.open(path);
    await admin('deploy', '--os=tiny', REFSPEC);
    const status = await sysroot.status();
    expect(status.deployments).toHaveLength(1);
    expect(sysroot.deployments).toBe(status.deployments);
    expect(sysroot.pending).toBe(status.pending);
    expect(JSON.parse(JSON.stringify(status))).toEqual({
      booted: null,
      staged: null,
      pending: status.pending,
      rollback: null,
      deployments: status.deployments,
    });
  });

  it('says what it knows of signatures where the remote asks for them, and of a remote that is gone', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    await using sysroot = await Sysroot.open(path);
    const repo = `--repo=${path}/ostree/repo`;
    await ostree(repo, 'config', 'set', 'remote "origin".gpg-verify', 'true');
    expect(String(await sysroot.status())).toContain('    GPG: ');
    await ostree(repo, 'remote', 'delete', 'origin');
    expect(String(await sysroot.status())).not.toContain('GPG');
  });

  it('shows a deployment whose commit is no longer in the repository', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    const checksum = await ostree(`--repo=${path}/ostree/repo`, 'rev-parse', REFSPEC);
    await using sysroot = await Sysroot.open(path);
    const [prefix, rest] = [checksum.slice(0, 2), checksum.slice(2)];
    await rm(`${path}/ostree/repo/objects/${prefix}/${rest}.commit`);
    await mkdir(join(path, 'ostree/deploy/touched'));
    const status = await sysroot.status();
    expect(status.deployments).toMatchObject([{ checksum, version: null }]);
    expect(String(status)).toContain(`${checksum}.0`);
  });

  it('rejects with the reason of a signal that was aborted before', async () => {
    const { path } = await (await tinyOs()).sysroot();
    await using sysroot = await Sysroot.open(path);
    const reason = new Error('enough');
    await expect(sysroot.status({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(sysroot.reload({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
