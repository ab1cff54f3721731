// One publisher, a fleet of devices: a version and its static delta are published once, and all devices update side by
// side. One of them loses its network half way, and goes on when it is back; one has no room left, says so, and stays
// as it was. Each device is a process with a sysroot of its own; with root, in a network of its own too.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type FileEntry, Repo } from 'ostree';

import { BRANCH, type Inspection, type Order, type Report } from './fleet/device.js';
import { mayMakeNamespaces, type Network, network } from './fleet/network.js';
import { Table } from './fleet/table.js';
import { interruption } from './support/stage.js';

const KB = 1 << 10;
/** What is new in the second version. */
const NEW_FILES = Array.from({ length: 8 }, (_, i) => (i + 1) * 150 * KB);
/** Room for the first version and not for the second. */
const SMALL_DISK = 5_000 * KB;

const { values: flags } = parseArgs({
  options: {
    devices: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
    loopback: { type: 'boolean', default: false },
  },
});
const count = Number(flags.devices);
if (!Number.isInteger(count) || count < 3 || count > 200) {
  console.error('--devices takes a number from 3 to 200');
  process.exit(2);
}
const signal = interruption();
const interrupted = new Promise<never>((_resolve, reject) => {
  signal.addEventListener('abort', () => reject(signal.reason));
});
interrupted.catch(() => {}); // nobody may wait for it yet
/** The one that loses its network, and the one without room. */
const [loses, full] = [1, 2];

/** An operating system as small as it may be. */
function files(version: string, more: FileEntry[] = []): FileEntry[] {
  const file = (path: string, content: string | Uint8Array): FileEntry => ({ path, content });
  return [
    file('usr/lib/modules/6.0.1/vmlinuz', 'kernel'),
    file('usr/lib/modules/6.0.1/initramfs.img', 'initramfs'),
    file('usr/lib/os-release', `NAME=Fleet\nID=fleet\nPRETTY_NAME="Fleet ${version}"\n`),
    file('usr/etc/fleet.conf', `version=${version}\n`),
    file('usr/lib/data', 'the same in every version\n'.repeat(20_000)),
    ...more,
  ];
}

async function publish(repo: Repo, version: string, tree: FileEntry[]): Promise<string> {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const options = { branch: BRANCH, version, owner, bootable: true };
  const { checksum } = await repo.commit({ ...options, tree: { files: tree } });
  return checksum;
}

/** A device's process, and the last that it said. */
class Remote {
  readonly #process: ChildProcess;
  readonly #listeners = new Set<(report: Report) => void>();

  constructor(prefix: string[]) {
    const program = fileURLToPath(new URL('fleet/device.js', import.meta.url));
    const [command = '', ...args] = [...prefix, process.execPath, program];
    this.#process = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Ctrl-C is for us to answer.
      detached: true,
      // So that what they deploy can be removed again.
      env: { ...process.env, OSTREE_SYSROOT_DEBUG: 'mutable-deployments' },
    });
    this.#process.on('message', (report: Report) => {
      for (const listener of this.#listeners) listener(report);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  listen(listener: (report: Report) => void): void {
    this.#listeners.add(listener);
  }

  /** Gives an order; the result is the report that ends it. */
  async order(order: Order): Promise<Report> {
    const ending = new Promise<Report>((resolve, reject) => {
      this.listen((report) => {
        if (['up to date', 'failed', 'inspected'].includes(report.is)) resolve(report);
      });
      this.#process.once('exit', (code) => reject(new Error(`A device ended with ${code}`)));
    });
    signal.throwIfAborted();
    this.#process.send(order);
    return await Promise.race([ending, interrupted]);
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.disconnect();
    await exit;
  }
}

/** Cuts the link half way through the update, and mends it when the device has noticed. */
function disturb(device: Remote, links: Network): Promise<void> {
  let cut: Promise<void> | undefined;
  let noticed = false;
  const disturbed = new Promise<void>((resolve, reject) => {
    device.listen((report) => {
      if (report.is === 'failed') reject(new Error(`The device that lost its network: ${report.message}`));
      if (report.is === 'pulling' && report.attempt.parts > 0) cut ??= links.cut(loses).catch(reject);
      noticed ||= report.is === 'offline';
      if (report.is === 'offline' && cut) cut.then(() => links.mend(loses)).then(resolve, reject);
      if (report.is === 'up to date' && !noticed) reject(new Error('It was too fast to be cut off'));
    });
  });
  return Promise.race([disturbed, interrupted]);
}

async function inspect(device: Remote): Promise<Inspection> {
  const report = await device.order({ do: 'inspect' });
  if (report.is !== 'inspected') throw new Error(`A device cannot be looked at: ${JSON.stringify(report)}`);
  return report.inspection;
}

async function fleet(home: string, devices: Remote[]): Promise<Record<string, unknown>> {
  const started = performance.now();
  const inNamespaces = !flags.loopback && process.getuid?.() === 0 && (await mayMakeNamespaces());
  await using repo = await Repo.create(join(home, 'repo'), { mode: 'archive' });
  const first = await publish(repo, '1', files('1'));
  await repo.summary.regenerate();

  await using links = await network(repo.path, inNamespaces);
  const table = new Table(count, flags.json);
  table.title(`${count} devices, ${links.kind}: each installs version 1`);
  for (let i = 0; i < count; i++) {
    const device = new Remote(links.prefix);
    devices.push(device);
    device.listen((report) => table.set(i, report));
  }
  const installed = await Promise.all(
    devices.map(async (device, i) => {
      const url = await links.link(i, device.pid);
      const tmpfs = i === full && inNamespaces ? SMALL_DISK : undefined;
      return await device.order({ do: 'install', home: join(home, `device-${i}`), url, tmpfs });
    }),
  );
  const not = installed.find((report) => report.is !== 'up to date');
  if (not) throw new Error(`A device was not installed: ${JSON.stringify(not)}`);

  const news = NEW_FILES.map((size, i) => ({
    path: `usr/share/new-${i}`,
    content: randomBytes(size),
  }));
  const second = await publish(repo, '2', files('2', news));
  // Parts of a megabyte: what a device has of them, it need not fetch again.
  const delta = await repo.deltas.generate({ from: first, to: second, maxChunkSize: 1 });
  await repo.summary.regenerate();

  table.title('Version 2 is published: all update');
  const disturbed = disturb(devices[loses] as Remote, links);
  const [updates] = await Promise.all([
    Promise.all(
      devices.map((device, i) => {
        // Without a disk of its own, the one without room is told to keep more free than there is.
        const leave = i === full && !inNamespaces ? 1 << 20 : undefined;
        return device.order({ do: 'update', leave });
      }),
    ),
    disturbed,
  ]);
  const seen = await Promise.all(devices.map(inspect));
  return {
    network: links.kind,
    milliseconds: Math.round(performance.now() - started),
    delta,
    lostNetwork: loses,
    withoutRoom: full,
    devices: seen.map((inspection, i) => ({ ...inspection, update: updates[i] })),
  };
}

const home = await mkdtemp(join(tmpdir(), 'fleet-'));
const devices: Remote[] = [];
try {
  const result = await fleet(home, devices);
  if (flags.json) console.log(JSON.stringify(result, null, 2));
} finally {
  await Promise.all(devices.map((device) => device.end()));
  await rm(home, { recursive: true, force: true });
}
