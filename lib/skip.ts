// What a commit or a checkout leaves out.
import { checkArray, checkKnown, checkName, checkObject, valueError } from './check.js';

/** A path in the tree, from its root, with the slash at its beginning, whether it was given with one or not. */
export function treePath(value: unknown, name: string): string {
  checkName(value, name);
  return value.startsWith('/') ? value : `/${value}`;
}

/** What a list of `skip` asks for, of commits and of checkouts. */
export function skips(value: unknown): { skip: string[]; skipGlobs: string[] } {
  const result = { skip: [] as string[], skipGlobs: [] as string[] };
  if (value === undefined) return result;
  checkArray(value, 'options.skip');
  for (const [i, entry] of value.entries()) {
    const name = `options.skip[${i}]`;
    if (typeof entry === 'string') {
      result.skip.push(treePath(entry, name));
      continue;
    }
    checkObject(entry, name);
    checkKnown(entry, { glob: true }, name);
    checkName(entry['glob'], `${name}.glob`);
    if (/[[\]{}\\]/.test(entry['glob']))
      throw valueError(`${name}.glob`, `knows only '*', '?' and '**'. Received '${entry['glob']}'`);
    result.skipGlobs.push(entry['glob']);
  }
  return result;
}
