#!/usr/bin/env node
// Builds build/Release/ostree.node (--debug: build/Debug) with node-gyp: configures when the sources or settings
// changed, then builds what changed. Run it as often as you like.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const type = process.argv.includes('--debug') ? 'Debug' : 'Release';

try {
  execFileSync('pkg-config', ['--print-errors', '--exists', 'ostree-1', 'gio-unix-2.0'], {
    stdio: 'inherit',
  });
} catch {
  console.error(
    'The headers of libostree are missing. Run scripts/setup: it installs them, or names the packages.',
  );
  process.exit(1);
}

const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
// The headers that came with this Node, where they did: node-gyp would download them otherwise.
const prefix = dirname(dirname(process.execPath));
const local = existsSync(join(prefix, 'include/node/common.gypi'));
const nodedir = local ? [`--nodedir=${prefix}`] : [];

function nodeGyp(...args) {
  const run = spawnSync(process.execPath, [gyp, ...args, ...nodedir, '--loglevel=error'], {
    stdio: 'inherit',
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
}

const sources = readdirSync('src-native', { recursive: true }).filter((name) => name.endsWith('.cc'));
const settings = [
  process.version,
  nodedir,
  process.env.CC,
  process.env.CXX,
  sources.sort(),
  readFileSync('binding.gyp', 'utf8'),
];
const stamp = createHash('sha256').update(JSON.stringify(settings)).digest('hex');
const stampFile = 'build/.configured';
if (!existsSync('build/Makefile') || !existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  nodeGyp('configure');
  mkdirSync('build', { recursive: true });
  writeFileSync(stampFile, stamp);
}
nodeGyp('build', `--${type.toLowerCase()}`, ...(process.env.MAKEFLAGS ? [] : ['--jobs=max']));
console.log(`build/${type}/ostree.node is up to date`);
