import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { jsonSafe } from '../../lib/json.js';
import { native } from '../../lib/native.js';
import { rangeError, typeError, wrongValue } from '../support/errors.js';
import { cliRepo } from '../support/repo.js';
import { plainSample } from '../support/variant.js';

const COMMIT = '(a{sv}aya(say)sstayay)';
const written = (value: unknown) => new Variant('v', value).toString();

describe('writing plain values', () => {
  it.each<[unknown, string]>([
    [true, '<true>'],
    ['', "<''>"],
    ['text', "<'text'>"],
    [0, '<0>'],
    [2 ** 31 - 1, '<2147483647>'],
    [-(2 ** 31), '<-2147483648>'],
    [2 ** 31, '<int64 2147483648>'],
    [-(2 ** 31) - 1, '<int64 -2147483649>'],
    [Number.MAX_SAFE_INTEGER, '<int64 9007199254740991>'],
    [2 ** 53, '<9007199254740992.0>'],
    [0.5, '<0.5>'],
    [NaN, '<nan>'],
    [-Infinity, '<-inf>'],
    [5n, '<int64 5>'],
    [2n ** 63n - 1n, '<int64 9223372036854775807>'],
    [2n ** 63n, '<uint64 9223372036854775808>'],
    [2n ** 64n - 1n, '<uint64 18446744073709551615>'],
    [new Uint8Array([1, 2]), '<[byte 0x01, 0x02]>'],
    [Buffer.from('ab\0'), "<b'ab'>"],
    [new Uint8Array(), '<@ay []>'],
    [[], '<@as []>'],
    [['a', 'b'], "<['a', 'b']>"],
    [{}, '<@a{sv} {}>'],
    [{ a: { b: ['c'] } }, "<{'a': <{'b': <['c']>}>}>"],
    [{ a: undefined, b: 1 }, "<{'b': <1>}>"],
    [Object.assign(Object.create(null), { a: 1 }), "<{'a': <1>}>"],
    [runInNewContext('({ a: 1 })'), "<{'a': <1>}>"],
    [{ a: new Variant('ms', null) }, "<{'a': <@ms nothing>}>"],
    [{ a: new Variant('v', 'x') }, "<{'a': <<'x'>>}>"],
    [{ ['__proto__']: 1, constructor: 2, '': 3 }, "<{'__proto__': <1>, 'constructor': <2>, '': <3>}>"],
    [Object.assign({ a: 1 }, { [Symbol('hidden')]: 2 }), "<{'a': <1>}>"],
  ])('%o is %s', (value, text) => {
    expect(written(value)).toBe(text);
  });

  it('chooses the documented types', () => {
    fc.assert(
      fc.property(plainSample(), ({ value, text, read }) => {
        const variant = new Variant('a{sv}', { key: value() });
        expect(variant.toBytes()).toEqual(Variant.parse(`{'key': <${text}>}`, 'a{sv}').toBytes());
        expect(variant.value).toStrictEqual({ key: read });
      }),
      { numRuns: 500 },
    );
  });

  class Own {
    field = 1;
  }
  class Rootless extends null {
    static make(): unknown {
      return Object.create(this.prototype) as unknown;
    }
  }
  it.each<[string, unknown, RegExp]>([
    ['null', { a: { 'b.c': null } }, /^value\.a\["b\.c"\] is null, .*Variant/],
    ['an array with a hole', { a: Object.assign([], { 1: 'b' }) }, /^value\.a\[0\] is not a string.*Variant/],
    ['a mixed array', { a: ['x', 1] }, /^value\.a\[1\] is not a string.*Variant/],
    ['an array of Variants', [new Variant('s', 'x')], /^value\[0\] is not a string/],
    ['an instance of a class', { a: new Own() }, /^value\.a is not a plain object.*Variant/],
    ['an instance of a class without a root', { a: Rootless.make() }, /^value\.a is not a plain object/],
    ['a Date', { a: new Date() }, /^value\.a is not a plain object/],
    ['a Map', { a: new Map() }, /^value\.a is not a plain object/],
    ['an ArrayBuffer', { a: new ArrayBuffer(1) }, /^value\.a is not a plain object/],
    ['a DataView', { a: new DataView(new ArrayBuffer(1)) }, /^value\.a is not a plain object/],
    ['another typed array', { a: new Float32Array(1) }, /^value\.a is not a Uint8Array/],
    ['a boxed string', { a: Object('x') as unknown }, /^value\.a is not a plain object/],
    ['what inherits from a plain object', { a: Object.create({ b: 1 }) as unknown }, /^value\.a is not/],
    ['a function', { a: () => 1 }, /^value\.a is a function/],
    ['a proxy of an array', { a: new Proxy(['x'], {}) }, /^value\.a is not a plain object/],
  ])('refuses %s, naming the key path', (_name, value, message) => {
    expect(() => written(value)).toThrow(typeError(message));
  });

  it('refuses bigints beyond 64 bits', () => {
    expect(() => written({ a: 2n ** 64n })).toThrow(rangeError('^value\\.a does not fit'));
    expect(() => written({ a: -(2n ** 63n) - 1n })).toThrow(rangeError('^value\\.a does not fit'));
  });

  it('refuses text that GVariant cannot say', () => {
    expect(() => written({ a: 'x\0y' })).toThrow(wrongValue('^value\\.a contains a NUL'));
    expect(() => written({ a: '\ud800' })).toThrow(wrongValue('^value\\.a contains half of a surrogate'));
    expect(() => written({ 'x\0y': 1 })).toThrow(wrongValue('contains a NUL'));
    expect(() => written({ '\udc00': 1 })).toThrow(wrongValue('surrogate'));
  });

  it('refuses cycles', () => {
    const object: Record<string, unknown> = {};
    object['a'] = { b: object };
    expect(() => written(object)).toThrow(wrongValue('^value\\.a\\.b is cyclic'));
    const array: unknown[] = [];
    array.push([array]);
    expect(() => new Variant('aav', [[array]])).toThrow(typeError('value'));
  });

  it('takes what is in two places, if it is no cycle', () => {
    const shared = { x: 1 };
    expect(written({ a: shared, b: shared })).toBe("<{'a': <{'x': <1>}>, 'b': <{'x': <1>}>}>");
  });

  it('nests as deeply as GLib allows, and refuses what is deeper', () => {
    const nested = (levels: number) => {
      let object: object = {};
      for (let i = 0; i < levels; i++) object = { x: object };
      return object;
    };
    const variant = new Variant('a{sv}', nested(41));
    expect(variant.value).toEqual(nested(41));
    expect(Variant.fromBytes('a{sv}', variant.toBytes())).toEqual(variant);
    expect(() => new Variant('a{sv}', nested(42))).toThrow(wrongValue('nested too deeply$'));
    expect(() => new Variant('a{sv}', nested(100_000))).toThrow(wrongValue('nested too deeply$'));
    let boxed = new Variant('i', 1);
    const box = () => {
      for (let i = 0; i < 1000; i++) boxed = new Variant('v', boxed);
    };
    expect(box).toThrow(wrongValue('nested too deeply$'));
  });
});

