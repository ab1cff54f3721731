// Where an example works: a directory that goes at the end, however the end comes.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Why an example ends early: somebody wants it to. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(signal: keyof typeof SIGNALS) {
    super(`interrupted by ${signal}`);
    this.exitCode = SIGNALS[signal];
  }
}

/** Aborted by Ctrl-C and the like, once; the second time the process ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    process.once(signal, () => {
      process.stderr.write(`\n${signal}: stopping and cleaning up; once more leaves everything as it is\n`);
      controller.abort(new Interrupted(signal));
    });
  }
  return controller.signal;
}

/** Bytes on disk of all that is below; what is linked twice counts once. */
export async function diskUse(dir: string): Promise<number> {
  const { stdout } = await run('du', ['-sk', dir]);
  return Number.parseInt(stdout, 10) * 1024;
}

/** Removes a directory with a sysroot `device` in it. */
async function remove(dir: string): Promise<void> {
  // A deployment is immutable, root or not, unless $OSTREE_SYSROOT_DEBUG said otherwise when the sysroot was opened.
  const stateroots = join(dir, 'device/ostree/deploy');
  for (const stateroot of await readdir(stateroots).catch(() => [])) {
    const deployments = join(stateroots, stateroot, 'deploy');
    const paths = (await readdir(deployments).catch(() => [])).map((name) => join(deployments, name));
    // Where the file system knows no such attribute there is nothing to take away.
    if (paths.length > 0) await run('chattr', ['-f', '-i', ...paths]).catch(() => {});
  }
  // A pull that was aborted may write for a moment yet.
  for (let attempt = 1; ; attempt++) {
    try {
      await run('rm', ['-rf', '--', dir]);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
      await pause(200);
    }
  }
}

export interface Stage extends AsyncDisposable {
  dir: string;
}

/** A temporary directory, removed in the end; or `keep`, which must be new or empty and stays. */
export async function stage(keep: string | undefined): Promise<Stage> {
  if (keep === undefined) {
    const dir = await mkdtemp(join(tmpdir(), 'ostree-demo-'));
    return { dir, [Symbol.asyncDispose]: () => remove(dir) };
  }
  const dir = resolve(keep);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0) throw new Error(`--keep: ${dir} is not empty`);
  return { dir, [Symbol.asyncDispose]: () => Promise.resolve() };
}
