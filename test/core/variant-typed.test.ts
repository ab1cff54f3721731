import fc from 'fast-check';
import { Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { native } from '../../lib/native.js';
import { rangeError, typeError, wrongValue } from '../support/errors.js';
import { typedSample } from '../support/variant.js';

describe('writing by a type', () => {
  it.each<[string, unknown, string, unknown?]>([
    ['b', true, 'true'],
    ['y', 255, 'byte 0xff'],
    ['n', -32768, 'int16 -32768'],
    ['q', 65535, 'uint16 65535'],
    ['i', -(2 ** 31), '-2147483648'],
    ['u', 2 ** 32 - 1, 'uint32 4294967295'],
    ['h', 7, 'handle 7'],
    ['x', -(2 ** 53) + 1, 'int64 -9007199254740991'],
    ['x', -(2n ** 63n), 'int64 -9223372036854775808'],
    ['x', 5n, 'int64 5', 5],
    ['t', 2n ** 64n - 1n, 'uint64 18446744073709551615'],
    ['d', 0.1, '0.10000000000000001'],
    ['d', Infinity, 'inf'],
    ['d', -0, '-0.0'],
    ['s', 'Grüße, 😀', "'Grüße, 😀'"],
    ['o', '/org/example', "objectpath '/org/example'"],
    ['g', 'a{sv}', "signature 'a{sv}'"],
    ['ms', null, '@ms nothing'],
    ['ms', 'x', "@ms 'x'"],
    ['mms', null, '@mms nothing'],
    ['as', [], '@as []'],
    ['as', ['a', 'b'], "['a', 'b']"],
    ['ao', ['/a'], "[objectpath '/a']"],
    ['ai', [1, 2], '[1, 2]'],
    ['ay', new Uint8Array([97, 0]), "b'a'"],
    ['ay', new Uint8Array([0, 255]), '[byte 0x00, 0xff]'],
    ['ay', [1, 2], '[byte 0x01, 0x02]', new Uint8Array([1, 2])],
    ['ab', [true, false], '[true, false]'],
    ['aay', [new Uint8Array([1])], '[[byte 0x01]]'],
    ['()', [], '()'],
    ['(s)', ['a'], "('a',)"],
    ['(sib)', ['a', 1, true], "('a', 1, true)"],
    ['{si}', ['a', 1], "{'a', 1}"],
    ['a{si}', { a: 1, b: 2 }, "{'a': 1, 'b': 2}"],
    ['a{si}', [['a', 1]], "{'a': 1}", { a: 1 }],
    ['a{os}', { '/a': 'x' }, "{objectpath '/a': 'x'}", [['/a', 'x']]],
    ['a{is}', [[1, 'x']], "{1: 'x'}"],
    ['a{sv}', { a: 1, b: undefined }, "{'a': <1>}", { a: 1 }],
    ['v', 1, '<1>'],
    ['v', new Variant('v', 1), '<<1>>', 1],
    ['v', new Variant('u', 1), '<uint32 1>', 1],
    ['a(suv)', [['a', 1, new Variant('ms', null)]], "[('a', 1, <@ms nothing>)]", [['a', 1, null]]],
    ['(uu)', [new Variant('u', 1), 2], '(1, 2)', [1, 2]],
  ])('%s of %o is %s', (type, value, text, read = value) => {
    const variant = new Variant(type, value);
    const printed = variant.toString();
    // The type annotation that GLib puts in front where the text alone would not say it.
    expect(printed === text || Variant.parse(text, type).toString() === printed).toBe(true);
    expect(variant.type).toBe(type);
    expect(variant.value).toStrictEqual(read);
    expect(variant.toBytes()).toEqual(Variant.parse(text, type).toBytes());
  });

  it('makes the bytes that GLib makes of the text form, and reads them back', () => {
    fc.assert(
      fc.property(typedSample(), ({ type, value, text, read }) => {
        const variant = new Variant(type, value());
        const reference = Variant.parse(text, type);
        expect(variant.toBytes()).toEqual(reference.toBytes());
        expect(variant.value).toStrictEqual(read);
        expect(Variant.fromBytes(type, variant.toBytes())).toEqual(variant);
        const printed = Variant.parse(variant.toString());
        expect(printed.type).toBe(type);
        expect(printed.toBytes()).toEqual(variant.toBytes());
        // What is kept as a Variant is written back to the same bytes.
        const kept = native().variantRead(type, variant.toBytes(), true);
        expect(new Variant(type, kept).toBytes()).toEqual(variant.toBytes());
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, unknown, RegExp]>([
    ['b', 1, /^value cannot be written as a value of type b$/],
    ['s', 5, /type s$/],
    ['i', '5', /type i$/],
    ['d', 5n, /type d$/],
    ['i', null, /type i$/],
    ['s', undefined, /type s$/],
    ['ms', undefined, /type s$/],
    ['as', 'abc', /^value is not an array, for type as$/],
    ['as', { 0: 'a', length: 1 }, /^value is not an array/],
    ['as', ['a', 1], /^value\[1\] cannot be written as a value of type s$/],
    // A hole.
    ['as', Object.assign([], { 1: 'b' }), /^value\[0\] /],
    ['ay', 'abc', /^value is not a Uint8Array or an array/],
    ['ay', new Int8Array(1), /^value is not a Uint8Array/],
    ['ai', new Int32Array(1), /^value is not an array/],
    ['a{sv}', [1], /^value\[0\] is not an array of 2 members/],
    ['a{sv}', new Map(), /^value is not a plain object or an array/],
    ['a{sa{si}}', { a: { b: 'c' } }, /^value\.a\.b cannot be written as a value of type i$/],
    ['(ss)', ['a'], /^value is not an array of 2 members, for type \(ss\)$/],
    ['(ss)', ['a', 'b', 'c'], /^value is not an array of 2 members/],
    ['(sv)', ['a', null], /^value\[1\] is null, .*Variant/],
    ['s', new Variant('u', 5), /^value is a Variant of type u, not s$/],
    ['a{sv}', { a: () => 1 }, /^value\.a is a function/],
    ['a{sv}', { a: Symbol('x') }, /^value\.a is a function, a symbol/],
  ])('refuses for %s: %o', (type, value, message) => {
    expect(() => new Variant(type, value)).toThrow(typeError(message));
  });

  it.each<[string, unknown]>([
    ['y', 256],
    ['y', -1],
    ['n', 32768],
    ['q', -1],
    ['i', 2 ** 31],
    ['i', 1.5],
    ['i', NaN],
    ['i', 2n ** 40n],
    ['i', 2n ** 64n],
    ['u', -1],
    ['x', 2 ** 53],
    ['x', Infinity],
    ['x', 2n ** 63n],
    ['t', -1],
    ['t', -1n],
    ['t', 2n ** 64n],
  ])('refuses for %s what is out of its range: %s', (type, value) => {
    expect(() => new Variant(type, value)).toThrow(rangeError('^value '));
  });

  it.each([
    '',
    'z',
    'ss',
    'a',
    '(s',
    'a{vs}',
    'r',
    '*',
    '(*)',
    'a?',
    'i\0',
    'a'.repeat(129) + 's',
    '(' + 's'.repeat(65535) + ')',
  ])('refuses %j, which is no definite type', (type) => {
    expect(() => new Variant(type, null)).toThrow(wrongValue('^type '));
    expect(() => Variant.parse('1', type)).toThrow(wrongValue('^type '));
    expect(() => Variant.fromBytes(type, new Uint8Array())).toThrow(wrongValue('^type '));
  });

  it('refuses a type that is not a string', () => {
    expect(() => new Variant(5 as never, 5)).toThrow(typeError('^type is not a string$'));
    expect(() => Variant.parse('1', 5 as never)).toThrow(typeError('^type is not a string$'));
    expect(() => Variant.fromBytes(undefined as never, new Uint8Array())).toThrow(typeError('^type '));
  });

  it.each(['a', '/a/', '//', '/ä'])('refuses %j as an object path', (path) => {
    expect(() => new Variant('o', path)).toThrow(wrongValue('is not a D-Bus object path$'));
    expect(() => new Variant('a{os}', { [path]: '' })).toThrow(wrongValue('^value'));
  });

  it.each(['z', 'a', '(', 'mi'])('refuses %j as a signature', (signature) => {
    expect(() => new Variant('g', signature)).toThrow(wrongValue('is not a D-Bus signature$'));
  });
});
