// Sysroots for scripts/kill-deploy, made by the `ostree` command, and copied for each run.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MUTABLE = process.env.OSTREE_SYSROOT_DEBUG?.includes('mutable-deployments') ?? false;

export async function ostree(...args) {
  return (await run('ostree', args)).stdout.trim();
}

/** What an administrator has changed on the device. */
export const EDITS = { conf: 'mine\n', added: 'mine\n' };
const DEPLOY = 'ostree/deploy/tiny/deploy';

/** Versions 1 and 2 have the same kernel. */
function tree(version) {
  const kernel = version === 3 ? '6.0.2' : '6.0.1';
  const data = (name) => createHash('sha512').update(`${name} ${kernel}`).digest('hex').repeat(600);
  return {
    'usr/bin/hello': `#!/bin/sh\necho ${version}\n`,
    'usr/etc/conf': `shipped ${version}\n`,
    'usr/etc/keep': `shipped ${version}\n`,
    'usr/etc/dir/inner': 'shipped\n',
    'usr/share/same': 'same\n',
    [`usr/share/only-${version}/file`]: `${version}\n`,
    [`usr/lib/modules/${kernel}/vmlinuz`]: data('vmlinuz'),
    [`usr/lib/modules/${kernel}/initramfs.img`]: data('initramfs'),
    'usr/lib/os-release': `NAME=Tiny\nID=tiny\nPRETTY_NAME="Tiny ${version}"\n`,
  };
}

function writeFiles(dir, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

export const deploymentsOf = (sysroot) =>
  readdirSync(join(sysroot, DEPLOY))
    .filter((name) => /^[0-9a-f]{64}\.\d+$/.test(name))
    .map((name) => `${DEPLOY}/${name}`);

export class Sysroots {
  /** The commits, by version. */
  versions = {};
  #dir;
  #made = 0;

  constructor(dir) {
    this.#dir = dir;
  }

  async make() {
    const repo = join(this.#dir, 'repo');
    await ostree('init', `--repo=${repo}`, '--mode=archive');
    for (const version of [1, 2, 3]) {
      const source = join(this.#dir, `tree-${version}`);
      writeFiles(source, tree(version));
      const commit = [`--repo=${repo}`, 'commit', '--branch=tiny/os', '--bootable'];
      const args = [`--add-metadata-string=version=${version}`, `--tree=dir=${source}`];
      this.versions[version] = await ostree(...commit, '--owner-uid=0', '--owner-gid=0', ...args);
      // What the deployments are compared with.
      await ostree(`--repo=${repo}`, 'checkout', this.versions[version], this.reference(version));
    }
    await this.#makeTemplates(`file://${repo}`);
  }

  reference(version) {
    return join(this.#dir, `reference-${version}`);
  }

  async #makeTemplates(url) {
    const { 1: first, 2: second, 3: third } = this.versions;
    const behind = join(this.#dir, 'behind');
    mkdirSync(behind);
    await ostree('admin', 'init-fs', '--modern', behind);
    await ostree('admin', `--sysroot=${behind}`, 'os-init', 'tiny');
    const repo = `--repo=${behind}/ostree/repo`;
    await ostree(repo, 'remote', 'add', '--no-gpg-verify', 'origin', url);
    await ostree(repo, 'pull', 'origin', `tiny/os@${first}`);
    await ostree('admin', `--sysroot=${behind}`, 'deploy', '--os=tiny', '--karg=root=a', 'origin:tiny/os');
    writeFileSync(join(behind, 'ostree/deploy/tiny/var/kept'), 'kept');
    for (const path of deploymentsOf(behind)) writeFiles(join(behind, path, 'etc'), EDITS);

    const one = await this.#copy('behind', 'one');
    for (const ref of [`tiny/os@${second}`, 'tiny/os'])
      await ostree(`--repo=${one}/ostree/repo`, 'pull', 'origin', ref);
    await ostree(`--repo=${one}/ostree/repo`, 'refs', `--create=keep/2`, second);
    const two = await this.#copy('one', 'two');
    await ostree('admin', `--sysroot=${two}`, 'deploy', '--os=tiny', second);

    // As something left it that was stopped before it wrote the boot entries, and something else that came later.
    const littered = await this.#copy('two', 'littered');
    const later = await this.#copy('two', 'later');
    await ostree('admin', `--sysroot=${later}`, 'deploy', '--os=tiny', third);
    const fresh = deploymentsOf(later).filter((path) => path.includes(third));
    const kernels = readdirSync(join(later, 'boot/ostree')).map((name) => `boot/ostree/${name}`);
    for (const path of [...fresh, ...fresh.map((path) => `${path}.origin`), ...kernels])
      await run('cp', ['-an', join(later, path), join(littered, dirname(path))]);
    for (const name of [
      'boot/loader.0',
      'boot/loader.1',
      'ostree/boot.0.0',
      'ostree/boot.0.1',
      'ostree/boot.1.0',
    ])
      if (!existsSync(join(littered, name))) mkdirSync(join(littered, name, 'left'), { recursive: true });
    await ostree(`--repo=${littered}/ostree/repo`, 'refs', '--delete', 'origin:tiny/os');
  }

  async #copy(from, to) {
    const path = join(this.#dir, to);
    await run('cp', ['-a', join(this.#dir, from), path]);
    return path;
  }

  /** A copy of a template, whose deployments are immutable as those of a device. */
  async fresh(template) {
    const path = await this.#copy(template, `run-${this.#made++}`);
    if (!MUTABLE) await run('chattr', ['-f', '+i', ...deploymentsOf(path).map((name) => join(path, name))]);
    return path;
  }

  async remove(path) {
    if (!MUTABLE) await run('chattr', ['-f', '-i', ...deploymentsOf(path).map((name) => join(path, name))]);
    rmSync(path, { recursive: true, force: true });
  }

  /** Removes everything. */
  async end() {
    for (const name of readdirSync(this.#dir))
      if (existsSync(join(this.#dir, name, DEPLOY))) await this.remove(join(this.#dir, name));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The texts of a tree's /etc, as it is on the device. */
  etcOf(version) {
    const shipped = Object.entries(tree(version)).filter(([name]) => name.startsWith('usr/etc/'));
    return { ...Object.fromEntries(shipped.map(([name, text]) => [name.slice(8), text])), ...EDITS };
  }
}
