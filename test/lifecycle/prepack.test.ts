// npm packs nothing that cannot be used.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, it } from 'vitest';

import { temporaryDirectory } from '../support/repo.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/prepack.mjs', import.meta.url));

it('is what npm pack says of a package without prebuilds', async () => {
  const dir = await temporaryDirectory();
  const put = async (path: string) => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), '');
  };
  await put('scripts/x');
  await copyFile(SCRIPT, join(dir, 'scripts/prepack.mjs'));
  const scripts = { prepack: 'node scripts/prepack.mjs' };
  await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'x', version: '1.0.0', scripts }));
  // npx tells a npm below it of its own package, and so does npm run.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const pack = () => execa('npm', ['pack', '--dry-run'], { cwd: dir, reject: false, env, extendEnv: false });
  const nothing = await pack();
  expect(nothing.exitCode).not.toBe(0);
  expect(nothing.stderr).toContain('no addon in prebuilds/: run npm run prebuild');
  expect(nothing.stderr).toContain('nothing compiled in dist/ and typings/: run npm run build:ts');
  await put('dist/index.js');
  await put('typings/index.d.ts');
  await put('prebuilds/linux-x64/readme');
  const half = await pack();
  expect(half.exitCode).not.toBe(0);
  expect(half.stderr).not.toContain('build:ts');
  await put('prebuilds/linux-x64/ostree.glibc.node');
  expect((await pack()).exitCode).toBe(0);
});
