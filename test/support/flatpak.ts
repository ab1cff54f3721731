// flatpak as an ordinary user, with a home of its own, for one test; and a runtime and an app of a few files.
import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { execa, type Options } from 'execa';
import type { FileEntry } from 'ostree';

import { temporaryDirectory } from './repo.js';

const ROOT = process.getuid?.() === 0;
/** flatpak keeps away from root; this user has nothing. */
const NOBODY = 65_534;
const PROGRAMS = ['flatpak', 'dbus-run-session', ...(ROOT ? ['setpriv'] : [])];

function command(name: string, args: string[]): [string, string[]] {
  if (!ROOT) return [name, args];
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  return ['setpriv', [...user, name, ...args]];
}

function works(name: string, args: string[]): boolean {
  try {
    execFileSync(name, args, { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** Empty where flatpak is there; else the programs that are missing. */
export const flatpakMissing = PROGRAMS.filter((name) => !works('sh', ['-c', `command -v ${name}`])).join(
  ', ',
);

/** Whether the user may make sandboxes here; in many containers nobody may. */
export const sandboxWorks =
  flatpakMissing === '' &&
  works(...command('bwrap', ['--ro-bind', '/', '/', '--proc', '/proc', '--unshare-all', 'true']));

/** Runs programs as the user; the result is their standard output. */
export type AsUser = (name: string, ...args: string[]) => Promise<string>;

export async function flatpakUser(): Promise<{ home: string; run: AsUser }> {
  const home = await temporaryDirectory();
  await chmod(home, 0o755);
  await mkdir(join(home, 'run'), { mode: 0o700 });
  if (ROOT) for (const path of [home, join(home, 'run')]) await chown(path, NOBODY, NOBODY);
  const options: Options = {
    cwd: home,
    extendEnv: false,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: home,
      XDG_RUNTIME_DIR: join(home, 'run'),
      XDG_DATA_HOME: join(home, 'data'),
      XDG_CACHE_HOME: join(home, 'cache'),
      XDG_CONFIG_HOME: join(home, 'config'),
    },
    timeout: 50_000,
  };
  const run: AsUser = async (name, ...args) => {
    // It asks the system's bus what the user may install; nobody answers on this one, so anything.
    const script = 'DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS exec "$@"';
    const session = ['--', 'sh', '-c', script, 'sh', name, ...args];
    const { stdout } = await execa(...command('dbus-run-session', session), options);
    return String(stdout);
  };
  return { home, run };
}

/** The architecture, by its name in refs. */
export const arch = (): string => execFileSync('flatpak', ['--default-arch'], { encoding: 'utf8' }).trim();

export interface Bundle {
  ref: string;
  metadata: string;
  files: FileEntry[];
}

/** A runtime that has a shell and its libraries. */
export async function tinyRuntime(): Promise<Bundle> {
  const id = `org.example.Platform/${arch()}/stable`;
  const metadata = `[Runtime]\nname=org.example.Platform\nruntime=${id}\nsdk=${id}\n`;
  const libraries = execFileSync('ldd', ['/bin/sh'], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  const files: FileEntry[] = [{ path: 'metadata', content: metadata }];
  for (const path of ['/bin/sh', ...libraries])
    files.push({ path: `files${path}`, content: await readFile(path), mode: 0o755 });
  return { ref: `runtime/${id}`, metadata, files };
}

/** An app that says which version it is. */
export function tinyApp(version: string): Bundle {
  const runtime = `org.example.Platform/${arch()}/stable`;
  const metadata = `[Application]\nname=org.example.Hello\nruntime=${runtime}\nsdk=${runtime}\ncommand=hello\n`;
  const script = '#!/bin/sh\nread version < /app/share/version\necho "$FLATPAK_ID $version"\n';
  return {
    ref: `app/org.example.Hello/${arch()}/stable`,
    metadata,
    files: [
      { path: 'metadata', content: metadata },
      { path: 'export', type: 'directory' },
      { path: 'files/bin/hello', content: script, mode: 0o755 },
      { path: 'files/share/version', content: `${version}\n` },
    ],
  };
}
