// Writes the README's first example (the first ts or js block that imports 'ostree') as PREFIX.mjs, PREFIX.cjs and PREFIX.ts:
// the three ways in which a user may write it. Usage: example-forms.mjs PREFIX
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const prefix = process.argv[2];
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/^```(?:ts|js|typescript|javascript|mjs)\n([\s\S]*?)^```/gm)].map(
  (match) => match[1],
);
const example = blocks.find((block) => /from 'ostree'/.test(block));
if (!example) {
  console.error("README.md has no ts or js block that imports from 'ostree'");
  process.exit(1);
}

/** The same program with require(), its top-level awaits in an async function. */
function commonJs(source) {
  const requires = [];
  const body = source.replace(
    /^import\s+(type\s+)?([\s\S]*?)\s+from\s+('[^']+');\n/gm,
    (_, type, names, module) => {
      const pattern = names.replace(/^\* as /, '').replace(/(\w+) as (\w+)/g, '$1: $2');
      if (!type) requires.push(`const ${pattern} = require(${module});\n`);
      return '';
    },
  );
  return `${requires.join('')}(async () => {\n${body}})();\n`;
}

writeFileSync(`${prefix}.mjs`, example);
writeFileSync(`${prefix}.cjs`, commonJs(example));
writeFileSync(`${prefix}.ts`, example);
