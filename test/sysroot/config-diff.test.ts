import { chmod, lchown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';
import { type ConfigDiff, Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { type CliSysroot, REFSPEC, tinyOs } from '../support/sysroot.js';

async function deployed(): Promise<[CliSysroot, Sysroot, string]> {
  const os = await tinyOs();
  const cli = await os.sysroot();
  await cli.pull();
  await cli.admin('deploy', '--os=tiny', REFSPEC);
  const sysroot = await Sysroot.open(cli.path);
  return [cli, sysroot, join(sysroot.deployments[0]?.path ?? '', 'etc')];
}

/** In the words of the command. */
function lines({ added, removed, modified }: ConfigDiff): string[] {
  const line = (letter: string) => (entry: { path: string }) => `${letter}    ${entry.path.slice(1)}`;
  return [...modified.map(line('M')), ...removed.map(line('D')), ...added.map(line('A'))];
}

async function commandSays(cli: CliSysroot): Promise<string[]> {
  const output = await cli.admin('config-diff', '--os=tiny');
  return output === '' ? [] : output.split('\n');
}

describe('configDiff', () => {
  it('finds what the command finds', async () => {
    const [cli, sysroot, etc] = await deployed();
    expect(await sysroot.configDiff()).toEqual({ added: [], removed: [], modified: [] });
    await writeFile(join(etc, 'conf'), 'mine\n');
    await chmod(join(etc, 'dir/inner'), 0o600);
    await rm(join(etc, 'keep'));
    await mkdir(join(etc, 'new/deep'), { recursive: true });
    await writeFile(join(etc, 'new/deep/file'), 'abc');
    await symlink('conf', join(etc, 'link'));
    const diff = await sysroot.configDiff(sysroot.deployments[0]);
    expect(lines(diff).sort()).toEqual((await commandSays(cli)).sort());
    expect(diff.added.map(({ path, type }) => [path, type])).toEqual([
      ['/link', 'symlink'],
      ['/new', 'directory'],
      ['/new/deep', 'directory'],
      ['/new/deep/file', 'file'],
    ]);
    expect(diff.added[0]).toMatchObject({ target: 'conf' });
    expect(diff.added[3]).toMatchObject({ size: 3, mode: 0o100644, uid: 0 });
    expect(diff.removed).toMatchObject([{ path: '/keep', type: 'file', size: 8 }]);
    expect(diff.modified).toMatchObject([
      { path: '/conf', from: { size: 10 }, to: { path: '/conf', size: 5 } },
      { path: '/dir/inner', from: { mode: 0o100644 }, to: { mode: 0o100600 } },
    ]);
    await sysroot.close();
  });

  it('finds another type, another owner, a removed directory', async () => {
    const [cli, sysroot, etc] = await deployed();
    await rm(join(etc, 'conf'));
    await symlink('keep', join(etc, 'conf'));
    await lchown(join(etc, 'keep'), 12, 34);
    await rm(join(etc, 'dir'), { recursive: true });
    const diff = await sysroot.configDiff();
    expect(lines(diff).sort()).toEqual((await commandSays(cli)).sort());
    expect(diff.modified).toMatchObject([
      { path: '/conf', from: { type: 'file' }, to: { type: 'symlink', target: 'keep' } },
      { path: '/keep', from: { uid: 0 }, to: { uid: 12, gid: 34 } },
    ]);
    expect(diff.removed).toMatchObject([{ path: '/dir', type: 'directory' }]);
    await sysroot.close();
  });

  it('shows names that are not UTF-8 with escapes', async () => {
    const [, sysroot, etc] = await deployed();
    await writeFile(Buffer.concat([Buffer.from(`${etc}/`), Buffer.from([0x61, 0xff])]), '');
    expect((await sysroot.configDiff()).added).toMatchObject([{ path: '/a\\xff' }]);
    await sysroot.close();
  });

  it('shows what is neither file, directory nor symlink', async () => {
    const [cli, sysroot, etc] = await deployed();
    await execa('mkfifo', [join(etc, 'pipe')]);
    await rm(join(etc, 'conf'));
    await execa('mkfifo', [join(etc, 'conf')]);
    const diff = await sysroot.configDiff();
    expect(diff.added).toMatchObject([{ path: '/pipe', type: 'other' }]);
    expect(diff.modified).toMatchObject([{ path: '/conf', to: { type: 'other' } }]);
    expect(lines(diff).sort()).toEqual((await commandSays(cli)).sort());
    await sysroot.close();
  });

  it('is of the deployment asked for, or else of what boots next', async () => {
    const [cli, sysroot] = await deployed();
    const first = sysroot.deployments[0] ?? '';
    await sysroot.deploy(REFSPEC, { stateroot: 'tiny' });
    await writeFile(join(sysroot.deployments[0]?.path ?? '', 'etc/conf'), 'second\n');
    expect((await sysroot.configDiff()).modified).toHaveLength(1);
    expect((await sysroot.configDiff(first)).modified).toEqual([]);
    expect(await commandSays(cli)).toEqual(['M    conf']);
    await sysroot.close();
  });

  it('rejects what is not there, bad arguments, and aborted signals', async () => {
    const [, sysroot] = await deployed();
    await expect(sysroot.configDiff('nope')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sysroot.configDiff(5 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    const reason = new Error('enough');
    const aborted = sysroot.configDiff(undefined, { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
    await sysroot.undeploy(sysroot.deployments[0] ?? '');
    await expect(sysroot.configDiff()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await sysroot.close();
  });
});

describe('previewMerge', () => {
  it('is waited for by close()', async () => {
    const [, sysroot, etc] = await deployed();
    await writeFile(join(etc, 'conf'), 'mine\n');
    const checksum = sysroot.deployments[0]?.checksum ?? '';
    const running = sysroot.previewMerge(checksum, { stateroot: 'tiny' });
    await sysroot.close();
    await expect(running).resolves.toMatchObject({
      checksum,
      entries: [{ path: '/conf', local: 'modified', shipped: null, result: 'local' }],
    });
  });
});
