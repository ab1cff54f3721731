// Repositories, trees and servers for scripts/soak, in a directory that goes with it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const MODES = ['archive', 'bare-user', 'bare-user-only', ...(process.getuid() === 0 ? ['bare'] : [])];

export async function ostree(...args) {
  return (await run('ostree', args, { maxBuffer: 1 << 26 })).stdout.trim();
}

function makeTree(path, random, small, large) {
  const file = (name, size) => {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(
      join(path, name),
      Buffer.from(Array.from({ length: size / 4 }, () => random() * 256)).toString('base64'),
    );
  };
  for (let i = 0; i < small; i++) file(`d${i % 20}/small-${i}`, 4_000);
  for (let i = 0; i < large; i++) file(`large/file-${i}`, 400_000);
  return path;
}

async function freePort() {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function startNginx(dir, root) {
  const port = await freePort();
  mkdirSync(join(dir, 'tmp'), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/tmp;`,
  );
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log;
    ${process.getuid() === 0 ? 'user root;' : ''} events { worker_connections 256; }
    http { access_log off; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; location / { root ${root}; } } }`,
  );
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn('nginx', ['-p', dir, '-e', `${dir}/error.log`, '-c', join(dir, 'nginx.conf')], {
    env,
    stdio: 'inherit',
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url).then(Boolean, () => false))) {
    if (child.exitCode !== null) throw new Error('nginx ended');
    await pause(10);
  }
  return { url, stop: () => child.kill() };
}

/** Serves metadata, and never answers a request for content. */
async function startStalling(root) {
  const server = createServer((request, response) => {
    if (request.url.endsWith('.filez')) return;
    try {
      response.end(readFileSync(join(root, request.url)));
    } catch {
      response.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export class Fixture {
  #runs = 0;

  static async make(dir, random) {
    const fixture = new Fixture();
    fixture.dir = dir;
    chmodSync(dir, 0o755); // nginx serves from it as another user
    fixture.tree = makeTree(join(dir, 'tree'), random, 1_200, 50);
    fixture.old = makeTree(join(dir, 'old'), random, 600, 10);
    fixture.small = makeTree(join(dir, 'small'), random, 5, 0);
    fixture.source = join(dir, 'source');
    await ostree(`--repo=${fixture.source}`, 'init', '--mode=archive');
    const commit = (repo, branch, tree, ...more) =>
      ostree(`--repo=${repo}`, 'commit', '--disable-fsync', '-b', branch, `--tree=dir=${tree}`, ...more);
    fixture.pulled = await commit(fixture.source, 'main', fixture.tree);
    fixture.nginx = await startNginx(join(dir, 'nginx'), fixture.source);
    fixture.stalling = await startStalling(fixture.source);
    fixture.main = {};
    for (const mode of MODES) {
      for (const kind of ['plain', 'prunable']) {
        const repo = fixture.template(mode, kind);
        await ostree(`--repo=${repo}`, 'init', `--mode=${mode}`);
        if (kind === 'prunable') {
          await commit(repo, 'gone', fixture.tree);
          await commit(repo, 'gone', fixture.small);
          await ostree(`--repo=${repo}`, 'refs', '--delete', 'gone');
        }
        await commit(repo, 'main', fixture.old, '--timestamp=@0');
        for (const [remote, { url }] of [
          ['origin', fixture.nginx],
          ['stalling', fixture.stalling],
        ])
          await ostree(`--repo=${repo}`, 'remote', 'add', '--no-gpg-verify', remote, url);
      }
      fixture.main[mode] = await ostree(`--repo=${fixture.template(mode, 'plain')}`, 'rev-parse', 'main');
    }
    return fixture;
  }

  /** plain: one commit, on `main`. prunable: two more, which no ref names, with files of their own. */
  template(mode, kind) {
    return join(this.dir, `${kind}-${mode}`);
  }

  /** A repository of its own, as the template was. */
  async fresh(mode, kind = 'plain') {
    const repo = join(this.dir, `run-${this.#runs++}`);
    await run('cp', ['-al', this.template(mode, kind), repo]);
    rmSync(join(repo, '.lock'), { force: true }); // locks belong to the file, which would be the template's
    return repo;
  }

  /** Makes a few files of the repository other than their checksums say. */
  corrupt(repo, random) {
    const objects = readdirSync(join(repo, 'objects'), { recursive: true }).filter((name) =>
      /\.filez?$/.test(name),
    );
    for (let i = 0; i < 5; i++) {
      const path = join(repo, 'objects', objects[Math.floor(random() * objects.length)]);
      rmSync(path, { force: true });
      writeFileSync(path, 'corrupt');
    }
  }

  stop() {
    this.nginx.stop();
    this.stalling.stop();
  }
}
