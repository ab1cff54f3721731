// An operating system's tree made of this machine's own files: nothing is
// copied, the commit reads them where they are.
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { TreeSource } from 'ostree';

export interface OsTree {
  sources: TreeSource[];
  kernel: 'real' | 'stand-in';
  version: string;
}

async function realKernel(dir: string | undefined): Promise<string | undefined> {
  if (!dir || !existsSync(join(dir, 'boot'))) return undefined;
  return (await readdir(join(dir, 'boot')))
    .find((name) => name.startsWith('vmlinuz-'))
    ?.slice('vmlinuz-'.length);
}

/** The directories that an operating system must have, and that hold nothing of it. */
async function skeleton(scratch: string): Promise<string> {
  const root = await mkdtemp(join(scratch, 'skeleton-'));
  for (const dir of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
    await mkdir(join(root, dir));
  await symlink('sysroot/ostree', join(root, 'ostree'));
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${dir}`, join(root, dir));
  return root;
}

/**
 * /usr/bin, /usr/sbin and /usr/share as they are here, /etc as /usr/etc, and a kernel.
 *
 * @param kernelDir - where a kernel's package was unpacked, if one was to be had
 */
export async function osTree(scratch: string, kernelDir: string | undefined): Promise<OsTree> {
  const sources: TreeSource[] = [{ dir: await skeleton(scratch) }];
  for (const dir of ['usr/bin', 'usr/sbin', 'usr/share']) sources.push({ dir: `/${dir}`, prefix: dir });
  sources.push({ dir: '/etc', prefix: 'usr/etc' });

  const real = await realKernel(kernelDir);
  const version = real ?? '0.0.0-stand-in';
  // libostree looks for the kernel beside its modules.
  const modules = await mkdtemp(join(scratch, 'kernel-'));
  await writeFile(join(modules, 'initramfs.img'), 'an initramfs would be here\n');
  if (kernelDir && real) {
    await copyFile(join(kernelDir, 'boot', `vmlinuz-${real}`), join(modules, 'vmlinuz'));
    sources.push({ dir: join(kernelDir, 'lib/modules', real), prefix: `usr/lib/modules/${real}` });
  } else {
    await writeFile(join(modules, 'vmlinuz'), 'a kernel would be here\n');
  }
  sources.push({ dir: modules, prefix: `usr/lib/modules/${version}` });
  return { sources, kernel: real ? 'real' : 'stand-in', version };
}
