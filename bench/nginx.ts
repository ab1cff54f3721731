// nginx on a free port of the loopback interface, serving one directory until disposed of.
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { execa } from 'execa';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function serve(root: string, dir: string): Promise<AsyncDisposable & { url: string }> {
  const port = await freePort();
  await mkdir(join(dir, 'tmp'), { recursive: true });
  await chmod(dir, 0o755);
  const config = `
    daemon off;
    worker_processes 1;
    pid ${dir}/nginx.pid;
    error_log ${dir}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 256; }
    http {
      access_log off;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 100000;
      client_body_temp_path ${dir}/tmp; proxy_temp_path ${dir}/tmp; fastcgi_temp_path ${dir}/tmp;
      uwsgi_temp_path ${dir}/tmp; scgi_temp_path ${dir}/tmp;
      server { listen 127.0.0.1:${port}; location / { root ${root}; } }
    }`;
  await writeFile(join(dir, 'nginx.conf'), config);
  const child = execa('nginx', ['-p', dir, '-e', `${dir}/error.log`, '-c', join(dir, 'nginx.conf')], {
    reject: false,
  });
  let ended = false;
  void child.then(() => (ended = true));
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  ) {
    if (ended) throw new Error(`nginx ended: ${(await child).stderr}`);
    await pause(10); // asks again until it listens; its end is noticed above
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await child;
    },
  };
}
