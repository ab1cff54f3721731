// The parts of HTTP that a file server needs (RFC 9110): conditions and ranges.
import type { IncomingHttpHeaders } from 'node:http';

export interface Validators {
  etag: string;
  /** To the second, as HTTP has it. */
  modified: Date;
}

function lists(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** Whether the client has it already. */
export function isFresh(headers: IncomingHttpHeaders, { etag, modified }: Validators): boolean {
  const none = headers['if-none-match'];
  if (none !== undefined) return lists(none, etag);
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && modified.getTime() <= since;
}

export interface Range {
  start: number;
  /** Inclusive. */
  end: number;
}

/** The range that is asked for: null is all of it (several ranges, too), 'unsatisfiable' none that there is. */
export function requestedRange(
  headers: IncomingHttpHeaders,
  size: number,
  { etag, modified }: Validators,
): Range | 'unsatisfiable' | null {
  const match = /^bytes=(?<from>\d{0,15})-(?<to>\d{0,15})$/.exec(headers.range?.trim() ?? '')?.groups;
  if (!match) return null;
  const condition = headers['if-range'];
  if (condition !== undefined && condition !== etag && Date.parse(String(condition)) !== modified.getTime())
    return null;
  const { from = '', to = '' } = match;
  if (from === '' && to === '') return null;
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 };
  }
  const start = Number(from);
  if (to !== '' && Number(to) < start) return null;
  if (start >= size) return 'unsatisfiable';
  return { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}
