// A device kept by turns with this package and with the `ostree` command: each goes on from what the other left.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { ostree, temporaryDirectory } from '../support/repo.js';
import { changeEtc, cliSysroot, contents, type Os, REF, REFSPEC, tinyOs } from '../support/sysroot.js';

const OS = { stateroot: 'tiny' };

/** Who does each step of the life of a device: the command, or we. */
interface Hand {
  make(path: string): Promise<void>;
  deploy(path: string): Promise<void>;
  editKernelArgs(path: string): Promise<void>;
  upgrade(path: string): Promise<void>;
  pin(path: string, index: number): Promise<void>;
  undeploy(path: string, index: number): Promise<void>;
  switch(path: string): Promise<void>;
  cleanup(path: string): Promise<void>;
}

const theirs: Hand = {
  async make(path) {
    await ostree('admin', 'init-fs', '--modern', path);
    await cliSysroot(path).admin('os-init', 'tiny');
  },
  deploy: async (path) => void (await cliSysroot(path).admin('deploy', '--os=tiny', '--karg=a=1', REFSPEC)),
  editKernelArgs: async (path) =>
    void (await cliSysroot(path).admin('instutil', 'set-kargs', '--merge', '--replace=a=2', '--append=b')),
  upgrade: async (path) => void (await cliSysroot(path).admin('upgrade', '--os=tiny')),
  pin: async (path, index) => void (await cliSysroot(path).admin('pin', String(index))),
  undeploy: async (path, index) => void (await cliSysroot(path).admin('undeploy', String(index))),
  switch: async (path) => void (await cliSysroot(path).admin('switch', '--os=tiny', 'tiny/next')),
  cleanup: async (path) => void (await cliSysroot(path).admin('cleanup')),
};

async function withSysroot<T>(path: string, body: (sysroot: Sysroot) => Promise<T>): Promise<void> {
  await using sysroot = await Sysroot.open(path);
  await body(sysroot);
}

const ours: Hand = {
  async make(path) {
    await using sysroot = await Sysroot.init(path, { epoch: 1 });
    await sysroot.initStateroot('tiny');
  },
  deploy: (path) =>
    withSysroot(path, (sysroot) => sysroot.deploy(REFSPEC, { ...OS, kernelArgs: { replace: ['a=1'] } })),
  editKernelArgs: (path) =>
    withSysroot(path, (sysroot) =>
      sysroot.kernelArgs(sysroot.deployments[0] ?? '').edit({ replace: ['a=2'], append: ['b'] }),
    ),
  upgrade: (path) => withSysroot(path, (sysroot) => sysroot.upgrade(OS)),
  pin: (path, index) => withSysroot(path, (sysroot) => sysroot.pin(sysroot.deployments[index] ?? '')),
  undeploy: (path, index) =>
    withSysroot(path, (sysroot) => sysroot.undeploy(sysroot.deployments[index] ?? '')),
  switch: (path) => withSysroot(path, (sysroot) => sysroot.switch('tiny/next', OS)),
  cleanup: (path) => withSysroot(path, (sysroot) => sysroot.cleanup()),
};

/** A life of a device in steps; what it looks like after each of them. */
async function life(
  hands: (step: number) => Hand,
  path: string,
  os: Os,
  publish: boolean,
): Promise<Record<string, string>[]> {
  const states: Record<string, string>[] = [];
  let steps = 0;
  const step = async (what: (hand: Hand) => Promise<void>) => {
    await what(hands(steps++));
    states.push(await contents(path));
  };
  const repo = `--repo=${path}/ostree/repo`;
  await step((hand) => hand.make(path));
  await ostree(repo, 'remote', 'add', '--no-gpg-verify', 'origin', `file://${os.repo}`);
  await ostree(repo, 'pull', 'origin', `${REF}@${await first(os)}`);
  await step((hand) => hand.deploy(path));
  const root = Object.keys(states.at(-1) ?? {}).find((name) => /deploy\/tiny\/deploy\/\w+\.0$/.test(name));
  await changeEtc(join(path, String(root)), { conf: 'mine\n' });
  await step((hand) => hand.editKernelArgs(path));
  if (publish) await os.publish('2');
  if (publish) await os.publish('next', {}, '--branch=tiny/next');
  await step((hand) => hand.upgrade(path));
  await step((hand) => hand.pin(path, 1));
  await step((hand) => hand.deploy(path));
  await step((hand) => hand.undeploy(path, 1));
  await step((hand) => hand.switch(path));
  await step((hand) => hand.cleanup(path));
  expect(await ostree(repo, 'fsck')).toContain('no errors found');
  return states;
}

async function first(os: Os): Promise<string> {
  const log = await ostree(`--repo=${os.repo}`, 'log', REF);
  return /^commit (\w{64})$/m.exec(log.slice(log.lastIndexOf('commit ')))?.[1] ?? '';
}

describe('a device', () => {
  it('looks the same after each step, whoever does it', async () => {
    const os = await tinyOs();
    const dir = await temporaryDirectory();
    const paths = ['theirs', 'ours', 'even', 'odd'].map((name) => join(dir, name));
    for (const path of paths) await mkdir(path);
    const [theirPath = '', ourPath = '', evenPath = '', oddPath = ''] = paths;
    const expected = await life(() => theirs, theirPath, os, true);
    expect(await life(() => ours, ourPath, os, false)).toEqual(expected);
    expect(await life((step) => (step % 2 ? ours : theirs), evenPath, os, false)).toEqual(expected);
    expect(await life((step) => (step % 2 ? theirs : ours), oddPath, os, false)).toEqual(expected);
    const last = expected.at(-1) ?? {};
    const merged = Object.keys(last).filter((name) => name.endsWith('/etc/conf') && !name.includes('/usr/'));
    expect(merged.length).toBeGreaterThan(1);
    for (const name of merged) expect(last[name]).toContain('mine');
  });

  it('rolls back to what the command then shows and goes on from', async () => {
    const os = await tinyOs();
    const { path, pull, admin } = await os.sysroot();
    await pull();
    await admin('deploy', '--os=tiny', REFSPEC);
    await os.publish('2');
    await using sysroot = await Sysroot.open(path);
    await sysroot.upgrade(OS);
    await sysroot.rollBack();
    const shown = await admin('status');
    expect(shown.indexOf('Version: 1')).toBeLessThan(shown.indexOf('Version: 2'));
    expect(await readFile(join(path, 'boot/loader/entries/ostree-2-tiny.conf'), 'utf8')).toContain('Tiny 1');
    await admin('upgrade', '--os=tiny');
    await sysroot.reload();
    expect(sysroot.deployments.map(({ version }) => version)).toEqual(['2', '1']);
  });
});
