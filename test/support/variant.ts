// Arbitrary GVariants for property tests: each as a type, a JavaScript value to write, GVariant's text form of it,
// and what reading it gives.
import fc, { type Arbitrary } from 'fast-check';
import { Variant } from 'ostree';

export interface Sample {
  type: string;
  /** Makes the value to write. */
  value: () => unknown;
  text: string;
  read: unknown;
}
type Part = Omit<Sample, 'type'>;

const string = fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => !text.includes('\0'));
const objectPath = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_]{1,4}$/), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);
const signature = fc.constantFrom('', 's', 'a{sv}', 'aaay(ii)', 'v');

/** GVariant's text form of a string: JSON's escapes are among GVariant's. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll('\x7f', '\\u007f');
}

// GLib does not parse the text of numbers as small as 1e-310.
const doubles = fc.double().filter((number) => number === 0 || !(Math.abs(number) < 2 ** -1022));

function double(number: number): string {
  if (Object.is(number, -0)) return '-0.0';
  return Number.isNaN(number) ? 'nan' : String(number).replace('Infinity', 'inf');
}

/** Both ways to give an integer; it is read as a number while that is safe. */
function integer(min: bigint, max: bigint): Arbitrary<Part> {
  const edge = fc.constantFrom(
    min,
    max,
    0n,
    BigInt(Number.MAX_SAFE_INTEGER),
    BigInt(Number.MAX_SAFE_INTEGER) + 1n,
  );
  return fc
    .tuple(
      fc.oneof(
        fc.bigInt({ min, max }),
        edge.map((n) => (n > max ? max : n)),
      ),
      fc.boolean(),
    )
    .map(([number, asBigint]) => {
      const safe = Number.isSafeInteger(Number(number));
      const value = asBigint || !safe ? number : Number(number);
      return { value: () => value, text: number.toString(), read: safe ? Number(number) : number };
    });
}

const same = <T>(arbitrary: Arbitrary<T>, print: (value: T) => string): Arbitrary<Part> =>
  arbitrary.map((value) => ({ value: () => value, text: print(value), read: value }));

const basics: Record<string, Arbitrary<Part>> = {
  b: same(fc.boolean(), String),
  y: integer(0n, 255n),
  n: integer(-32768n, 32767n),
  q: integer(0n, 65535n),
  i: integer(-(2n ** 31n), 2n ** 31n - 1n),
  u: integer(0n, 2n ** 32n - 1n),
  h: integer(-(2n ** 31n), 2n ** 31n - 1n),
  x: integer(-(2n ** 63n), 2n ** 63n - 1n),
  t: integer(0n, 2n ** 64n - 1n),
  d: same(doubles, double),
  s: same(string, quote),
  o: same(objectPath, quote),
  g: same(signature, quote),
};

const { type: anyType } = fc.letrec<{ type: string; tuple: string; entry: string }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...Object.keys(basics), 'v', 'ay'),
    tie('type').map((type) => `a${type}`),
    tie('type').map((type) => `m${type}`),
    tie('entry').map((type) => `a${type}`),
    tie('tuple'),
    tie('entry'),
  ),
  tuple: fc.array(tie('type'), { maxLength: 3 }).map((types) => `(${types.join('')})`),
  entry: fc
    .tuple(fc.constantFrom(...Object.keys(basics)), tie('type'))
    .map(([key, value]) => `{${key}${value}}`),
}));

