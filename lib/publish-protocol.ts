// What a publisher and a receiver say to each other over HTTP. Below the receiver's own path, ID being 64 hex digits
// that a publisher derives from what it publishes, so that it finds its own uploads again:
//
//   POST publish/1/ID           → Begun: the refs as they are
//   POST publish/1/ID/missing   Offer → Missing: what of it is to be uploaded
//   PUT  publish/1/ID/PATH      a file, PATH as in the repository
//   POST publish/1/ID/finish    Finish → Finished: verify all, move it, move the refs
//
// What fails is answered by a Refusal.
import type { OstreeErrorCode } from './errors.js';
import type { Checksum } from './types.js';

export interface WireRef {
  ref: string;
  collectionId?: string | undefined;
  checksum: Checksum;
}

export interface Begun {
  refs: WireRef[];
}

export interface Offer {
  /** Objects: `CHECKSUM.TYPE`, as files in the repository are called. */
  objects?: string[];
  /** Files that may change, and the SHA-256 of their content: by their paths. */
  files?: Record<string, string>;
}

/** Paths. */
export interface Missing {
  missing: string[];
}

export interface Finish {
  refs: (WireRef & { expected: Checksum | null })[];
  /** Names of deltas. */
  deltas: string[];
  /** Delete other refs, and then what no ref needs. */
  prune: boolean;
}

export interface Finished {
  summary: boolean;
  pruned: { refs: string[]; deltas: number; objects: number };
}

export interface Refusal {
  code: OstreeErrorCode;
  message: string;
  ref?: string | undefined;
  checksum?: string | undefined;
  details?: unknown;
}

/** How many objects are asked for at once. */
export const MAX_OFFER = 10_000;
/** Bytes of a question in JSON. */
export const MAX_JSON = 4 << 20;

const STATUS: Partial<Record<OstreeErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  PERMISSION_DENIED: 403,
  CONFLICT: 409,
  TOO_LARGE: 413,
  CORRUPT: 422,
  NOT_FOUND: 422,
  PARTIAL: 422,
  NOT_SUPPORTED: 422,
  LOCKED: 503,
  CLOSED: 503,
  NO_SPACE: 507,
};

export function statusOf(code: OstreeErrorCode): number {
  return STATUS[code] ?? 500;
}

export function isRefusal(value: unknown): value is Refusal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}
