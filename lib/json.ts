// What JSON cannot say, said in JSON.

/**
 * A value that JSON.stringify takes: a bigint becomes its decimal digits, bytes become base64. Everything that
 * may hold metadata applies it in its `toJSON`.
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
