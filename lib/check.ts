// Arguments: their meaning is checked once, here, at the public method; the
// addon checks their shape again.

class ArgumentTypeError extends TypeError {
  readonly code = 'ERR_INVALID_ARG_TYPE';
}

class ArgumentValueError extends RangeError {
  readonly code = 'ERR_INVALID_ARG_VALUE';
}

class IllegalConstructorError extends TypeError {
  readonly code = 'ERR_ILLEGAL_CONSTRUCTOR';
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return `type ${typeof value}`;
}

/** A TypeError with code ERR_INVALID_ARG_TYPE. */
export function typeError(name: string, expected: string, value: unknown): TypeError {
  return new ArgumentTypeError(`${name} must be ${expected}. Received ${describe(value)}`);
}

/** A RangeError with code ERR_INVALID_ARG_VALUE. */
export function valueError(name: string, problem: string): RangeError {
  return new ArgumentValueError(`${name} ${problem}`);
}

/** Throws a TypeError with code ERR_ILLEGAL_CONSTRUCTOR where somebody else than this package calls a constructor. */
export function checkMade(made: unknown, member: string, what: string, instead: string): void {
  if (typeof made !== 'object' || made === null || !(member in made))
    throw new IllegalConstructorError(`A ${what} cannot be made with new: use ${instead}`);
}

export function checkString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw typeError(name, 'a string', value);
  if (value.includes('\0')) throw valueError(name, 'must not contain a NUL byte');
  // Node would make one character of any half of a surrogate pair, and two names the same.
  if (/\p{Surrogate}/u.test(value)) throw valueError(name, 'must not have half a surrogate pair in it');
}

/** A string that is not empty: a path, a name. */
export function checkName(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (value === '') throw valueError(name, 'must not be empty');
}

export function checkBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw typeError(name, 'a boolean', value);
}

export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw typeError(name, 'a function', value);
}

export function checkInteger(
  value: unknown,
  name: string,
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (typeof value !== 'number') throw typeError(name, 'a number', value);
  if (!Number.isInteger(value) || value < min || value > max)
    throw valueError(name, `must be an integer from ${min} to ${max}. Received ${value}`);
}

export function checkArray(value: unknown, name: string): asserts value is unknown[] {
  if (!Array.isArray(value)) throw typeError(name, 'an array', value);
}

export function checkObject(value: unknown, name: string): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw typeError(name, 'an object', value);
}

/** The names of the options that are a T, all of them: the compiler sees to that. */
export type Names<T> = Record<keyof T, true>;

/** A misspelt option that switches nothing on or off would go unnoticed. */
export function checkKnown(value: object, known: object, name = 'options'): void {
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(known, key))
      throw valueError(`${name}.${key}`, `is no option. Known are ${Object.keys(known).join(', ')}`);
  }
}

/** The options of a part of a method, which has looked at their names. */
export function checkOptionsObject(value: unknown): asserts value is object {
  checkObject(value, 'options');
}

const CALL = { signal: true };

/** @param known - the {@link Names} of the options, where there are more than a signal */
export function checkOptions(value: unknown, known: object = CALL): asserts value is object {
  checkOptionsObject(value);
  checkKnown(value, known);
}

export function checkSignal(value: unknown): asserts value is AbortSignal | undefined {
  if (value !== undefined && !isSignal(value)) throw typeError('options.signal', 'an AbortSignal', value);
}

/** By what it can do: it may be that of another realm, or of a library. */
function isSignal(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'aborted') === 'boolean' &&
    ['throwIfAborted', 'addEventListener', 'removeEventListener'].every(
      (method) => typeof Reflect.get(value, method) === 'function',
    )
  );
}

export function checkOneOf<T extends string>(
  value: unknown,
  name: string,
  allowed: readonly T[],
): asserts value is T {
  if (typeof value !== 'string') throw typeError(name, 'a string', value);
  if (!(allowed as readonly string[]).includes(value))
    throw valueError(name, `must be one of ${allowed.join(', ')}. Received '${value}'`);
}

const CHECKSUM = /^[0-9a-f]{64}$/;

export function checkChecksum(value: unknown, name: string): asserts value is string {
  checkString(value, name);
  if (!CHECKSUM.test(value)) throw valueError(name, `must be 64 lower-case hex digits. Received '${value}'`);
}

/** A revision: anything that libostree can resolve. libostree puts names on the stack, hence the limit. */
export function checkRev(value: unknown, name = 'rev'): asserts value is string {
  checkName(value, name);
  if (Buffer.byteLength(value) > 4096) throw valueError(name, 'must not be longer than 4096 bytes');
}

/** As libostree's own OSTREE_REF_FRAGMENT_REGEXP and ostree_validate_collection_id() have them. */
const REF = /^[\p{L}\p{N}_][-.\p{L}\p{N}_]*(?:\/[\p{L}\p{N}_][-.\p{L}\p{N}_]*)*$/u;
const REMOTE = /^[\p{L}\p{N}_][-.\p{L}\p{N}_]*$/u;
const COLLECTION_ID = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/;

export function checkRef(value: unknown, name = 'ref'): asserts value is string {
  checkRev(value, name);
  if (!REF.test(value))
    throw valueError(name, `must be a ref name such as 'os/x86_64/stable'. Received '${value}'`);
}

export function checkRemoteName(value: unknown, name = 'remote'): asserts value is string {
  checkRev(value, name);
  if (!REMOTE.test(value)) throw valueError(name, `must be the name of a remote. Received '${value}'`);
}

/** `remote:ref`, or a local ref. */
export function checkRefspec(value: unknown, name = 'refspec'): asserts value is string {
  checkString(value, name);
  const colon = value.indexOf(':');
  if (colon >= 0) checkRemoteName(value.slice(0, colon), name);
  checkRef(value.slice(colon + 1), name);
}

export function checkCollectionId(value: unknown, name = 'collectionId'): asserts value is string {
  checkRev(value, name);
  if (value.length > 255 || !COLLECTION_ID.test(value)) {
    throw valueError(name, `must be a reverse domain name such as 'org.example.Os'. Received '${value}'`);
  }
}
