// Removes what the builds made. typings/addon.d.ts is written by hand and stays.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const onlyTypeScript = process.argv.includes('--ts');

const emitted = readdirSync('typings')
  .filter((name) => name !== 'addon.d.ts')
  .map((name) => join('typings', name));
const native = readdirSync('.').filter(
  (name) => name === 'build' || name === 'prebuilds' || name.startsWith('build-'),
);
for (const path of ['dist', ...emitted, ...(onlyTypeScript ? [] : native)])
  rmSync(path, { recursive: true, force: true });
