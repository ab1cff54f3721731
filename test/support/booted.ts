// Devices that run a deployment, without a virtual machine: scripts/emulate-boot makes a deployment the root directory
// of a process. The operating system is committed and deployed with the library, and the library runs on it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa, execaSync } from 'execa';
import { type CommitOptions, type DeployOptions, Repo, Sysroot } from 'ostree';
import { onTestFinished } from 'vitest';

import { temporaryDirectory, writeTree } from './repo.js';
import { osTree, REF, REFSPEC } from './sysroot.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const emulateBoot = join(root, 'scripts/emulate-boot');
const PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';

/** Why nothing can be booted here; undefined where it can. */
export const whyNotBooted = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'only root can make mounts';
  const commands = [
    ['test', '-x', PREPARE_ROOT],
    ['unshare', '--mount', '--pid', '--fork', '--mount-proc', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
  ];
  for (const [command = '', ...args] of commands) {
    const { failed, stderr } = execaSync(command, args, { reject: false });
    if (failed) return `'${[command, ...args].join(' ')}' fails here${stderr && `: ${stderr}`}`;
  }
  return undefined;
})();

if (whyNotBooted !== undefined) console.warn(`Skipped, for nothing can be booted here: ${whyNotBooted}`);

/** For the name of a suite. */
export const booted = whyNotBooted === undefined ? 'booted' : `booted (skipped: ${whyNotBooted})`;

export interface RunOptions {
  env?: Record<string, string>;
  /** What the body finds in `args`. */
  args?: unknown;
}

/** A device that runs, with its directory as /run/device, until the test ends. */
export class Boot {
  /** The first process, as this machine numbers it. */
  readonly #init: string;

  private constructor(init: string) {
    this.#init = init;
  }

