// Programs of our own that run in a process of theirs: for what would end the caller's, or cannot be ended in it.
import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';

import { OstreeError } from './errors.js';
import { root } from './native.js';

const require = createRequire(import.meta.url);

/** Whether process.execPath is the caller's own program, which would run in place of ours. */
function isSingleExecutable(): boolean {
  return isBuiltin('node:sea') && (require('node:sea') as { isSea(): boolean }).isSea();
}

/** In the environment of our programs: an application that runs in place of one must not start another. */
const MARK = 'OSTREE_HELPER';

/**
 * The program of lib/, for process.execPath to run.
 *
 * @param what - names it in the message: `options.isolate`
 */
export function helperPath(name: string, what: string): string {
  if (isSingleExecutable() || process.env[MARK] !== undefined)
    throw new OstreeError(
      'NOT_SUPPORTED',
      `${what} starts a process of Node, and ${process.execPath} is not Node but an application`,
    );
  return join(root, 'dist', `${name}.js`);
}

/** NODE_OPTIONS may ask for what only the caller can have, such as the port of a debugger. */
export function helperEnv(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1', [MARK]: '1' };
}

/** What an error says, for the other process. */
export interface ErrorReport extends Pick<OstreeError, 'code' | 'message' | 'details'> {
  domain?: string | undefined;
  path?: string | undefined;
  ref?: string | undefined;
  checksum?: string | undefined;
  remote?: string | undefined;
}

export function reportOf(error: unknown): ErrorReport {
  if (OstreeError.is(error)) {
    const { code, message, domain, path, ref, checksum, remote, details } = error;
    return { code, message, domain, path, ref, checksum, remote, details };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'FAILED', message, details: undefined };
}

/** The error again, with the stack of whoever awaits. */
export function fromReport({ code, message, ...context }: ErrorReport): OstreeError {
  return new OstreeError(code, message, context);
}
