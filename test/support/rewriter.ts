// A process that rewrites files while they are being committed.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('../hostile/rewriter.py', import.meta.url));

export interface Rewriter {
  /** How often a file was rewritten so far. */
  readonly count: number;
  /** Ends it; the result is the number of rewrites. */
  stop: () => Promise<number>;
}

/** Starts it on a directory that exists; the files are there when it resolves. */
export async function startRewriter(directory: string): Promise<Rewriter> {
  const child = execa('python3', [program, directory], { stdin: 'pipe', buffer: false, reject: false });
  onTestFinished(() => void child.kill('SIGKILL'));
  let count = 0;
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve();
      else count = Number(line);
    });
    child.then(({ exitCode }) => reject(new Error(`The rewriter ended with ${exitCode}`)), reject);
  });
  return {
    get count() {
      return count;
    },
    async stop() {
      child.stdin.end();
      await child;
      return count;
    },
  };
}