/** The single type at the beginning of a string of types. */
function firstType(types: string): string {
  if (/^[am]/.test(types)) return types.slice(0, 1) + firstType(types.slice(1));
  if (!/^[({]/.test(types)) return types.slice(0, 1);
  let end = 1;
  while (!')}'.includes(types.charAt(end))) end += firstType(types.slice(end)).length;
  return types.slice(0, end + 1);
}

function splitTypes(types: string): string[] {
  if (types === '') return [];
  const first = firstType(types);
  return [first, ...splitTypes(types.slice(first.length))];
}

function list(parts: readonly Part[], open: string, close: string): Part {
  return {
    value: () => parts.map((part) => part.value()),
    text:
      open +
      parts.map((part) => part.text).join(', ') +
      (open === '(' && parts.length === 1 ? ',' : '') +
      close,
    read: parts.map((part) => part.read),
  };
}

function bytes(content: Uint8Array): Part {
  return { value: () => content, text: `[${content.join(', ')}]`, read: new Uint8Array(content) };
}

/** A dictionary with keys of type s, which is read as an object. */
function object(entries: readonly [string, Part][]): Part {
  const build = (get: (part: Part) => unknown) =>
    Object.fromEntries(entries.map(([key, part]): [string, unknown] => [key, get(part)]));
  // Where keys look like array indices an object has an order of its own.
  const parts = new Map(entries);
  const text = Object.keys(build(() => 0)).map((key) => `${quote(key)}: ${parts.get(key)?.text ?? ''}`);
  return {
    value: () => build((part) => part.value()),
    text: `{${text.join(', ')}}`,
    read: build((part) => part.read),
  };
}

function dictionary(key: string, value: string): Arbitrary<Part> {
  if (key === 's') {
    return fc
      .uniqueArray(fc.tuple(string, partOf(value)), { maxLength: 3, selector: ([name]) => name })
      .map((entries) => object(entries));
  }
  return fc.array(fc.tuple(partOf(key), partOf(value)), { maxLength: 3 }).map((entries) => ({
    value: () => entries.map((entry) => entry.map((part) => part.value())),
    text: `{${entries.map(([k, v]) => `${k.text}: ${v.text}`).join(', ')}}`,
    read: entries.map((entry) => entry.map((part) => part.read)),
  }));
}

function maybe(part: Part | null): Part {
  if (part === null) return { value: () => null, text: 'nothing', read: null };
  // A null within is written as the outer nothing: JavaScript has but one null.
  return part.value() === null ? part : { ...part, text: `just ${part.text}` };
}

function partOf(type: string): Arbitrary<Part> {
  const basic = basics[type];
  if (basic) return basic;
  if (type === 'v') {
    return fc.constantFrom('s', 'u', 'mas', 'v', 'ay', 'a{sv}', '(si)').chain((inner) =>
      partOf(inner).map((part) => ({
        value: () => new Variant(inner, part.value()),
        text: `<@${inner} ${part.text}>`,
        read: part.read,
      })),
    );
  }
  if (type === 'ay') return fc.uint8Array({ maxLength: 8 }).map(bytes);
  const rest = type.slice(1);
  if (type.startsWith('m')) return fc.option(partOf(rest)).map(maybe);
  if (type.startsWith('a{')) {
    const [key = '', value = ''] = splitTypes(rest.slice(1, -1));
    return dictionary(key, value);
  }
  if (type.startsWith('a'))
    return fc.array(partOf(rest), { maxLength: 3 }).map((parts) => list(parts, '[', ']'));
  const members = fc.tuple(...splitTypes(rest.slice(0, -1)).map(partOf));
  return members.map((parts) => (type.startsWith('(') ? list(parts, '(', ')') : list(parts, '{', '}')));
}

/** A value of any type. */
export function typedSample(): Arbitrary<Sample> {
  return anyType.chain((type) => partOf(type).map((part) => ({ type, ...part })));
}

/** A plain value, with the text form of what it is to become. */
export function plainSample(): Arbitrary<Part> {
  const typed = (part: Arbitrary<Part>, type: string) =>
    part.map((p) => ({ ...p, text: `@${type} ${p.text}` }));
  const { sample } = fc.letrec<{ sample: Part }>((tie) => ({
    sample: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.boolean().map((b) => ({ value: () => b, text: String(b), read: b })),
      typed(same(string, quote), 's'),
      typed(same(fc.integer(), String), 'i'),
      typed(
        same(
          fc.maxSafeInteger().filter((n) => Math.abs(n) > 2 ** 31),
          String,
        ),
        'x',
      ),
      typed(
        same(
          doubles.filter((n) => !Number.isSafeInteger(n)),
          double,
        ),
        'd',
      ),
      typed(fc.uint8Array({ maxLength: 8 }).map(bytes), 'ay'),
      typed(
        fc.array(same(string, quote), { maxLength: 3 }).map((parts) => list(parts, '[', ']')),
        'as',
      ),
      fc
        .uniqueArray(fc.tuple(string, tie('sample')), { maxLength: 3, selector: ([name]) => name })
        .map((entries) => {
          const boxed = entries.map(([key, part]): [string, Part] => [
            key,
            { ...part, text: `<${part.text}>` },
          ]);
          const part = object(boxed);
          return { ...part, text: `@a{sv} ${part.text}` };
        }),
    ),
  }));
  return sample;
}
