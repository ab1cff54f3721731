// Programs of their own, for what happens when a process or a Worker ends.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  exitCode: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** Runs a module, which imports the built package as 'ostree', to its end; it finds its arguments in process.argv from 1 on. */
export async function runModule(
  source: string,
  args: string[] = [],
  nodeOptions: string[] = [],
): Promise<Ended> {
  const result = await execa(
    process.execPath,
    [...nodeOptions, '--input-type=module', '--eval', source, ...args],
    {
      cwd: root,
      reject: false,
      timeout: 30_000,
    },
  );
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: result.stdout,
    stderr: result.stderr,
    milliseconds: result.durationMs,
  };
}
