// `ostree admin`: the same done to two sysroots.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { Sysroot } from 'ostree';
import { expect } from 'vitest';

import { ostree, temporaryDirectory } from '../../support/repo.js';
import {
  changeEtc,
  type CliSysroot,
  cliSysroot,
  contents,
  REFSPEC,
  tinyOs,
  twins,
} from '../../support/sysroot.js';
import type { Rows } from './pair.js';

const OS = { stateroot: 'tiny' };
const deployed = (sysroot: CliSysroot) => sysroot.admin('deploy', '--os=tiny', '--karg=root=a', REFSPEC);

/** Two sysroots with a deployment; `ours` does to one what the arguments of the command do to the other. */
async function compare(
  ours: (sysroot: Sysroot) => Promise<unknown>,
  theirs: (sysroot: CliSysroot) => Promise<unknown>,
  prepare: (sysroot: CliSysroot) => Promise<unknown> = deployed,
): Promise<void> {
  const os = await tinyOs();
  const [mine, other] = await twins(os, prepare);
  await os.publish('2');
  {
    await using sysroot = await Sysroot.open(mine.path);
    await ours(sysroot);
  }
  await theirs(other);
  expect(await contents(mine.path)).toEqual(await contents(other.path));
}

const twice = async (sysroot: CliSysroot) => {
  await deployed(sysroot);
  await sysroot.admin('deploy', '--os=tiny', '--retain', REFSPEC);
};

const at = (sysroot: Sysroot, index: number) => sysroot.deployments[index] ?? '';

async function deploymentPath(sysroot: CliSysroot): Promise<string> {
  await using opened = await Sysroot.open(sysroot.path);
  return opened.deployments[0]?.path ?? '';
}

export const adminRows: Rows = {
  'ostree admin init-fs': async () => {
    const dir = await temporaryDirectory();
    const [mine, theirs] = [join(dir, 'ours'), join(dir, 'theirs')];
    for (const path of [mine, theirs]) await mkdir(path);
    await (await Sysroot.init(mine, { epoch: 1 })).close();
    await ostree('admin', 'init-fs', '--modern', theirs);
    expect(await contents(mine)).toEqual(await contents(theirs));
  },
  'ostree admin os-init': async () => {
    const dir = await temporaryDirectory();
    const [mine, theirs] = [join(dir, 'ours'), join(dir, 'theirs')];
    for (const path of [mine, theirs]) {
      await mkdir(path);
      await ostree('admin', 'init-fs', '--modern', path);
    }
    await using sysroot = await Sysroot.open(mine);
    await sysroot.initStateroot('tiny');
    await cliSysroot(theirs).admin('os-init', 'tiny');
    expect(await contents(mine)).toEqual(await contents(theirs));
  },
  'ostree admin deploy': () =>
    compare(
      (sysroot) => sysroot.deploy(REFSPEC, { ...OS, kernelArgs: { append: ['quiet'] }, retain: true }),
      (sysroot) => sysroot.admin('deploy', '--os=tiny', '--karg-append=quiet', '--retain', REFSPEC),
    ),
  'ostree admin upgrade': () =>
    compare(
      (sysroot) => sysroot.upgrade(OS),
      (sysroot) => sysroot.admin('upgrade', '--os=tiny'),
    ),
  'ostree admin switch': async () => {
    const os = await tinyOs();
    await os.publish('next', {}, '--branch=tiny/next');
    const [mine, theirs] = await twins(os, deployed);
    await using sysroot = await Sysroot.open(mine.path);
    await sysroot.switch('tiny/next', OS);
    await theirs.admin('switch', '--os=tiny', 'tiny/next');
    expect(await contents(mine.path)).toEqual(await contents(theirs.path));
  },
  'ostree admin undeploy': () =>
    compare(
      (sysroot) => sysroot.undeploy(at(sysroot, 1)),
      (sysroot) => sysroot.admin('undeploy', '1'),
      twice,
    ),
  'ostree admin cleanup': () =>
    compare(
      (sysroot) => sysroot.cleanup(),
      (sysroot) => sysroot.admin('cleanup'),
    ),
  'ostree admin pin': () =>
    compare(
      async (sysroot) => {
        await sysroot.pin(at(sysroot, 0));
        await sysroot.pin(at(sysroot, 1));
        await sysroot.pin(at(sysroot, 1), false);
      },
      async (sysroot) => {
        await sysroot.admin('pin', '0', '1');
        await sysroot.admin('pin', '--unpin', '1');
      },
      twice,
    ),
  'ostree admin set-origin': () =>
    compare(
      async (sysroot) => {
        await sysroot.repo.remotes.add('mirror', 'http://example.org/repo', { gpgVerify: false });
        await sysroot.setOrigin(at(sysroot, 0), 'mirror:tiny/os');
      },
      (sysroot) =>
        sysroot.admin(
          'set-origin',
          '--index=0',
          '--set=gpg-verify=false',
          'mirror',
          'http://example.org/repo',
          'tiny/os',
        ),
    ),
  'ostree admin status': async () => {
    const [sysroot] = await twins(await tinyOs(), twice);
    await using opened = await Sysroot.open(sysroot.path);
    const lines = (text: string) =>
      text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    const shown = lines(await sysroot.admin('status'));
    expect(lines(String(await opened.status()))).toEqual(shown);
  },
  'ostree admin --print-current-dir': async () => {
    const [sysroot] = await twins(await tinyOs(), twice);
    await using opened = await Sysroot.open(sysroot.path);
    expect(opened.deployments[0]?.path).toBe(await sysroot.admin('--print-current-dir'));
  },
  'ostree admin config-diff': async () => {
    const [sysroot] = await twins(await tinyOs(), deployed);
    await changeEtc(await deploymentPath(sysroot), { conf: 'mine\n', added: 'new\n' });
    await using opened = await Sysroot.open(sysroot.path);
    const { added, removed, modified } = await opened.configDiff(at(opened, 0));
    const name = (entry: { path: string } | string) => (typeof entry === 'string' ? entry : entry.path);
    const ours = [
      ...modified.map((entry) => `M    ${name(entry)}`),
      ...removed.map((entry) => `D    ${name(entry)}`),
      ...added.map((entry) => `A    ${name(entry)}`),
    ].map((line) => line.replace(/ \//, ' ').replace(/ etc\//, ' '));
    const printed = await sysroot.admin('config-diff', '--os=tiny');
    expect(ours.sort()).toEqual(printed.split('\n').filter(Boolean).sort());
  },
  'ostree admin instutil set-kargs': () =>
    compare(
      (sysroot) => sysroot.kernelArgs(at(sysroot, 0)).edit({ replace: ['root=b'], append: ['quiet'] }),
      (sysroot) => sysroot.admin('instutil', 'set-kargs', '--merge', '--replace=root=b', '--append=quiet'),
    ),
  'ostree admin kargs edit-in-place': async () => {
    const [mine, other] = await twins(await tinyOs(), deployed);
    await using sysroot = await Sysroot.open(mine.path);
    await sysroot.kernelArgs(at(sysroot, 0)).edit({ appendIfMissing: ['quiet'] });
    await other.admin('kargs', 'edit-in-place', '--append-if-missing=quiet');
    await using theirs = await Sysroot.open(other.path);
    expect(sysroot.deployments[0]?.kernelArgs).toContain('quiet');
    // The command edits the boot entry; here there is a new one, and none without arguments meanwhile.
    const without = (args: readonly string[] = []) => args.filter((arg) => !arg.startsWith('ostree='));
    expect(without(sysroot.deployments[0]?.kernelArgs)).toEqual(without(theirs.deployments[0]?.kernelArgs));
  },
};
