// The cookies that libostree sends to a remote.
import type { Cookie as NativeCookie } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import {
  type Names,
  checkBoolean,
  checkKnown,
  checkObject,
  checkOptions,
  checkRemoteName,
  checkString,
  typeError,
  valueError,
} from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';

/** What names a cookie. */
export interface CookieName {
  /** With a dot in front: for its subdomains too. */
  domain: string;
  path: string;
  name: string;
}

export interface Cookie extends CookieName {
  value: string;
  /** Over https only. */
  secure?: boolean | undefined;
  /** 25 years from now unless given, as with the `ostree` command. */
  expires?: Date | undefined;
}

function checkWord(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  // The file has a cookie a line, and white space between its parts.
  if (!/^\S+$/.test(value)) throw valueError(name, 'must not be empty or contain white space');
}

const COOKIE: Names<Cookie> = {
  domain: true,
  path: true,
  name: true,
  value: true,
  secure: true,
  expires: true,
};

function checkCookieName(cookie: unknown): asserts cookie is CookieName {
  checkObject(cookie, 'cookie');
  checkKnown(cookie, COOKIE, 'cookie');
  for (const part of ['domain', 'path', 'name'] as const) checkWord(cookie[part], `cookie.${part}`);
  if (String(cookie['domain']).startsWith('#'))
    throw valueError('cookie.domain', 'must not begin with a #, which makes the line a comment');
}

function in25Years(): Date {
  const date = new Date();
  date.setUTCFullYear(date.getUTCFullYear() + 25);
  return date;
}

/** `repo.remotes.cookies`: the file `REMOTE.cookies.txt` of the repository, which curl reads. */
export class RemoteCookies {
  readonly #repo: RepoInner;

  static {
    shown(this, (it) => (#repo in it ? { repo: it.#repo.path } : undefined));
  }

  /** @internal */
  constructor(repo: RepoInner) {
    this.#repo = repo;
  }

  /**
   * The cookies of a remote, as `ostree remote list-cookies` shows them.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote
   */
  async list(remote: string, options: CallOptions = {}): Promise<Required<Cookie>[]> {
    checkRemoteName(remote);
    checkOptions(options);
    const cookies = await this.#repo.lifetime.run(options, (call) =>
      native().remoteCookieList(this.#repo.native, remote, call),
    );
    return cookies.map((cookie) => ({ ...cookie, expires: new Date(cookie.expires * 1000) }));
  }

  /**
   * Adds a cookie, as `ostree remote add-cookie` does. One of the same name stays; the later one counts.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such remote
   */
  async add(remote: string, cookie: Cookie, options: CallOptions = {}): Promise<void> {
    checkRemoteName(remote);
    checkOptions(options);
    checkCookieName(cookie);
    const { domain, path, name, value, secure = false, expires = in25Years() } = cookie;
    checkWord(value, 'cookie.value');
    checkBoolean(secure, 'cookie.secure');
    if (!(expires instanceof Date)) throw typeError('cookie.expires', 'a Date', expires);
    const seconds = Math.floor(expires.getTime() / 1000);
    if (!(seconds >= 0)) throw valueError('cookie.expires', 'must be a date after 1970');
    const raw: NativeCookie = { domain, path, name, value, secure, expires: seconds };
    await this.#repo.lifetime.run(options, (call) =>
      native().remoteCookieAdd(this.#repo.native, remote, raw, call),
    );
  }

  /**
   * Removes a cookie, as `ostree remote delete-cookie` does.
   *
   * @throws {OstreeError} `NOT_FOUND` when there is no such cookie or remote
   */
  async remove(remote: string, cookie: CookieName, options: CallOptions = {}): Promise<void> {
    checkRemoteName(remote);
    checkOptions(options);
    checkCookieName(cookie);
    const { domain, path, name } = cookie;
    const raw: NativeCookie = { domain, path, name, value: '', secure: false, expires: 0 };
    await this.#repo.lifetime.run(options, (call) =>
      native().remoteCookieRemove(this.#repo.native, remote, raw, call),
    );
  }
}
