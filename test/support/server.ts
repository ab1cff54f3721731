// An HTTP server that serves a repository, and misbehaves where a test says so.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

/** Answers a request itself, or says `true` to have the file served. Without an answer, it stalls. */
export type Behaviour = (path: string, response: ServerResponse, request: IncomingMessage) => boolean | void;

export interface Server {
  url: string;
  /** The paths asked for so far. */
  requests: string[];
  /** From now on, everything is served. */
  behave: () => void;
  /** Resolves at the first request for a path that ends so, past ones too. */
  asked: (suffix: string) => Promise<void>;
}

async function serve(root: string, path: string, response: ServerResponse): Promise<void> {
  try {
    response.end(await readFile(join(root, path)));
  } catch {
    response.writeHead(404).end();
  }
}

/** Serves a directory over loopback until the test ends. */
export async function server(root: string, behaviour: Behaviour): Promise<Server> {
  let misbehaving = true;
  const requests: string[] = [];
  const waiting = new Set<() => void>();
  const http = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push(path);
    for (const look of waiting) look();
    if (!misbehaving || behaviour(path, response, request) === true) void serve(root, path, response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    behave() {
      misbehaving = false;
    },
    asked(suffix) {
      return new Promise((resolve) => {
        const look = () => {
          if (!requests.some((path) => path.endsWith(suffix))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
  };
}
