// Loads the addon; nothing else opens a .node file. The import of the package
// never fails for want of libostree: the first use of anything native does.
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Addon } from '../typings/addon.js';
import { OstreeError } from './errors.js';

const require = createRequire(import.meta.url);
/** The directory of the package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Debian's name first: the others are what Fedora, Arch, Alpine and openSUSE call the library. */
const PACKAGES =
  'libostree-1-1 (Debian, Ubuntu), ostree-libs (Fedora), ostree (Arch, Alpine), libostree-1-1 (openSUSE)';

function addonPath(): string {
  if (process.env['OSTREE_ADDON']) return process.env['OSTREE_ADDON'];
  const finder = require('node-gyp-build') as { path(dir: string): string };
  return finder.path(root);
}

function dlopenFlags(): number {
  // DEEPBIND: libostree's libssl and zlib would otherwise bind to the ones Node
  // exports, which may be of another version. Sanitizers cannot live with it.
  const deepbind =
    process.env['OSTREE_NO_DEEPBIND'] === '1'
      ? 0
      : ((constants.dlopen as Record<string, number>)['RTLD_DEEPBIND'] ?? 0);
  return constants.dlopen.RTLD_LAZY | deepbind;
}

function load(): Addon {
  const target = { exports: {} };
  try {
    process.dlopen(target, addonPath(), dlopenFlags());
  } catch (error) {
    throw explain(error);
  }
  return target.exports as Addon;
}

function explain(error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (/libostree-1|libglib|libgio|libgobject/.test(text)) {
    return new OstreeError(
      'LIBRARY_MISSING',
      `libostree cannot be loaded (${text}). Install the package ${PACKAGES}`,
      { cause: error },
    );
  }
  if (/No native build was found/.test(text)) {
    return new OstreeError(
      'LIBRARY_MISSING',
      `There is no prebuilt addon for this platform (${process.platform}-${process.arch}). Build one in the package's directory: npm install node-addon-api node-api-headers && npx cmake-js compile`,
      { cause: error },
    );
  }
  return error;
}

let loaded: Addon | undefined;
const hooks: ((addon: Addon) => void)[] = [];

/** The addon, loaded on first use. */
export function native(): Addon {
  if (loaded === undefined) {
    loaded = load();
    for (const hook of hooks) hook(loaded);
  }
  return loaded;
}

/** For what the addon must be told before it is used; to be called by modules as they are imported. */
export function whenLoaded(hook: (addon: Addon) => void): void {
  hooks.push(hook);
}
