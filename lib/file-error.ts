// Errors of node:fs as errors of this package.
import { OstreeError } from './errors.js';

const FILE_CODES = {
  EACCES: 'PERMISSION_DENIED',
  EEXIST: 'EXISTS',
  EISDIR: 'IS_DIRECTORY',
  ENOENT: 'NOT_FOUND',
  ENOSPC: 'NO_SPACE',
  ENOTDIR: 'NOT_DIRECTORY',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'READ_ONLY',
} as const;

/** What node:fs threw about this path. */
export function fileError(error: unknown, path: string): OstreeError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const known = Object.hasOwn(FILE_CODES, code) ? FILE_CODES[code as keyof typeof FILE_CODES] : 'FAILED';
  const details = code === 'EMFILE' || code === 'ENFILE' ? { errno: code } : undefined;
  return new OstreeError(known, message, { path, details, cause: error });
}
