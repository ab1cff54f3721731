// Programs of their own, for what happens when a process or a Worker ends.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';

/** Whether scripts/asan runs these tests. */
export const UNDER_SANITIZER = process.env['LD_PRELOAD']?.includes('libasan') ?? false;

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  exitCode: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

export interface RunOptions {
  nodeOptions?: string[];
  /** The package's directory unless given: the package is found by its name only there. */
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs a module, which imports the built package as 'ostree', to its end; it finds its arguments in process.argv from 1 on. */
export async function runModule(
  source: string,
  args: string[] = [],
  options: RunOptions = {},
): Promise<Ended> {
  const { nodeOptions = [], cwd = root, env = {} } = options;
  const command = [...nodeOptions, '--input-type=module', '--eval', source, ...args];
  const result = await execa(process.execPath, command, { cwd, env, reject: false, timeout: 30_000 });
  return {
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: result.stdout,
    stderr: result.stderr,
    milliseconds: result.durationMs,
  };
}
