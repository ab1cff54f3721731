// An operating system's tree made of this machine's own files: nothing is
// copied, the commit reads them where they are.
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import type { TreeSource } from 'ostree';

export interface OsTree {
  sources: TreeSource[];
  /** What stays out of it, by its path in the tree. */
  skip: string[];
  kernel: { version: string; real: boolean };
}

/** A directory to be overlaid on others: its permissions become those of the directory it lies on. */
export async function layer(scratch: string, name: string): Promise<string> {
  const dir = await mkdtemp(join(scratch, `${name}-`));
  await chmod(dir, 0o755);
  return dir;
}

async function realKernel(dir: string | undefined): Promise<string | undefined> {
  if (!dir || !existsSync(join(dir, 'boot'))) return undefined;
  return (await readdir(join(dir, 'boot')))
    .find((name) => name.startsWith('vmlinuz-'))
    ?.slice('vmlinuz-'.length);
}

/** The directories that an operating system must have, and that hold nothing of it. */
async function skeleton(scratch: string): Promise<string> {
  const root = await layer(scratch, 'skeleton');
  for (const dir of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
    await mkdir(join(root, dir));
  await mkdir(join(root, 'usr'));
  await symlink('sysroot/ostree', join(root, 'ostree'));
  for (const dir of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${dir}`, join(root, dir));
  return root;
}

/** What not everybody may read: password hashes, private keys. They are nobody's business but this machine's. */
async function secrets(etc: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(etc, { withFileTypes: true })) {
    if (!entry.isFile() && !entry.isDirectory()) continue;
    const path = join(etc, entry.name);
    const { mode } = await stat(path);
    if (!(mode & 0o004)) found.push(`${prefix}/${entry.name}`);
    else if (entry.isDirectory()) found.push(...(await secrets(path, `${prefix}/${entry.name}`)));
  }
  return found;
}

/**
 * /usr/bin, /usr/sbin and /usr/share as they are here, /etc as /usr/etc, and a kernel.
 *
 * @param root - where those directories are: `/`, or a directory with a smaller tree
 * @param kernelDir - where a kernel's package was unpacked, if one was to be had
 */
export async function osTree(scratch: string, root: string, kernelDir: string | undefined): Promise<OsTree> {
  const base = await skeleton(scratch);
  const sources: TreeSource[] = [{ dir: base }];
  for (const dir of ['usr/bin', 'usr/sbin', 'usr/share']) {
    const path = join(root, dir);
    if (!existsSync(path)) continue;
    // Where there is one directory for both, /usr/sbin is a link.
    if ((await lstat(path)).isSymbolicLink()) await symlink(await readlink(path), join(base, dir));
    else sources.push({ dir: path, prefix: dir });
  }
  const etc = join(root, 'etc');
  if (!existsSync(etc)) throw new Error(`there is no ${etc}`);
  sources.push({ dir: etc, prefix: 'usr/etc' });

  const real = await realKernel(kernelDir);
  const version = real ?? '0.0.0-stand-in';
  // libostree looks for the kernel beside its modules.
  const modules = await layer(scratch, 'kernel');
  await writeFile(join(modules, 'initramfs.img'), 'an initramfs would be here\n');
  if (kernelDir && real) {
    await copyFile(join(kernelDir, 'boot', `vmlinuz-${real}`), join(modules, 'vmlinuz'));
    const drivers = ['usr/lib/modules', 'lib/modules']
      .map((dir) => join(kernelDir, dir, real))
      .find(existsSync);
    if (drivers) sources.push({ dir: drivers, prefix: `usr/lib/modules/${real}` });
  } else {
    await writeFile(join(modules, 'vmlinuz'), 'a kernel would be here\n');
  }
  sources.push({ dir: modules, prefix: `usr/lib/modules/${version}` });
  return {
    sources,
    skip: await secrets(etc, '/usr/etc'),
    kernel: { version, real: real !== undefined },
  };
}
