// What a commit or a checkout leaves out.
import { checkArray, checkKnown, checkName, checkObject, valueError } from './check.js';
import { OstreeError } from './errors.js';

export function notSupported(what: string): OstreeError {
  return new OstreeError('NOT_SUPPORTED', `${what} is not supported yet by this package`);
}

/** A path in the tree, from its root. */
export function checkTreePath(value: unknown, name: string): asserts value is string {
  checkName(value, name);
  if (!value.startsWith('/')) throw valueError(name, `must begin with '/'. Received '${value}'`);
}

/** What `skip` asks for, of commits and of checkouts. */
export function skips(value: unknown): { skip: string[]; skipGlobs: string[] } {
  const result = { skip: [] as string[], skipGlobs: [] as string[] };
  if (value === undefined) return result;
  if (typeof value === 'function') throw notSupported('options.skip as a function');
  checkArray(value, 'options.skip');
  for (const [i, entry] of value.entries()) {
    const name = `options.skip[${i}]`;
    if (typeof entry === 'string') {
      checkTreePath(entry, name);
      result.skip.push(entry);
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
