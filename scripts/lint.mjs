// Everything that is checked without running it. --fix formats and mends what can be; --tidy adds clang-tidy, which is slow.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const CLANG = 14; // another major version formats differently
const fix = process.argv.includes('--fix');
const tidy = process.argv.includes('--tidy');
const native = ['src-native', 'test'].flatMap((directory) =>
  readdirSync(directory, { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => `${directory}/${name}`),
);

/** The command of the pinned clang tool, or undefined after saying why not. */
function clang(tool) {
  for (const command of [`${tool}-${CLANG}`, tool]) {
    const asked = spawnSync(command, ['--version'], { encoding: 'utf8' });
    if (asked.status === 0 && asked.stdout.includes(`version ${CLANG}.`)) return command;
  }
  console.error(
    `${tool} ${CLANG} is not here (Debian: ${tool}-${CLANG}; scripts/setup --dev installs it), so the C++ is not checked.`,
  );
  return undefined;
}

function step(name, command, args, input = '') {
  const started = Date.now();
  const run = spawnSync(command, args, { input, stdio: ['pipe', 'inherit', 'inherit'] });
  const passed = run.status === 0;
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (!passed) process.exitCode = 1;
}

function tool(name) {
  return `node_modules/.bin/${name}`;
}

const clangFormat = clang('clang-format');
if (clangFormat)
  step('clang-format', clangFormat, fix ? ['-i', ...native] : ['--dry-run', '-Werror', ...native]);
else process.exitCode = 1;
step('house rules of src-native', process.execPath, ['scripts/check-native.mjs']);
step('binding.gyp and CMakeLists.txt agree', process.execPath, ['scripts/check-drift.mjs']);
step('docs/coverage.md is current', process.execPath, ['scripts/api-coverage.mjs', '--check']);
step('prettier', tool('prettier'), [
  '--cache',
  '--cache-location',
  '.cache/prettier',
  '--log-level=warn',
  fix ? '--write' : '--check',
  '.',
]);
// No cache: what eslint says of a file depends on the types of others. bench/ takes its types from the build.
step('eslint', tool('eslint'), [...(fix ? ['--fix'] : []), '.']);
step('types', tool('tsc'), []);

if (tidy) {
  const clangTidy = clang('clang-tidy');
  if (clangTidy) {
    const sources = native.filter((name) => name.startsWith('src-native/') && name.endsWith('.cc'));
    execFileSync(tool('cmake-js'), ['configure', '--out', 'build-tidy', '--CDUSE_PCH=OFF'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    step(
      'clang-tidy',
      'xargs',
      ['-P', '2', '-n', '1', clangTidy, '-p', 'build-tidy', '--quiet'],
      sources.join('\n'),
    );
  } else process.exitCode = 1;
}
