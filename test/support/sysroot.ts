// Small operating systems and sysroots for tests, made by the `ostree` command.
// Deployments stay mutable (OSTREE_SYSROOT_DEBUG in vitest.config.ts), so that they can be removed again.
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ostree, temporaryDirectory, writeTree } from './repo.js';

/** The files of a bootable tree, as small as libostree takes it. */
export function osTree(version: string, changes: Record<string, string> = {}): Record<string, string> {
  return {
    'usr/bin/hello': `#!/bin/sh\necho ${version}\n`,
    'usr/etc/conf': `shipped ${version}\n`,
    'usr/etc/keep': 'shipped\n',
    'usr/etc/dir/inner': 'shipped\n',
    'usr/lib/modules/6.0.1/vmlinuz': 'kernel',
    'usr/lib/modules/6.0.1/initramfs.img': 'initramfs',
    'usr/lib/os-release': `NAME=Tiny\nID=tiny\nPRETTY_NAME="Tiny ${version}"\n`,
    ...changes,
  };
}

export interface Os {
  /** The archive repository that the branch `tiny/os` is published in. */
  repo: string;
  /** Commits the next version; the result is its checksum. */
  publish(version: string, changes?: Record<string, string>, ...args: string[]): Promise<string>;
  /** A sysroot with the stateroot `tiny` and a remote `origin` of the repository, and no deployments. */
  sysroot(): Promise<CliSysroot>;
}

export interface CliSysroot {
  path: string;
  /** Runs `ostree admin --sysroot=PATH COMMAND …`. */
  admin: (command: string, ...args: string[]) => Promise<string>;
  /** Pulls the branch, or what is given, from the remote `origin`. */
  pull: (...refs: string[]) => Promise<void>;
}

export const REF = 'tiny/os';
export const REFSPEC = `origin:${REF}`;

/** A published operating system, with one version, `1`. */
export async function tinyOs(): Promise<Os> {
  const dir = await temporaryDirectory();
  const repo = join(dir, 'repo');
  let made = 0;
  await ostree('init', `--repo=${repo}`, '--mode=archive');
  const os: Os = {
    repo,
    async publish(version, changes = {}, ...args) {
      const tree = join(dir, `tree-${made++}`);
      await mkdir(tree);
      await writeTree(tree, osTree(version, changes));
      const metadata = `--add-metadata-string=version=${version}`;
      return await ostree(
        `--repo=${repo}`,
        'commit',
        `--branch=${REF}`,
        '--bootable',
        '--owner-uid=0',
        '--owner-gid=0',
        metadata,
        `--tree=dir=${tree}`,
        ...args,
      );
    },
    async sysroot() {
      const path = join(dir, `sysroot-${made++}`);
      await mkdir(path);
      await ostree('admin', 'init-fs', '--modern', path);
      const sysroot = cliSysroot(path);
      await sysroot.admin('os-init', 'tiny');
      await ostree(
        `--repo=${path}/ostree/repo`,
        'remote',
        'add',
        '--no-gpg-verify',
        'origin',
        `file://${repo}`,
      );
      return sysroot;
    },
  };
  await os.publish('1');
  return os;
}

export function cliSysroot(path: string): CliSysroot {
  return {
    path,
    admin: (command, ...args) => ostree('admin', `--sysroot=${path}`, command, ...args),
    async pull(...refs) {
      await ostree(`--repo=${path}/ostree/repo`, 'pull', 'origin', ...(refs.length > 0 ? refs : [REF]));
    },
  };
}

/** Two sysroots in the same state: what the command does to one is compared with what we do to the other. */
export async function twins(
  os: Os,
  prepare?: (sysroot: CliSysroot) => Promise<unknown>,
): Promise<[CliSysroot, CliSysroot]> {
  const pair = [await os.sysroot(), await os.sysroot()] as const;
  for (const sysroot of pair) {
    await sysroot.pull();
    await prepare?.(sysroot);
  }
  return [pair[0], pair[1]];
}

/** Every path of a sysroot with its type, mode and content; of the repository the refs only, for objects are checked by fsck. */
export async function contents(sysroot: string): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  const walk = async (path: string): Promise<void> => {
    for (const name of (await readdir(join(sysroot, path))).sort()) {
      const child = path === '' ? name : `${path}/${name}`;
      if (/^ostree\/repo\/(?!refs)|^ostree\/lock$/.test(child)) continue;
      const stat = await lstat(join(sysroot, child));
      const mode = stat.mode.toString(8);
      if (stat.isDirectory()) {
        result[child] = `dir ${mode}`;
        await walk(child);
      } else if (stat.isSymbolicLink()) result[child] = `-> ${await readlink(join(sysroot, child))}`;
      else result[child] = `${mode} ${await shown(join(sysroot, child))}`;
    }
  };
  await walk('');
  return result;
}

/** Short texts as they are, for a readable difference. */
async function shown(path: string): Promise<string> {
  const data = await readFile(path);
  return data.length < 1000 ? data.toString() : createHash('sha256').update(data).digest('hex');
}

/** Changes /etc of a deployment, as an administrator would. */
export async function changeEtc(deployment: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(deployment, 'etc', name), text);
}