  /** Starts it; 'dir' is an empty directory. */
  static async start(device: Device, entry: number, dir: string): Promise<Boot> {
    const options = ['--entry', String(entry)];
    const node = dirname(dirname(process.execPath));
    for (const bind of [`${root}:package`, `${device.dir}:device`, `${node}:node`])
      options.push('--bind', bind);
    const init = ['sh', '-c', 'echo up; read line'];
    const child = spawn(emulateBoot, [...options, device.sysroot, dir, ...init], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`emulate-boot ended with ${child.exitCode}`);
    return new Boot((await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim());
  }

  /** What runs a command on the device. */
  command(command: readonly string[], env: Record<string, string> = {}): [string, string[]] {
    const enter = ['--target', this.#init, '--mount', '--pid', '--root', '--wd=/', '--'];
    const all = { ...ENVIRONMENT, ...env };
    const variables = Object.entries(all).map(([name, value]) => `${name}=${value}`);
    return ['nsenter', [...enter, '/usr/bin/env', '-i', ...variables, ...command]];
  }

  /** Runs a command there; the result is its standard output. */
  async exec(...command: string[]): Promise<string> {
    const { stdout } = await execa(...this.command(command));
    return stdout;
  }

  /** What runs `body`, as run() does. */
  node(body: string, { args = null, env = {} }: RunOptions = {}): [string, string[]] {
    const node = ['--chdir=/run/package', '/run/node/bin/node', '--input-type=module'];
    return this.command(['env', ...node, '--eval', program(body), JSON.stringify(args)], env);
  }

  /**
   * Runs the body of an async function there, with the booted `sysroot` open; it finds the exports of the package in
   * `ostree`. The result is what it returns, by way of JSON; what it throws keeps its code.
   */
  async run<T>(body: string, options: RunOptions = {}): Promise<T> {
    return outcomeOf<T>(await execa(...this.node(body, options), { reject: false }));
  }

  /** What is mounted at a path, as the first process sees it: a line of mountinfo. */
  async mountOf(path: string): Promise<string | undefined> {
    const mounts = await readFile(`/proc/${this.#init}/mountinfo`, 'utf8');
    return mounts.split('\n').findLast((line) => line.split(' ')[4] === path);
  }

  /** A file as the first process sees it, though no program may run there any more; null where there is none. */
  async read(path: string): Promise<Buffer | null> {
    return await readFile(join(`/proc/${this.#init}/root`, path)).catch(() => null);
  }

  /** What ostree-finalize-staged.service does as the system goes down. */
  async shutDown(): Promise<void> {
    await this.exec('ostree', 'admin', 'finalize-staged');
  }
}

/** What the body of a program resolved to, or rejects with what it threw. */
export function outcomeOf<T>(ended: { stdout: string; stderr: string; exitCode?: number }): T {
  const { stdout, stderr, exitCode } = ended;
  const last = stdout.slice(stdout.lastIndexOf('\n') + 1);
  if (exitCode !== 0 || !last.startsWith('{'))
    throw new Error(`ended with ${exitCode ?? 'a signal'}: ${stdout}\n${stderr}`);
  const outcome = JSON.parse(last) as { result: T; error?: { message: string; code?: string } };
  if (outcome.error) throw Object.assign(new Error(outcome.error.message), outcome.error);
  return outcome.result;
}

/** Deployments are not made immutable, as in vitest.config.ts. */
const ENVIRONMENT = {
  PATH: '/run/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  OSTREE_SYSROOT_DEBUG: 'mutable-deployments',
};

const program = (body: string): string => `
import * as ostree from 'ostree';
import fs from 'node:fs/promises';
const args = JSON.parse(process.argv[1]);
const write = (outcome) => process.stdout.write('\\n' + JSON.stringify(outcome));
try {
  const sysroot = await ostree.Sysroot.open();
  try {
    write({ result: await (async () => { ${body} })() ?? null });
  } finally {
    await sysroot.close();
  }
} catch (error) {
  write({ error: { name: error.name, message: error.message, code: error.code, details: error.details } });
}`;

/** A machine with an operating system of a few files on it, and the repository that it comes from. */
export class Device {
  readonly dir: string;
  #trees = 0;
  #boots = 0;

  constructor(dir: string) {
    this.dir = dir;
  }

  get sysroot(): string {
    return join(this.dir, 'sysroot');
  }

  /** The archive repository of the vendor, which the device knows as /run/device/repo. */
  get repo(): string {
    return join(this.dir, 'repo');
  }

  /** Commits a version; the result is its checksum. */
  async publish(
    version: string,
    changes: Record<string, string> = {},
    options: Partial<CommitOptions> & { edit?: (tree: string) => Promise<unknown> } = {},
  ): Promise<string> {
    const { edit, ...commitOptions } = options;
    const tree = join(this.dir, `tree-${this.#trees++}`);
    await mkdir(tree);
    await writeTree(tree, osTree(version, changes));
    for (const name of ['boot', 'dev', 'proc', 'run', 'sys', 'sysroot', 'tmp', 'var'])
      await mkdir(join(tree, name));
    await execa('ln', ['-s', 'sysroot/ostree', join(tree, 'ostree')]);
    for (const name of ['bin', 'sbin', 'lib', 'lib64'])
      await execa('ln', ['-s', `usr/${name}`, join(tree, name)]);
    await edit?.(tree);
    const repo = await Repo.open(this.repo);
    try {
      const owner = { uid: 0, gid: 0 };
      const how = { branch: REF, bootable: true, owner, version, ...commitOptions };
      return (await repo.commit({ tree, ...how })).checksum;
    } finally {
      await repo.close();
    }
  }

  /** Runs `body` on the sysroot from outside, as an installer would. */
  async outside<T>(body: (sysroot: Sysroot) => Promise<T>): Promise<T> {
    const sysroot = await Sysroot.open(this.sysroot);
    try {
      return await body(sysroot);
    } finally {
      await sysroot.close();
    }
  }

  /** Installs what was published last; the first time, or beside what is there. */
  async install(options: DeployOptions = {}): Promise<void> {
    await this.outside(async (sysroot) => {
      await sysroot.repo.pull('origin', { refs: [REF], overrideUrl: `file://${this.repo}` });
      await sysroot.deploy(REFSPEC, { stateroot: 'tiny', ...options });
    });
  }

  /** Starts it, with the boot loader's N-th entry. */
  async boot({ entry = 0 }: { entry?: number } = {}): Promise<Boot> {
    const initramfs = join(this.dir, `initramfs-${this.#boots++}`);
    await mkdir(initramfs);
    return await Boot.start(this, entry, initramfs);
  }
}

/**
 * A directory in memory. Whoever writes deployments freezes the file system for a moment, which on a disk shared with
 * other tests would keep a device from making its read-only /sysroot writable: libostree's own commands then fail.
 */
async function ownDisk(): Promise<string> {
  const dir = await temporaryDirectory();
  await execa('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'device', dir]);
  onTestFinished(async () => void (await execa('umount', ['--lazy', dir])));
  return dir;
}

/** A device with version 1 installed; `dir` is an empty directory. */
export async function device(config: Record<string, string> = {}, dir?: string): Promise<Device> {
  const made = new Device(dir ?? (await ownDisk()));
  await (await Repo.create(made.repo, { mode: 'archive' })).close();
  await made.publish('1');
  const sysroot = await Sysroot.init(made.sysroot, { epoch: 1 });
  try {
    await sysroot.initStateroot('tiny');
    for (const [key, value] of Object.entries(config)) await sysroot.repo.config.set(key, value);
    await sysroot.repo.remotes.add('origin', 'file:///run/device/repo', { gpgVerify: false });
  } finally {
    await sysroot.close();
  }
  await made.install({ kernelArgs: ['root=/dev/vda', 'rw'] });
  return made;
}

/** Whether a path is there. */
export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
