// The config file of a repository.
import type { KeyValue, RepoInfo } from '../typings/addon.js';
import type { CallOptions } from './call.js';
import { checkArray, checkOptions, checkString, typeError, valueError } from './check.js';
import { native } from './native.js';
import type { RepoInner } from './repo-inner.js';
import { shown } from './show.js';

/** 'core.mode', or 'remote "origin".url': the section ends at the first dot behind it. */
const KEY = /^(?<group>[^."\][]+(?:"[^"\][]*")?)\.(?<key>[^=[\]\s][^=[\]]*)$/;

function split(name: string): { group: string; key: string } {
  checkString(name, 'key');
  const { group, key } = KEY.exec(name)?.groups ?? {};
  if (group === undefined || key === undefined || key !== key.trim())
    throw valueError('key', `must be 'SECTION.KEY'. Received '${name}'`);
  return { group, key };
}

/** fromEntries makes own properties, of a key `__proto__` too. */
export function byKey(entries: KeyValue[]): Record<string, string> {
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

export type ConfigValue = string | number | boolean | string[];

function text(value: ConfigValue): string {
  if (typeof value === 'string') {
    checkString(value, 'value');
    return value;
  }
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw valueError('value', 'must be a finite number');
    return String(value);
  }
  if (!Array.isArray(value)) throw typeError('value', 'a string, number, boolean or array of strings', value);
  checkArray(value, 'value');
  for (const [i, item] of value.entries()) {
    checkString(item, `value[${i}]`);
    if (item.includes(';'))
      throw valueError(`value[${i}]`, 'must not contain a semicolon, which separates the items of a list');
  }
  return value.map((item) => `${item};`).join('');
}

/** `repo.config`: the settings of `ostree.repo-config(5)`. Changes are written at once, and seen by every call that starts later. */
export class RepoConfig {
  readonly #repo: RepoInner;
  readonly #changed: (info: RepoInfo) => void;

  static {
    shown(this, (it) => (#repo in it ? { repo: it.#repo.path } : undefined));
  }

  /** @internal */
  constructor(repo: RepoInner, changed: (info: RepoInfo) => void) {
    this.#repo = repo;
    this.#changed = changed;
  }

  /** The value of `SECTION.KEY`, such as `core.min-free-space-percent`; null when it is not set. Wraps `ostree_repo_copy_config()`. */
  async get(key: string, options: CallOptions = {}): Promise<string | null> {
    const at = split(key);
    const all = await this.toObject(options);
    const group = Object.hasOwn(all, at.group) ? all[at.group] : undefined;
    return group && Object.hasOwn(group, at.key) ? (group[at.key] ?? null) : null;
  }

  /** Every section, with its keys. Wraps `ostree_repo_copy_config()`. */
  async toObject(options: CallOptions = {}): Promise<Record<string, Record<string, string>>> {
    checkOptions(options);
    const sections = await this.#repo.lifetime.run(options, (call) =>
      native().configRead(this.#repo.native, call),
    );
    return Object.fromEntries(sections.map(({ name, entries }) => [name, byKey(entries)]));
  }

  /** Sets `SECTION.KEY`; an array becomes a list. Wraps `ostree_repo_write_config()`. */
  async set(key: string, value: ConfigValue, options: CallOptions = {}): Promise<void> {
    await this.#write(key, text(value), options);
  }

  /** Removes `SECTION.KEY`; one that is not there is no error. Wraps `ostree_repo_write_config()`. */
  async unset(key: string, options: CallOptions = {}): Promise<void> {
    await this.#write(key, null, options);
  }

  async #write(name: string, value: string | null, options: CallOptions): Promise<void> {
    const { group, key } = split(name);
    checkOptions(options);
    this.#changed(
      await this.#repo.lifetime.run(options, (call) =>
        native().configWrite(this.#repo.native, group, key, value, call),
      ),
    );
  }
}
