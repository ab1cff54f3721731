// npm runs this before it packs or publishes: a package without what is built beforehand can be installed, but not used.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const addons = existsSync(join(root, 'prebuilds'))
  ? readdirSync(join(root, 'prebuilds'), { recursive: true }).filter((name) => name.endsWith('.node'))
  : [];
const missing = [];
if (addons.length === 0) missing.push('no addon in prebuilds/: run npm run prebuild');
if (!existsSync(join(root, 'dist/index.js')) || !existsSync(join(root, 'typings/index.d.ts')))
  missing.push('nothing compiled in dist/ and typings/: run npm run build:ts');
if (missing.length > 0) {
  console.error(`The package would not work. There is\n${missing.map((what) => `  ${what}\n`).join('')}`);
  console.error(
    'scripts/check-package does it all elsewhere, and tries the package; npm pack --ignore-scripts packs what is there.',
  );
  process.exit(1);
}