describe('reading', () => {
  it.each<[string, unknown]>([
    ['int64 9007199254740991', 9007199254740991],
    ['int64 9007199254740992', 9007199254740992n],
    ['int64 -9007199254740991', -9007199254740991],
    ['int64 -9007199254740992', -9007199254740992n],
    ['uint64 9007199254740992', 9007199254740992n],
    ['[int64 1, 9223372036854775807]', [1, 9223372036854775807n]],
    ['@mms just nothing', null],
    ["{'a': 1, 'b': 2, 'a': 3}", { a: 1, b: 2 }],
    ["{'10': 1, '9': 2}", { 9: 2, 10: 1 }],
    [
      '{1: 2, 1: 3}',
      [
        [1, 2],
        [1, 3],
      ],
    ],
    ["{signature 's': 2}", [['s', 2]]],
    ["<<(1, 'x')>>", [1, 'x']],
  ])('%s is %o', (text, value) => {
    expect(Variant.parse(text).value).toStrictEqual(value);
  });

  it('makes own properties of any key', () => {
    const { value } = Variant.parse("{'__proto__': <{'polluted': <true>}>, 'toString': <1>}");
    expect(Object.keys(value as object)).toEqual(['__proto__', 'toString']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect('polluted' in (value as object)).toBe(false);
    expect(JSON.stringify(jsonSafe(value))).toBe('{"__proto__":{"polluted":true},"toString":1}');
  });

  it('gives copies', () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const variant = new Variant('ay', bytes);
    bytes[0] = 9;
    (variant.value as Uint8Array)[0] = 9;
    variant.toBytes()[0] = 9;
    expect(variant.value).toEqual(new Uint8Array([1, 2, 3]));
    const raw = new Uint8Array([5, 0, 0, 0]);
    const taken = Variant.fromBytes('u', raw);
    raw[0] = 6;
    expect(taken.value).toBe(5);
  });

  it('keeps Variants for what is in a v', () => {
    const text = "{'a': <uint32 1>, 'b': <<@ms nothing>>, 'c': <[<byte 0x01>]>}";
    const { type, bytes } = native().variantParse(text, undefined);
    const kept = native().variantRead(type, bytes, true) as Record<string, Variant>;
    expect(kept['a']).toBeInstanceOf(Variant);
    expect(Object.values(kept).map((variant) => variant.type)).toEqual(['u', 'v', 'av']);
    expect(new Variant('a{sv}', kept).toString()).toBe(text);
  });

  it('refuses more values than fit into memory, with TOO_LARGE', () => {
    const variant = Variant.fromBytes('a()', new Uint8Array(2 ** 20 + 1));
    expect(() => variant.value).toThrow(expect.objectContaining({ name: 'OstreeError', code: 'TOO_LARGE' }));
    expect(Variant.fromBytes('a()', new Uint8Array(1000)).value).toHaveLength(1000);
    expect(Variant.fromBytes('ay', new Uint8Array(2 ** 22)).value).toHaveLength(2 ** 22);
  });
});

