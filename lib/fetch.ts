// How libostree asks servers: options that pulls and summary fetches share.
import type { FetchOptions as NativeFetchOptions } from '../typings/addon.js';
import { checkInteger, checkObject, checkString, valueError } from './check.js';

export interface FetchOptions {
  /** Ask this URL instead of the remote's own. The remote's keys and settings still count. */
  overrideUrl?: string | undefined;
  /** Sent with every request. */
  httpHeaders?: Record<string, string> | undefined;
  /**
   * How often a request that failed for a passing reason is sent again: 5 unless given. libostree 2022.7 with curl
   * counts only the answers 408 and 500 as such. A pull that fails because a connection broke keeps what it has
   * fetched, and the next one goes on from there.
   */
  networkRetries?: number | undefined;
  /** Appended to libostree's own `User-Agent`. */
  appendUserAgent?: string | undefined;
}

const MAX_INT = 0x7fff_ffff;
const MAX_LENGTH = 8192;

/** As RFC 9110 has it; anything else could smuggle in a header of its own. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/** A string that may stand in a header or in the config: no line can end in it. */
export function checkLine(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (value === '') throw valueError(name, 'must not be empty');
  if (value.length > MAX_LENGTH) throw valueError(name, `must not be longer than ${MAX_LENGTH} characters`);
  if (CONTROL.test(value)) throw valueError(name, 'must not contain control characters');
}

/** An http:, https: or file: URL; libostree's curl knows no other, and libostree aborts on some of them. */
export function checkUrl(
  value: unknown,
  name: string,
  prefixes: readonly string[] = [],
): asserts value is string {
  checkLine(value, name);
  const prefix = prefixes.find((p) => value.startsWith(p)) ?? '';
  const url = value.slice(prefix.length);
  const scheme = URL.canParse(url) ? new URL(url).protocol : '';
  if (!['http:', 'https:', 'file:'].includes(scheme) || /\s/.test(url)) {
    throw valueError(name, `must be an http:, https: or file: URL, percent-encoded. Received '${value}'`);
  }
}

/** What the addon takes. */
export function fetchOptions(options: FetchOptions): NativeFetchOptions {
  const { overrideUrl, httpHeaders = {}, networkRetries, appendUserAgent } = options;
  if (overrideUrl !== undefined) checkUrl(overrideUrl, 'options.overrideUrl', ['mirrorlist=']);
  if (networkRetries !== undefined) checkInteger(networkRetries, 'options.networkRetries', 0, MAX_INT);
  if (appendUserAgent !== undefined) checkLine(appendUserAgent, 'options.appendUserAgent');
  checkObject(httpHeaders, 'options.httpHeaders');
  const headers = Object.entries(httpHeaders).map(([name, value]) => {
    if (!HEADER_NAME.test(name)) throw valueError('options.httpHeaders', `has a bad header name '${name}'`);
    checkLine(value, `options.httpHeaders['${name}']`); // an empty one would make curl drop the header
    return { name, value };
  });
  return { overrideUrl, appendUserAgent, networkRetries, httpHeaders: headers };
}
