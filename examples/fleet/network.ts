// Where the devices of the fleet get their updates from: a server that each reaches over a link of its own, which can be
// cut. With root, server and devices have network namespaces of their own, which nobody else is in; else there is a
// proxy for each device, on the loopback interface.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { nginxConfig, serve } from '../support/nginx.js';

const run = promisify(execFile);

/** Bytes a second for each connection: an update takes a moment. */
const RATE = 'limit_rate 1m;';

export interface Network extends AsyncDisposable {
  kind: 'namespaces' | 'loopback';
  /** What a device's program is started with. */
  prefix: string[];
  /** Links a device, whose program runs as `pid`; the result is the URL of the server for it. */
  link(device: number, pid: number): Promise<string>;
  cut(device: number): Promise<void>;
  mend(device: number): Promise<void>;
}

/** Whether this process may make namespaces, and links between them. */
export async function mayMakeNamespaces(): Promise<boolean> {
  const tries = 'ip link add name try0 type veth peer name try1 && mount -t tmpfs tmpfs /mnt';
  return await run('unshare', ['--net', '--mount', 'sh', '-c', tries]).then(
    () => true,
    () => false,
  );
}

/** Whether a process has left the network namespace that it was started in. */
async function isApart(pid: number): Promise<boolean> {
  const [its, ours] = await Promise.all([readlink(`/proc/${pid}/ns/net`), readlink('/proc/self/ns/net')]);
  return its !== ours;
}

/** Whether something listens on port 80 in the namespace of a process. */
async function listens(pid: number): Promise<boolean> {
  return (await isApart(pid)) && /:0050 0+:0000 0A /.test(await readFile(`/proc/${pid}/net/tcp`, 'utf8'));
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

async function namespaces(root: string): Promise<Network> {
  const scratch = await mkdtemp(join(tmpdir(), 'nginx-'));
  await writeFile(join(scratch, 'nginx.conf'), nginxConfig(root, '80', scratch, RATE));
  const script = 'ip link set lo up && exec nginx -c "$0"';
  const server = spawn('unshare', ['--net', 'sh', '-c', script, join(scratch, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
  const close = async () => {
    await stop(server);
    await rm(scratch, { recursive: true, force: true });
  };
  await once(server, 'spawn');
  const pid = server.pid ?? 0;
  while (!(await listens(pid))) {
    if (server.exitCode !== null) {
      await close();
      throw new Error('nginx ended, see above');
    }
    await sleep(20);
  }
  const inside = (where: number, ...command: string[]) =>
    run('nsenter', [`--target=${where}`, '--net', 'ip', ...command]);
  const set = (device: number, state: 'up' | 'down') =>
    inside(pid, 'link', 'set', `device${device}`, state).then(() => {});
  return {
    kind: 'namespaces',
    prefix: ['unshare', '--net', '--mount'],
    async link(device, devicePid) {
      while (!(await isApart(devicePid))) await sleep(10);
      const name = `device${device}`;
      const peer = ['peer', 'name', 'uplink', 'netns', String(devicePid)];
      await inside(pid, 'link', 'add', 'name', name, 'type', 'veth', ...peer);
      await inside(pid, 'address', 'add', `10.77.${device}.1/30`, 'dev', name);
      await inside(devicePid, 'address', 'add', `10.77.${device}.2/30`, 'dev', 'uplink');
      await set(device, 'up');
      await inside(devicePid, 'link', 'set', 'uplink', 'up');
      return `http://10.77.${device}.1`;
    },
    cut: (device) => set(device, 'down'),
    mend: (device) => set(device, 'up'),
    [Symbol.asyncDispose]: close,
  };
}

/** Passes connections on to the server, until it is cut. */
class Proxy {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #cut = false;

  constructor(port: number) {
    this.#server = createServer((client) => {
      if (this.#cut) return client.destroy();
      const server = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
      return undefined;
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  set(cut: boolean): void {
    this.#cut = cut;
    if (cut) for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.set(true);
    this.#server.close();
  }
}

async function loopback(root: string): Promise<Network> {
  const server = await serve(root, RATE);
  const proxies = new Map<number, Proxy>();
  const set = (device: number, cut: boolean) => {
    proxies.get(device)?.set(cut);
    return Promise.resolve();
  };
  return {
    kind: 'loopback',
    prefix: [],
    async link(device) {
      const proxy = new Proxy(Number(new URL(server.url).port));
      proxies.set(device, proxy);
      return `http://127.0.0.1:${await proxy.listen()}`;
    },
    cut: (device) => set(device, true),
    mend: (device) => set(device, false),
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies.values()) proxy.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Serves a directory to devices, each over a link of its own. */
export async function network(root: string, inNamespaces: boolean): Promise<Network> {
  return inNamespaces ? await namespaces(root) : await loopback(root);
}