describe('Variant', () => {
  it('is compared by what it is', () => {
    expect(new Variant('u', 1)).toEqual(new Variant('u', 1));
    expect(new Variant('u', 1)).not.toEqual(new Variant('i', 1));
    expect(new Variant('u', 1)).not.toEqual(new Variant('u', 2));
    expect(Object.keys(new Variant('u', 1))).toEqual(['type', 'value']);
  });

  it('cannot be changed', () => {
    const variant = new Variant('u', 1);
    expect(() => Object.assign(variant, { type: 's' })).toThrow(TypeError);
    expect(() => Object.assign(variant, { value: 2 })).toThrow(TypeError);
    expect(variant.value).toBe(1);
  });

  it('survives a structured clone as type and value', () => {
    const clone = structuredClone(new Variant('a{sv}', { a: 1n }));
    expect(clone).toStrictEqual({ type: 'a{sv}', value: { a: 1 } });
    expect(new Variant(clone.type, clone.value).toString()).toBe("{'a': <1>}");
  });

  it('prints for JSON and for people', () => {
    const variant = new Variant('a{sv}', {
      big: 2n ** 63n,
      bytes: new Uint8Array([1, 2]),
      list: ['a'],
      in: { t: 1 },
    });
    expect(JSON.stringify({ variant })).toBe(
      '{"variant":{"big":"9223372036854775808","bytes":"AQI=","list":["a"],"in":{"t":1}}}',
    );
    expect(inspect(new Variant('as', ['x']))).toBe("Variant('as', [ 'x' ])");
  });

  it('makes JSON of what lies around Variants, too', () => {
    const value = {
      when: new Date(0),
      inside: [new Variant('t', 2n ** 60n), 1n, Buffer.from('x')],
      nothing: null,
    };
    expect(JSON.stringify(jsonSafe(value))).toBe(
      '{"when":"1970-01-01T00:00:00.000Z","inside":["1152921504606846976","1","eA=="],"nothing":null}',
    );
  });

  it.each(['', '1 2', '[1', "{'a': 1, 2}", 'nothing', "'a", '@u -1', 'foo', '\\', '[1, "a"]'])(
    'does not parse %j',
    (text) => {
      expect(() => Variant.parse(text)).toThrow(wrongValue(/^text is not a GVariant in text form: .*\d/));
    },
  );

  it('parses with the type that is asked for, or not at all', () => {
    expect(Variant.parse('5', 't').type).toBe('t');
    expect(Variant.parse('[]', 'as').value).toEqual([]);
    expect(() => Variant.parse("'x'", 'u')).toThrow(wrongValue('^text '));
    expect(() => Variant.parse(5 as never)).toThrow(typeError('^text is not a string$'));
    expect(() => Variant.parse('1\0')).toThrow(wrongValue('NUL'));
    expect(() => Variant.parse('['.repeat(200) + ']'.repeat(200))).toThrow(wrongValue('^text '));
    expect(() => Variant.parse('<'.repeat(100_000))).toThrow(wrongValue('^text '));
    expect(() => Variant.parse('@' + 'a'.repeat(200) + 'i []')).toThrow(wrongValue('^text '));
    expect(() => Variant.parse(' '.repeat(2 ** 24) + '1')).toThrow(rangeError('16 MiB'));
  });

  it.each<[string, number[]]>([
    ['u', [1, 2, 3]],
    ['b', [2]],
    ['s', [97]],
    ['s', []],
    ['s', [255, 0]],
    ['s', [97, 0, 98, 0]],
    ['as', [97, 0, 200]],
    ['v', [1, 0, 122]],
    ['(yu)', [1, 7, 0, 0, 1, 0, 0, 0]],
    ['()', [1]],
    ['a{sv}', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])('does not take bytes that are no normal form: %s, %j', (type, bytes) => {
    expect(() => Variant.fromBytes(type, new Uint8Array(bytes))).toThrow(
      wrongValue('^bytes is not the serialised form'),
    );
  });

  it('takes bytes at any alignment', () => {
    const { type, bytes } = native().variantParse("[(uint64 1, 'x'), (2, 'y')]", undefined);
    for (let offset = 0; offset < 9; offset++) {
      const moved = new Uint8Array(new ArrayBuffer(bytes.length + offset), offset);
      moved.set(bytes);
      expect(Variant.fromBytes(type, moved).value).toEqual([
        [1, 'x'],
        [2, 'y'],
      ]);
    }
  });

  it('never crashes on arbitrary bytes', () => {
    const types = fc.constantFrom(
      'v',
      'as',
      'a{sv}',
      'aav',
      '(sv)',
      'a(say)',
      'mmv',
      COMMIT,
      'a{sa{sv}}',
      'a()',
    );
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 64 }), (type, bytes) => {
        try {
          const variant = Variant.fromBytes(type, bytes);
          expect(variant.toBytes()).toEqual(bytes);
          expect(Variant.parse(variant.toString(), type).toBytes()).toEqual(bytes);
        } catch (error) {
          expect(error).toEqual(wrongValue('serialised form'));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('with the ostree command', () => {
  const texts = [
    '<true>',
    'uint16 5',
    "'x'",
    '@ms nothing',
    "[('a', @t 5)]",
    "{'k': <[byte 0x00, 0x01]>}",
    '-1.5',
    "b'bytes'",
    'int64 9223372036854775807',
    '@a{sv} {}',
    "objectpath '/a'",
  ];

  it('reads the metadata that it wrote', async () => {
    const repo = await cliRepo();
    const checksum = await repo.commit(
      'main',
      { a: 'a' },
      ...texts.map((text, i) => `--add-metadata=key${i}=${text}`),
    );
    const path = join(repo.path, 'objects', checksum.slice(0, 2), `${checksum.slice(2)}.commit`);
    const [metadata] = native().variantRead(COMMIT, await readFile(path), true) as [Record<string, Variant>];
    for (const [i, text] of texts.entries()) expect(metadata[`key${i}`]).toEqual(Variant.parse(text));
  });

  it('is understood by it', async () => {
    const repo = await cliRepo();
    const variants = texts.map((text) => Variant.parse(text));
    await repo.commit(
      'main',
      { a: 'a' },
      ...variants.map((variant, i) => `--add-metadata=key${i}=${variant.toString()}`),
    );
    for (const [i, variant] of variants.entries())
      expect(await repo.ostree('show', '-B', `--print-metadata-key=key${i}`, 'main')).toBe(
        variant.toString(),
      );
  });
});
