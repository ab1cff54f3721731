// What scripts/kill-deploy --plant damages after a kill, by name, and what its checks must say of it. `before` is what
// booted before.
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bootEntries } from './checks.mjs';
import { ostree } from './sysroots.mjs';

/** In place of a file, of which there may be other links: those stay as they are. */
function replace(path, text) {
  writeFileSync(`${path}.planted`, text);
  renameSync(`${path}.planted`, path);
}

/** An object that no deployment has. */
async function anObject(sysroot) {
  const repo = join(sysroot, 'ostree/repo');
  const tree = `${sysroot}.planted`;
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), 'planted');
  await ostree(`--repo=${repo}`, 'commit', '--branch=planted', `--tree=dir=${tree}`);
  rmSync(tree, { recursive: true });
  const [checksum] = /\b[0-9a-f]{64}\b/.exec(await ostree(`--repo=${repo}`, 'ls', '-C', 'planted', '/file'));
  return join(repo, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.file`);
}

export const plants = {
  'a file of /etc without its edit': {
    damage: (sysroot, before) => replace(join(sysroot, before.path, 'etc/conf'), 'shipped\n'),
    says: /\/etc of version \d: conf is shipped/,
  },
  'a file of /etc that is gone': {
    damage: (sysroot, before) => rmSync(join(sysroot, before.path, 'etc/dir/inner')),
    says: /\/etc of version \d: dir\/inner is undefined/,
  },
  'an object with another content': {
    damage: async (sysroot) => writeFileSync(await anObject(sysroot), 'damaged'),
    says: /fsck[^]*corrupt/i,
  },
  'an object that is gone': {
    damage: async (sysroot) => rmSync(await anObject(sysroot)),
    says: /fsck[^]*missing/i,
  },
  'a file of the checkout': {
    damage: (sysroot, before) => replace(join(sysroot, before.path, 'usr/share/same'), 'damaged'),
    says: /the checkout of version \d: usr\/share\/same is/,
  },
  'a kernel': {
    damage: (sysroot) => replace(join(sysroot, 'boot', bootEntries(sysroot)[0].linux), ''),
    says: /is not the vmlinuz of version \d/,
  },
  'an origin': {
    damage: (sysroot, before) => writeFileSync(`${join(sysroot, before.path)}.origin`, ''),
    says: /the origin of version \d is ''/,
  },
  'a file of /var': {
    damage: (sysroot) => rmSync(join(sysroot, 'ostree/deploy/tiny/var/kept')),
    says: /var\/kept/,
  },
  'the entries of the boot loader': {
    damage(sysroot) {
      const dir = join(sysroot, 'boot/loader/entries');
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
    },
    says: /there is no boot entry/,
  },
  'something that nobody needs': {
    damage: (sysroot) => mkdirSync(join(sysroot, 'boot/loader.7')),
    says: /loader\.7 is left/,
  },
};
