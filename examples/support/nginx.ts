// nginx on a free port of the loopback interface, serving one directory.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Server extends AsyncDisposable {
  url: string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** `listen` is nginx's; `more` is for what it serves, such as `limit_rate 1m;`. */
export function nginxConfig(root: string, listen: string, scratch: string, more = ''): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${scratch}/${name};`)
    .join(' ');
  // It tells a file's versions apart by size and whole second, and a summary may be written twice in one: so it
  // always sends the file.
  return `
    daemon off; worker_processes 1; pid ${scratch}/pid; error_log stderr crit; ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http { access_log off; sendfile on; etag off; if_modified_since off;
      ${temporary} server { listen ${listen}; root ${root}; ${more} } }`;
}

function ended(nginx: ChildProcess): boolean {
  return nginx.exitCode !== null || nginx.signalCode !== null;
}

async function answers(port: number, nginx: ChildProcess): Promise<void> {
  for (;;) {
    if (ended(nginx)) throw new Error(`nginx ended (${nginx.exitCode ?? nginx.signalCode}), see above`);
    const socket = connect(port, '127.0.0.1');
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (connected) return;
    await sleep(20);
  }
}

/** Starts nginx; disposing of the result stops it. `more` is configuration for what it serves. */
export async function serve(root: string, more = ''): Promise<Server> {
  const scratch = await mkdtemp(join(tmpdir(), 'nginx-'));
  const port = await freePort();
  await writeFile(join(scratch, 'nginx.conf'), nginxConfig(root, `127.0.0.1:${port}`, scratch, more));
  const nginx = spawn('nginx', ['-c', join(scratch, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // In a group of its own: Ctrl-C is for us to answer, and it would look like a server that fails.
    detached: true,
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
  });
  const stop = async () => {
    if (nginx.pid !== undefined && !ended(nginx)) {
      const exit = once(nginx, 'exit');
      nginx.kill('SIGTERM');
      await exit;
    }
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    await once(nginx, 'spawn'); // or rejects: there is none
    await answers(port, nginx);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}
