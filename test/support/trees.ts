// Trees of files with everything that OSTree stores: modes, owners, extended attributes, links.
import { chmod, chown, link, lchown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa } from 'execa';

/** Only root may give files away, and set attributes that are not `user.`. */
export const isRoot = process.getuid?.() === 0;
/** For the names of tests, and whether to skip them. */
export const needsRoot = isRoot ? '' : ' (skipped: it needs root)';

interface Common {
  mode?: number;
  uid?: number;
  gid?: number;
  xattrs?: Record<string, Uint8Array>;
}
export type TreeNode =
  | (Common & { type: 'file'; size: number; fill: number })
  | { type: 'symlink'; target: string; uid?: number }
  | { type: 'hardlink'; to: string }
  | (Common & { type: 'directory'; entries: Record<string, TreeNode> });
export type TreeDirectory = Extract<TreeNode, { type: 'directory' }>;

/** Makes the tree at a path that is not there yet. A hard link whose target is no file becomes an empty file. */
export async function makeTree(path: string, tree: TreeDirectory): Promise<void> {
  await mkdir(path);
  const files: string[] = [];
  const withMetadata: { path: string; node: Common }[] = []; // children before their directory
  const links: { path: string; to: string }[] = [];
  const make = async (at: string, node: TreeNode): Promise<void> => {
    if (node.type === 'symlink') {
      await symlink(node.target, at);
      if (isRoot && node.uid !== undefined) await lchown(at, node.uid, node.uid);
      return;
    }
    if (node.type === 'hardlink') {
      links.push({ path: at, to: node.to });
      return;
    }
    if (node.type === 'file') {
      await writeFile(at, Buffer.alloc(node.size, node.fill));
      files.push(at);
    } else {
      if (at !== path) await mkdir(at);
      for (const [name, child] of Object.entries(node.entries)) await make(join(at, name), child);
    }
    withMetadata.push({ path: at, node });
  };
  await make(path, tree);
  for (const { path: at, to } of links) {
    const target = files.find((file) => file.endsWith(`/${to}`));
    if (target === undefined) await writeFile(at, '');
    else await link(target, at);
  }
  await setXattrs(withMetadata.map(({ path: at, node }) => ({ path: at, xattrs: node.xattrs ?? {} })));
  for (const { path: at, node } of withMetadata) await applyMetadata(at, node);
}

async function applyMetadata(path: string, { mode, uid, gid }: Common): Promise<void> {
  if (isRoot) await chown(path, uid ?? 0, gid ?? 0);
  // Last: chown() takes setuid away. Whoever is not root must still be able to read it.
  await chmod(path, isRoot ? (mode ?? 0o755) : (mode ?? 0o755) | 0o500);
}

/** Node cannot, so one program sets them all. */
async function setXattrs(list: { path: string; xattrs: Record<string, Uint8Array> }[]): Promise<void> {
  const lines = list.flatMap(({ path, xattrs }) =>
    Object.entries(xattrs)
      .filter(([name]) => isRoot || name.startsWith('user.'))
      .map(([name, value]) => [path, name, Buffer.from(value).toString('hex')]),
  );
  if (lines.length === 0) return;
  const script = `
import json, os, sys
for path, name, value in json.load(sys.stdin):
    os.setxattr(path, name, bytes.fromhex(value))
`;
  await execa('python3', ['-c', script], { input: JSON.stringify(lines) });
}
