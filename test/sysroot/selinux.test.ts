// Deployments of a system that brings an SELinux policy: libostree labels their /etc, also where the kernel does not know
// SELinux. Then files alone have labels, since directories and links get theirs from the kernel as they are made.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Sysroot } from 'ostree';
import { describe, expect, it } from 'vitest';

import { CONTEXTS, labelsOf, policyFiles, whyNoLabels } from '../support/selinux.js';
import { contents, type CliSysroot, type Os, REFSPEC, tinyOs, twins } from '../support/sysroot.js';

const OS = { stateroot: 'tiny' };
const ALL = CONTEXTS.replace('<<none>>', 'system_u:object_r:none_t:s0');

/** Of the deployment that boots next, and of the stateroot's /var. */
async function labels({ path }: CliSysroot): Promise<Record<string, string>[]> {
  const stateroot = join(path, 'ostree/deploy/tiny');
  const [deployment] = (await readdir(join(stateroot, 'deploy'))).filter((name) => /\.\d$/.test(name));
  return [
    await labelsOf(join(stateroot, 'deploy', String(deployment))),
    await labelsOf(join(stateroot, 'var')),
  ];
}

async function publish(os: Os, policy: Parameters<typeof policyFiles>[1]): Promise<void> {
  await os.publish('2', { 'usr/etc/passwd': 'root', ...policyFiles('usr/etc/selinux', policy) });
}

describe.skipIf(whyNoLabels)(`a deployment with an SELinux policy${whyNoLabels}`, () => {
  it('has the labels that it has from the command', async () => {
    const os = await tinyOs();
    await publish(os, { contexts: ALL });
    const [theirs, ours] = await twins(os);
    await theirs.admin('deploy', '--os=tiny', REFSPEC);
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.deploy(REFSPEC, OS);
    expect(await contents(ours.path)).toEqual(await contents(theirs.path));
    const [deployment = {}, stateroot] = await labels(ours);
    expect([deployment, stateroot]).toEqual(await labels(theirs));
    expect(deployment).toMatchObject({
      'etc/passwd': 'system_u:object_r:passwd_file_t:s0',
      'etc/conf': 'system_u:object_r:etc_t:s0',
    });
  });

  it('has those of the commit, where that was labelled, outside of /etc', async () => {
    const os = await tinyOs();
    const files = { 'usr/etc/passwd': 'root', ...policyFiles('usr/etc/selinux', { contexts: ALL }) };
    await os.publish('2', files, '--selinux-policy-from-base');
    const [theirs, ours] = await twins(os);
    await theirs.admin('deploy', '--os=tiny', REFSPEC);
    await using sysroot = await Sysroot.open(ours.path);
    await sysroot.deploy(REFSPEC, OS);
    expect(await labels(ours)).toEqual(await labels(theirs));
    expect((await labels(ours))[0]).toMatchObject({ 'usr/bin/hello': 'system_u:object_r:bin_t:s0\0' });
  });

  it.each<[string, Parameters<typeof policyFiles>[1], string]>([
    ['has version 0', { version: '0' }, 'INVALID_ARGUMENT'],
    ['has no name', { config: 'SELINUX=enforcing\n' }, 'INVALID_ARGUMENT'],
    ['leaves a file of /etc without a label', { contexts: `${ALL}/etc/conf\t<<none>>\n` }, 'NOT_SUPPORTED'],
  ])(
    'is not made where the policy %s, over which libostree would end the process',
    async (_, policy, code) => {
      const os = await tinyOs();
      await publish(os, policy);
      const [ours] = await twins(os);
      await using sysroot = await Sysroot.open(ours.path);
      await expect(sysroot.deploy(REFSPEC, OS)).rejects.toMatchObject({ code });
      expect(sysroot.deployments).toEqual([]);
    },
  );

  it('is changed only while its own configuration can be read', async () => {
    const os = await tinyOs();
    await publish(os, { contexts: ALL });
    const [ours] = await twins(os);
    await using sysroot = await Sysroot.open(ours.path);
    const { id, path } = await sysroot.deploy(REFSPEC, OS);
    const config = join(path, 'etc/selinux/config');
    await writeFile(config, 'SELINUX=enforcing\n');
    await expect(sysroot.pin(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(sysroot.setOrigin(id, REFSPEC)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await writeFile(config, 'SELINUX=disabled\n');
    await sysroot.pin(id);
    expect(sysroot.deployments[0]?.pinned).toBe(true);
  });
});
