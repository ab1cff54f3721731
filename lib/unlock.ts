// Making /usr of the running system writable.
import { execFile } from 'node:child_process';

import { type CallOptions, run } from './call.js';
import { checkOptions, checkString, valueError } from './check.js';
import { idOf } from './deployment.js';
import { OstreeError } from './errors.js';
import type { DeploymentOrId } from './manage.js';
import { type ErrorReport, fromReport, helperEnv, helperPath } from './helper.js';
import { native } from './native.js';
import { locked, type SysrootInner } from './sysroot-inner.js';

/**
 * For how long /usr is writable: `development` until the next boot; `hotfix` for good, with a deployment as it was
 * shipped behind it to roll back to; `transient` until the next boot, and mounted read-only, for programs that mount it
 * again in a namespace of their own.
 */
export type UnlockMode = 'development' | 'hotfix' | 'transient';

const MODES: readonly string[] = ['development', 'hotfix', 'transient'] satisfies UnlockMode[];

interface Outcome {
  error?: ErrorReport;
}

/** Runs lib/unlock-helper.ts to its end; half of it is no state to be in. */
async function runHelper(...args: string[]): Promise<void> {
  const helper = helperPath('unlock-helper', 'unlock()');
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [helper, ...args], { env: helperEnv(), cwd: '/' }, (error, stdout, stderr) =>
      resolve({ stdout, stderr: stderr || (error?.message ?? '') }),
    );
  });
  const outcome = parse(stdout);
  if (!outcome) throw new OstreeError('FAILED', `${helper} failed: ${stderr}`);
  if (!outcome.error) return;
  const { message } = outcome.error;
  // What could not be mounted is said by the child that tried.
  const more = /mount/.test(message) ? `: ${stderr.trim()}` : '';
  throw fromReport({ ...outcome.error, message: message + more });
}

function parse(text: string): Outcome | undefined {
  try {
    return JSON.parse(text) as Outcome;
  } catch {
    return undefined;
  }
}

export async function unlock(
  sysroot: SysrootInner,
  deployment: DeploymentOrId,
  mode: UnlockMode,
  options: CallOptions,
): Promise<void> {
  const id = idOf(deployment);
  checkString(mode, 'mode');
  if (!MODES.includes(mode))
    throw valueError('mode', `must be one of ${MODES.join(', ')}. Received '${mode}'`);
  checkOptions(options);
  await locked(sysroot, options, async () => {
    await runHelper(sysroot.path, id, mode);
    sysroot.update(await run({}, (call) => native().sysrootReload(sysroot.native, call)));
  });
}
