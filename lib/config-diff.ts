// What the administrator changed in /etc.
import type { CallOptions } from './call.js';
import { checkOptions } from './check.js';
import { idOf } from './deployment.js';
import type { DeploymentOrId } from './manage.js';
import { native } from './native.js';
import type { SysrootInner } from './sysroot-inner.js';

/** A path in /etc. */
export interface ConfigEntry {
  /** Below /etc, beginning with `/`. */
  path: string;
  type: 'file' | 'directory' | 'symlink' | 'other';
  /** A whole st_mode, with the type, as in node:fs. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes; 0 for a directory. */
  size: number;
  /** Of a symlink. */
  target?: string;
}

/** A path of /etc that is not as it was shipped. */
export interface ConfigModification {
  path: string;
  /** As it was shipped, in /usr/etc. */
  from: ConfigEntry;
  /** As it is in /etc. */
  to: ConfigEntry;
}

/** /etc of a deployment against its /usr/etc; each list is sorted by path. Extended attributes are not compared. */
export interface ConfigDiff {
  added: ConfigEntry[];
  /** Of a removed directory itself only. */
  removed: ConfigEntry[];
  modified: ConfigModification[];
}

export async function configDiff(
  sysroot: SysrootInner,
  deployment: DeploymentOrId | undefined,
  options: CallOptions,
): Promise<ConfigDiff> {
  const id = deployment === undefined ? undefined : idOf(deployment);
  checkOptions(options);
  return await sysroot.lifetime.run(options, (call) => native().sysrootConfigDiff(sysroot.native, id, call));
}
