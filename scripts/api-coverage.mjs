// docs/coverage.md: every function that libostree exports, and where it is.
// The names, the methods that stand for them and the reasons of those that need none
// are in api-coverage.json; what the addon calls is read off its sources.
//
//   npm run coverage:api            writes docs/coverage.md
//   npm run coverage:api -- --check exits 1 when it is out of date
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const names = JSON.parse(readFileSync(join(root, 'scripts/api-coverage.json'), 'utf8'));

/** What only asks whether the library has a function does not call it. */
const PRESENCE = ['core/dynamic.h', 'core/version.cc'];

/** Where in the addon's sources, comments left out, each function is called first. */
function calls() {
  const found = new Map();
  for (const file of readdirSync(join(root, 'src-native'), { recursive: true }).sort()) {
    if (!/\.(cc|h)$/.test(file) || PRESENCE.includes(file)) continue;
    const code = readFileSync(join(root, 'src-native', file), 'utf8').replace(/\/\/.*|\/\*[^]*?\*\//g, '');
    for (const [name] of code.matchAll(/\bostree_\w+/g)) if (!found.has(name)) found.set(name, file);
  }
  return found;
}

/** The methods named by the list that lib/ does not have. */
function missingMethods() {
  const lib = readdirSync(join(root, 'lib'))
    .map((file) => readFileSync(join(root, 'lib', file), 'utf8'))
    .join('\n');
  const methods = Object.values(names).flatMap(({ by }) => by?.match(/[\w.]+(?=\(|,|$)/g) ?? []);
  return [...new Set(methods)].filter((method) => !new RegExp(`\\b${method.split('.').at(-1)}\\b`).test(lib));
}

const called = calls();
const sections = {
  'Bound: the addon calls it': [],
  'Folded: a method does the same by other means': [],
  'None needed': [],
  'Open: not bound yet': [],
};
const [bound, folded, none, open] = Object.values(sections);
for (const [name, { since, by, why, open: missing }] of Object.entries(names)) {
  const methods = by && by.replace(/[^,]+/g, (method) => method.replace(/^(\s*)(.*)$/, '$1`$2`'));
  const row = (where) => `| \`${name}\` | ${since} | ${where} |`;
  if (called.has(name)) bound.push(row(methods ?? `src-native/${called.get(name)}`));
  else if (methods) folded.push(row(methods));
  else if (why) none.push(row(why));
  else open.push(row(missing));
}

const lines = [
  '# Coverage of libostree',
  '',
  `Every function that libostree 2026.4 exports (${Object.keys(names).length}), and where it is. Written by \`npm run coverage:api\`.`,
  '',
  ...Object.entries(sections).map(([title, rows]) => `- ${title}: ${rows.length}`),
];
for (const [title, rows] of Object.entries(sections)) {
  if (rows.length)
    lines.push('', `## ${title}`, '', '| function | since | where or why |', '| --- | --- | --- |', ...rows);
}
const document = `${lines.join('\n')}\n`;
const path = join(root, 'docs/coverage.md');

const missing = missingMethods();
if (missing.length) {
  console.error(`scripts/api-coverage.json names methods that lib/ does not have: ${missing.join(', ')}`);
  process.exitCode = 1;
} else if (!process.argv.includes('--check')) {
  writeFileSync(path, document);
} else if (readFileSync(path, 'utf8') !== document) {
  console.error('docs/coverage.md is out of date: npm run coverage:api');
  process.exitCode = 1;
}
