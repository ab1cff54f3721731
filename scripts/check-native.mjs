// The house rules of src-native that no tool knows: what may be used outside src-native/core, which directory may
// include which, a file's opening comment and its length.
import { readFileSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const MAX_LINES = 420;
const onlyInCore = [
  [/\bnew\s+[A-Z_a-z]/, 'new'],
  [/(?<!=\s)\bdelete\b(?!;|\s*\()/, 'delete'],
  [/\bg_free\s*\(/, 'g_free'],
  [/\b\w+_unref\s*\(/, '*_unref'],
  [/\bGError\s*\*/, 'GError*'],
  [/\bstd::j?thread\b/, 'std::thread'],
  [/\bThreadSafeFunction\b/, 'ThreadSafeFunction'],
];
// A directory includes those before it, never those after it.
const order = ['core', 'engine', 'repo', 'sysroot'];

/** The source with comments and strings blanked, so that lines keep their numbers. */
function code(text) {
  return text.replace(/\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"/g, (match) =>
    match.replace(/[^\n]/g, ' '),
  );
}

const files = readdirSync('src-native', { recursive: true }).sort();
for (const name of files) {
  if (!/\.(cc|h)$/.test(name)) continue;
  const path = `src-native/${name}`;
  const text = readFileSync(path, 'utf8');
  const directory = name.includes('/') ? name.split('/')[0] : '';
  const fail = (line, message) => {
    console.error(`${path}:${line}: ${message}`);
    process.exitCode = 1;
  };

  // The header speaks for its .cc.
  if (!text.startsWith('//') && !(name.endsWith('.cc') && files.includes(name.replace(/cc$/, 'h'))))
    fail(1, 'begin the file with a comment that says what it is');
  const lines = text.split('\n').length - 1;
  if (lines > MAX_LINES) fail(lines, `a file has at most ${MAX_LINES} lines: split it by purpose`);

  const rank = order.indexOf(directory);
  text.split('\n').forEach((line, index) => {
    const included = /^#include "(\w+)\//.exec(line)?.[1];
    if (rank >= 0 && included && order.indexOf(included) > rank)
      fail(index + 1, `${directory}/ must not include ${included}/`);
  });
  if (directory === 'core') continue;
  code(text)
    .split('\n')
    .forEach((line, index) => {
      for (const [pattern, what] of onlyInCore)
        if (pattern.test(line)) fail(index + 1, `${what} belongs in src-native/core: use its types`);
    });
}
