// nginx on a free port of the loopback interface, with a configuration of its own, for one test.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

import { temporaryDirectory } from './repo.js';

export interface Nginx {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  /** The requests so far: `METHOD PATH STATUS`, one a line. */
  log: () => Promise<string[]>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch {
    return false;
  }
}

/** The first block of nginx's configuration in a document of the repository. */
export function serverBlock(document: string): string {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8');
  const block = /```nginx\n(?<block>[^]*?)```/.exec(text)?.groups?.['block'];
  if (block === undefined) throw new Error(`${document} has no configuration of nginx`);
  return block;
}

/** Serves a directory. `location` is more configuration for it, such as `limit_rate 100k;`. */
export function nginx(root: string, location = ''): Promise<Nginx> {
  return startNginx(
    (port) => `server { listen 127.0.0.1:${port}; location / { root ${root}; ${location} } }`,
  );
}

/** With a `server` block of one's own. */
export async function startNginx(server: (port: number) => string): Promise<Nginx> {
  const dir = await temporaryDirectory();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await mkdir(join(dir, 'tmp'));
  // Started by root, its workers run as another user, who must reach what is served.
  await chmod(dir, 0o755);
  const config = `
    daemon off;
    worker_processes 1;
    pid ${dir}/nginx.pid;
    error_log ${dir}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 256; }
    http {
      log_format plain '$request_method $uri $status';
      access_log ${dir}/access.log plain;
      client_body_temp_path ${dir}/tmp; proxy_temp_path ${dir}/tmp; fastcgi_temp_path ${dir}/tmp;
      uwsgi_temp_path ${dir}/tmp; scgi_temp_path ${dir}/tmp;
      ${server(port)}
    }`;
  await writeFile(join(dir, 'nginx.conf'), config);
  const child = execa('nginx', ['-p', dir, '-e', `${dir}/error.log`, '-c', join(dir, 'nginx.conf')], {
    reject: false,
  });
  let ended = false;
  void child.then(() => {
    ended = true;
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await child;
  });
  while (!(await answers(url))) {
    if (ended) throw new Error(`nginx ended: ${(await child).stderr}`);
    await pause(10); // asks again until it listens; its end is noticed above
  }
  const log = async () => (await readFile(join(dir, 'access.log'), 'utf8')).trim().split('\n');
  return { url, log };
}
