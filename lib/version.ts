// What is loaded, and what it can do. Both are found out at their first use, not at the import.
import { createRequire } from 'node:module';
import { inspect } from 'node:util';

import { native } from './native.js';

/** What is loaded at run time. */
export interface Version {
  /** libostree's, `2022.7`: the greatest that ostree_check_version() affirms. */
  readonly libostree: string;
  /** GLib's, `2.74.6`. */
  readonly glib: string;
  /** This package's. */
  readonly addon: string;
  /** What computes SHA-256 outside of libostree: `openssl 3.0.17`, or `glib` where no libcrypto was found. */
  readonly sha256: string;
}

/**
 * What a libostree may or may not be able to do.
 *
 * - `gpg`: GPG signatures. libostree is linked with libgpgme.
 * - `ed25519`, `spki`: signatures of these kinds. ostree_sign_get_by_name() knows them.
 * - `composefs`: `checkoutComposefs`, `commit({ composefs })`. ostree_repo_checkout_composefs (2024.7) is there, and
 *   ostree_repo_commit_add_composefs_metadata, which `commit()` needs and 2023.4 has, does not say that it was not built in.
 * - `http`: pulling over HTTP. libostree is linked with libcurl or libsoup.
 * - `libarchive`: commits from tar files. libostree is linked with libarchive.
 * - `selinux`: SELinux labels. libostree is linked with libselinux.
 * - `avahi`: finding repositories in the local network. libostree is linked with libavahi-client.
 * - `softReboot`: `softReboot`. `false` before 2025.3, else `'unknown'`: built in or not, only use will tell.
 * - `kexec`: `kexecLoad`. `false` before 2025.1, else `'unknown'`: the kernel decides.
 */
export type Feature =
  | 'gpg'
  | 'ed25519'
  | 'spki'
  | 'composefs'
  | 'http'
  | 'libarchive'
  | 'selinux'
  | 'avahi'
  | 'softReboot'
  | 'kexec';

/** An object whose properties are loaded together when the first is read. */
function lazy<T extends object>(keys: readonly (keyof T & string)[], load: () => T): T {
  let loaded: T | undefined;
  const all = () => (loaded ??= load());
  const object = {};
  for (const key of keys) Object.defineProperty(object, key, { enumerable: true, get: () => all()[key] });
  Object.defineProperty(object, inspect.custom, { value: all });
  return Object.freeze(object) as T;
}

/** The versions of what is loaded. Reading them throws LIBRARY_MISSING where libostree is not installed. */
export const version: Version = lazy(['libostree', 'glib', 'addon', 'sha256'], () => {
  const require = createRequire(import.meta.url);
  const { version: addon } = require('../package.json') as { version: string };
  const { libostree, glib, sha256 } = native().versionRead();
  return { libostree, glib, addon, sha256 };
});

const FEATURES: readonly Feature[] = [
  'gpg',
  'ed25519',
  'spki',
  'composefs',
  'http',
  'libarchive',
  'selinux',
  'avahi',
  'softReboot',
  'kexec',
];

/**
 * What the loaded libostree can do; {@link Feature} says how each is found out. `'unknown'` where only use would
 * tell. Reading them throws LIBRARY_MISSING where libostree is not installed.
 */
export const features: Readonly<Record<Feature, boolean | 'unknown'>> = lazy(FEATURES, () => {
  const found = native().featuresRead();
  const entries = FEATURES.map((name) => [name, found[name] ?? 'unknown']);
  return Object.fromEntries(entries) as Record<Feature, boolean | 'unknown'>;
});
