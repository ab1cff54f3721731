// What JSON cannot say, said in JSON.

/**
 * A value that JSON.stringify takes: a bigint becomes its decimal digits, bytes become base64.
 */
export function jsonSafe(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map((element) => jsonSafe(element));
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return (value as { toJSON(): unknown }).toJSON();
  // fromEntries makes own properties, of a key `__proto__` too.
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, jsonSafe(entry)]));
}

/**
 * Gives a value that has metadata its `toJSON`, the same object otherwise. It is not enumerable: neither a structured
 * clone nor a comparison meets it.
 */
export function withJson<T extends object>(value: T): T & { toJSON(): unknown } {
  const toJSON = () => jsonSafe({ ...value });
  return Object.defineProperty(value, 'toJSON', { value: toJSON }) as T & { toJSON(): unknown };
}
