import type { NativeFailure, ObjectName } from '../typings/addon.js';

export type { ObjectName };

/** What went wrong. libostree's own numbers (GIOErrorEnum, OstreeGpgError, GKeyFileError) are folded into these. */
export type OstreeErrorCode =
  | 'NOT_FOUND'
  | 'EXISTS'
  | 'INVALID_ARGUMENT'
  | 'CANCELLED'
  | 'LOCKED'
  | 'CONFLICT'
  | 'NO_SPACE'
  | 'PERMISSION_DENIED'
  | 'READ_ONLY'
  | 'NOT_SUPPORTED'
  | 'CORRUPT'
  | 'PARTIAL'
  | 'SIGNATURE'
  | 'DOWNGRADE'
  | 'HTTP'
  | 'NETWORK'
  | 'TIMED_OUT'
  | 'TOO_LARGE'
  | 'IS_DIRECTORY'
  | 'NOT_DIRECTORY'
  | 'NOT_BOOTED'
  | 'CLOSED'
  | 'LIBRARY_MISSING'
  | 'FAILED';

/** Why one signature does not count. */
export interface SignatureFailure {
  /** The kind of signature; libostree may have others than those named here. */
  type: 'gpg' | 'ed25519' | 'spki' | 'dummy' | (string & {});
  /** What is wrong with it, in libostree's own words for GPG. */
  reason: string;
  keyId?: string;
}

/** What `details` holds, for the codes that have any: where libostree does not tell, empty lists, null and NaN. */
export interface ErrorDetails {
  /** Bytes. */
  NO_SPACE: { required: number; available: number };
  HTTP: { status: number; url: string };
  CORRUPT: { objects: ObjectName[] };
  SIGNATURE: { reasons: SignatureFailure[] };
  LOCKED: { holder: 'this-process' | 'other-process'; heldBy?: string };
  CONFLICT: { ref: string; expected: string | null; actual: string | null };
  /** Where there are no more descriptors: `EMFILE` in this process (`ulimit -n`), `ENFILE` in the whole system. */
  FAILED: { errno: 'EMFILE' | 'ENFILE' } | undefined;
}

type DetailsOf<C extends OstreeErrorCode> = C extends keyof ErrorDetails ? ErrorDetails[C] : undefined;

interface OstreeErrorOptions extends ErrorOptions {
  domain?: string | undefined;
  path?: string | undefined;
  ref?: string | undefined;
  checksum?: string | undefined;
  remote?: string | undefined;
  details?: unknown;
}

/** The details where libostree gave none. What it reports has a domain; other errors are this package's own. */
const UNKNOWN: { [C in keyof ErrorDetails]: (error: OstreeErrorOptions) => ErrorDetails[C] } = {
  NO_SPACE: () => ({ required: NaN, available: NaN }),
  HTTP: () => ({ status: NaN, url: '' }),
  CORRUPT: () => ({ objects: [] }),
  SIGNATURE: () => ({ reasons: [] }),
  LOCKED: ({ domain }) => ({ holder: domain === undefined ? 'this-process' : 'other-process' }),
  CONFLICT: ({ ref = '' }) => ({ ref, expected: null, actual: null }),
  FAILED: () => undefined,
};

function hasDetails(code: string): code is keyof ErrorDetails {
  return Object.hasOwn(UNKNOWN, code);
}

/** Known by this in every copy of the package. */
const BRAND = Symbol.for('ostree.OstreeError');

/** A call of libostree that failed. The message is libostree's own. */
export class OstreeError<C extends OstreeErrorCode = OstreeErrorCode> extends Error {
  override readonly name: string = 'OstreeError';
  readonly code: C;
  /** GLib's error domain, such as `g-io-error-quark`, when libostree reported one. */
  declare readonly domain?: string;
  declare readonly path?: string;
  declare readonly ref?: string;
  declare readonly checksum?: string;
  declare readonly remote?: string;
  readonly details: DetailsOf<C>;

  constructor(code: C, message: string, options: OstreeErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    const details = options.details ?? (hasDetails(code) ? UNKNOWN[code](options) : undefined);
    this.details = details as DetailsOf<C>;
    for (const key of ['domain', 'path', 'ref', 'checksum', 'remote'] as const) {
      const value = options[key];
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether this is an OstreeError, of this code if one is given; also one that another copy of the package made. */
  static is<C extends OstreeErrorCode>(error: unknown, code?: C): error is OstreeError<C> {
    if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
    return code === undefined || (error as { code?: unknown }).code === code;
  }
}

function isFailure(error: unknown): error is NativeFailure {
  return (
    typeof error === 'object' &&
    error !== null &&
    !(error instanceof Error) &&
    'failure' in error &&
    'code' in error
  );
}

/** Makes an OstreeError, with the JS stack of whoever awaits, of what a native call rejected with; leaves other errors alone. */
export function fromNative(error: unknown): unknown {
  if (!isFailure(error)) return error;
  const { failure, code, ...context } = error;
  return new OstreeError(code as OstreeErrorCode, failure, context);
}
