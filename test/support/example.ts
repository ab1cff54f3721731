// The examples, run as programs of their own.
import { readdir, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the package, so that the examples find it by its name. */
const compiled = join(root, '.cache/test-examples');

/** Compiles the examples, without checking their types: lint does. */
export async function compileExamples(): Promise<void> {
  const names = await readdir(join(root, 'examples'), { recursive: true });
  for (const name of names.filter((n) => n.endsWith('.ts'))) {
    const source = await readFile(join(root, 'examples', name), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    const to = join(compiled, name.replace(/\.ts$/, '.js'));
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, outputText);
  }
}

/** Starts an example, with a directory of its own for its temporary files. */
export function runExample(name: string, args: string[], tmp: string, env: Record<string, string> = {}) {
  return execa(process.execPath, [join(compiled, `${name}.js`), ...args], {
    env: { TMPDIR: tmp, ...env },
    reject: false,
    timeout: 50_000,
  });
}
