// The operating systems of the test, committed with the library: a Debian tree as it is, and over it what makes it
// bootable from a deployment and gives the host a way in.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));

/** What nothing in the virtual machine reads. */
const SKIP = [
  '/usr/share/{doc,man,locale,i18n,zoneinfo,perl,info}/**',
  '/usr/lib/x86_64-linux-gnu/{gconv,perl}/**',
]
  .flatMap((pattern) => {
    const [, before, names, after] = /^(.*)\{(.*)\}(.*)$/.exec(pattern);
    return names.split(',').map((name) => ({ glob: `${before}${name}${after}` }));
  })
  .concat({ glob: '/usr/etc/resolv.conf' });

const GENERATORS =
  'cryptsetup debug gpt-auto hibernate-resume integritysetup rc-local run system-update sysv veritysetup getty';

/** A minimal Debian of a suite, made once. */
export async function baseTree(cache, suite) {
  const dir = join(cache, suite);
  if (existsSync(dir)) return { dir, made: false };
  await run(join(here, 'base-tree'), [suite, `${dir}.part`], { maxBuffer: 1 << 24 });
  await rename(`${dir}.part`, dir);
  return { dir, made: true };
}

async function files(dir, contents) {
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

/** The same, of programs. */
export async function executables(dir, contents) {
  await files(dir, contents);
  for (const path of Object.keys(contents)) await chmod(join(dir, path), 0o755);
}

async function links(dir, targets) {
  for (const [path, target] of Object.entries(targets)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await symlink(target, join(dir, path));
  }
}

/** The package as an installation has it, and the examples that run in the virtual machine. */
async function programs(dir) {
  const lib = join(dir, 'usr/lib');
  const to = join(lib, 'node_modules/ostree');
  await mkdir(join(dir, 'usr/bin'), { recursive: true });
  await cp(process.execPath, join(dir, 'usr/bin/node'));
  for (const name of ['package.json', 'dist', 'build/Release/ostree.node', 'node_modules/node-gyp-build'])
    await cp(join(root, name), join(to, name), { recursive: true });
  const examples = join(root, '.cache/examples');
  for (const name of ['update-agent.js', 'update-agent'])
    await cp(join(examples, name), join(lib, 'update-agent', name), { recursive: true });
  await files(lib, { 'update-agent/package.json': '{ "type": "module" }\n' });
  for (const name of ['jobs.mjs', 'network'])
    await cp(join(here, 'guest', name), join(lib, 'boot-test', name), { recursive: true });
  const units = join(lib, 'systemd/system');
  for (const name of ['update-agent.service', 'update-agent-boot.service'])
    await cp(join(root, 'examples/update-agent', name), join(units, name));
  for (const name of ['boot-test-network.service', 'boot-test-jobs.service'])
    await cp(join(here, 'guest', name), join(units, name));
  for (const unit of ['update-agent', 'update-agent-boot'])
    await cp(join(here, 'guest/update-agent-console.conf'), join(units, `${unit}.service.d/console.conf`));
}

/** What lies over a base tree, in a directory of its own. */
export async function overlay(dir, base) {
  await rm(dir, { recursive: true, force: true });
  for (const name of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
    await mkdir(join(dir, name), { recursive: true });
  await chmod(join(dir, 'tmp'), 0o1777);
  await links(dir, {
    ostree: 'sysroot/ostree',
    ...Object.fromEntries(['bin', 'sbin', 'lib', 'lib64'].map((name) => [name, `usr/${name}`])),
    ...Object.fromEntries(['home', 'srv', 'mnt', 'opt'].map((name) => [name, `var/${name}`])),
    root: 'var/roothome',
    media: 'run/media',
  });
  const [kernel] = await readdir(join(base, 'usr/lib/modules'));
  await mkdir(join(dir, 'usr/lib/modules', kernel), { recursive: true });
  await run(join(here, 'initramfs'), [base, join(dir, 'usr/lib/modules', kernel, 'initramfs.img')]);
  await programs(dir);
  const var_ = [
    'd /var/home 0755',
    'd /var/roothome 0700',
    'd /var/srv 0755',
    'd /var/mnt 0755',
    'd /var/opt 0755',
    'd /var/log 0755',
  ];
  await files(dir, {
    'usr/lib/tmpfiles.d/boot-test.conf': var_.map((line) => `${line} root root -\n`).join(''),
    'usr/etc/hostname': 'boot-test\n',
    'usr/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    'usr/etc/fstab': '',
  });
  await executables(dir, { 'usr/lib/boot-test/healthy': '#!/bin/sh\nexit 0\n' });
  const masked = (await readFile(join(here, 'guest/masked'), 'utf8'))
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  const wants = {
    'multi-user': ['boot-test-jobs', 'update-agent'],
    sysinit: ['update-agent-boot'],
    'network-online': ['boot-test-network'],
  };
  await links(join(dir, 'usr/etc/systemd'), {
    ...Object.fromEntries(masked.map((unit) => [`system/${unit}`, '/dev/null'])),
    ...Object.fromEntries(
      GENERATORS.split(' ').map((name) => [`system-generators/systemd-${name}-generator`, '/dev/null']),
    ),
    ...Object.fromEntries(
      Object.entries(wants).flatMap(([target, names]) =>
        names.map((name) => [
          `system/${target}.target.wants/${name}.service`,
          `/usr/lib/systemd/system/${name}.service`,
        ]),
      ),
    ),
  });
  return [{ dir: join(base, 'usr'), prefix: 'usr' }, { dir: join(base, 'etc'), prefix: 'usr/etc' }, { dir }];
}

/** Makes versions out of a first tree: each is that one, and a few files. */
export class Vendor {
  #repo;
  #scratch;
  #count = 0;

  constructor(repo, scratch) {
    this.#repo = repo;
    this.#scratch = scratch;
  }

  /** `tree` is the first; without it, that of the branch as it is. */
  async publish(branch, version, { tree = [{ ref: branch }], sign, changes = {}, edit = async () => {} }) {
    const dir = join(this.#scratch, `changes-${this.#count++}`);
    await mkdir(dir);
    await files(dir, {
      'usr/lib/boot-test/version': `${version}\n`,
      'usr/lib/os-release': `NAME=Test\nID=test\nVERSION_ID=${version}\nPRETTY_NAME="${branch} ${version}"\n`,
      'usr/etc/shipped.conf': `version=${version}\n`,
      'usr/etc/edited.conf': `version=${version}\n`,
      ...changes,
    });
    await edit(dir);
    return await this.#repo.commit({
      branch,
      version,
      bootable: true,
      tree: [...tree, { dir }],
      skip: SKIP,
      ...(sign && { sign }),
    });
  }
}
