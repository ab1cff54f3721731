// SELinux policies made up for tests. No kernel is needed that knows SELinux: a policy is a few files.
import { join } from 'node:path';

import { execa } from 'execa';
import { features } from 'ostree';

import { temporaryDirectory, writeTree } from './repo.js';
import { isRoot } from './trees.js';

/** Why there is nothing to test; empty: there is. */
export const whyNoSelinux =
  features.selinux === false ? ' (skipped: this libostree was built without SELinux)' : '';
/** Labels of files, other than those in commits, are root's to give. */
export const whyNoLabels = whyNoSelinux || (isRoot ? '' : ' (skipped: it needs root)');

const label = (type: string) => `system_u:object_r:${type}:s0`;

export const CONTEXTS = [
  `/.*	${label('default_t')}`,
  `/	-d	${label('root_t')}`,
  `/etc(/.*)?	${label('etc_t')}`,
  `/etc/passwd	--	${label('passwd_file_t')}`,
  `/etc/link	-l	${label('link_t')}`,
  `/usr/etc(/.*)?	${label('usr_etc_t')}`,
  `/usr/bin(/.*)?	${label('bin_t')}`,
  `/mnt	-d	${label('mnt_t')}`,
  `/proc	-d	${label('proc_t')}`,
  '/unlabelled	<<none>>',
  '',
].join('\n');

export interface Policy {
  config?: string;
  contexts?: string;
  /** Of the directory with the policy. */
  name?: string;
  /** Of the binary policy. */
  version?: string;
}

/** The files of a policy, below `prefix`. */
export function policyFiles(prefix: string, policy: Policy = {}): Record<string, string> {
  const { name = 'made', contexts = CONTEXTS, version = '33' } = policy;
  const { config = `# of a test\nSELINUX=permissive\nSELINUXTYPE=${name}\n` } = policy;
  return {
    [`${prefix}/config`]: config,
    [`${prefix}/${name}/contexts/files/file_contexts`]: contexts,
    [`${prefix}/${name}/policy/policy.${version}`]: 'only its checksum is taken',
  };
}

/** The root directory of a system that has nothing but a policy. */
export async function policyRoot(policy?: Policy): Promise<string> {
  const dir = join(await temporaryDirectory(), 'root');
  await writeTree(dir, policyFiles('etc/selinux', policy));
  return dir;
}

/** The labels of a directory and all that is below it, by path; those that have one. */
export async function labelsOf(dir: string): Promise<Record<string, string>> {
  const script = `
import json, os, sys
root, found = sys.argv[1], {}
for path in [root] + [os.path.join(at, name) for at, dirs, files in os.walk(root) for name in dirs + files]:
    try:
        value = os.getxattr(path, 'security.selinux', follow_symlinks=False)
        found[os.path.relpath(path, root)] = value.decode('latin1')
    except OSError:
        pass
print(json.dumps(found, sort_keys=True))
`;
  const { stdout } = await execa('python3', ['-c', script, dir]);
  return JSON.parse(stdout) as Record<string, string>;
}

/** The label that a commit has of a path. */
export function labelIn(xattrs: Record<string, Uint8Array>): string | undefined {
  const value = xattrs['security.selinux'];
  return value && Buffer.from(value).toString('latin1').replace(/\0$/, '');
}
