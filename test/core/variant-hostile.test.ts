// What is handed to the addon as a variant and is none: every case ends in an exception, none in a crash.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Transferable, Worker } from 'node:worker_threads';

import { Variant } from 'ostree';
import { describe, expect, it } from 'vitest';

import { native } from '../../lib/native.js';

const CONTENT = Symbol.for('ostree.variant');
const root = fileURLToPath(new URL('../..', import.meta.url));

const forged = (content: unknown): object => Object.defineProperty({}, CONTENT, { value: content });
const bad = (message: RegExp): unknown =>
  expect.objectContaining({
    code: expect.stringMatching(/^ERR_INVALID_ARG_/),
    message: expect.stringMatching(message),
  });

describe('a forged Variant', () => {
  it.each<[string, unknown, RegExp]>([
    ['no pair', 5, /^value\.k is not a Variant/],
    ['null', null, /^value\.k is not a Variant/],
    ['an object', { 0: 'u', 1: new Uint8Array(4) }, /^value\.k is not a Variant/],
    ['an empty array', [], /^value\.k\.type is not a string/],
    ['a type that is no string', [5, new Uint8Array(4)], /^value\.k\.type is not a string/],
    ['a type that is no type', ['!', new Uint8Array(4)], /^value\.k\.type is not the type string/],
    ['two types', ['uu', new Uint8Array(8)], /^value\.k\.type is not the type string/],
    ['an indefinite type', ['*', new Uint8Array(8)], /^value\.k\.type is not the type string/],
    ['a type with a NUL', ['u\0', new Uint8Array(4)], /^value\.k\.type contains a NUL/],
    ['no bytes', ['u'], /^value\.k does not hold a Uint8Array/],
    ['bytes of another sort', ['u', new Uint32Array(1)], /^value\.k is not a Uint8Array/],
    ['an ArrayBuffer', ['u', new ArrayBuffer(4)], /^value\.k does not hold a Uint8Array/],
    ['a DataView', ['u', new DataView(new ArrayBuffer(4))], /^value\.k does not hold a Uint8Array/],
    ['bytes that are too few', ['u', new Uint8Array(3)], /^value\.k is not the serialised form/],
    ['bytes in no normal form', ['a{sv}', new Uint8Array([1, 2, 3])], /^value\.k is not the serialised form/],
    ['text that is not UTF-8', ['s', new Uint8Array([255, 0])], /^value\.k is not the serialised form/],
  ])('with %s is refused', (_name, content, message) => {
    expect(() => new Variant('a{sv}', { k: forged(content) })).toThrow(bad(message));
  });

  it('with content that is right is a Variant of another copy of the package', () => {
    const value = forged(['u', new Uint8Array([5, 0, 0, 0])]);
    expect(new Variant('a{sv}', { k: value }).toString()).toBe("{'k': <uint32 5>}");
  });

  it('does not count when it inherits the content', () => {
    const heir = Object.create(new Variant('u', 5)) as object;
    expect(() => new Variant('a{sv}', { k: heir })).toThrow(bad(/^value\.k is not a plain object/));
  });

  it('cannot be had by writing to the content of a real one', () => {
    const variant = new Variant('s', 'abc');
    const [, bytes] = Reflect.get(variant, CONTENT) as [string, Uint8Array];
    bytes.fill(255);
    expect(() => variant.value).toThrow(bad(/^bytes is not the serialised form/));
    expect(() => variant.toString()).toThrow(bad(/^bytes is not the serialised form/));
    expect(() => new Variant('v', variant)).toThrow(bad(/^value is not the serialised form/));
  });
});

describe('code that runs during the conversion', () => {
  const reason = new Error('from within');
  const raise = () => {
    throw reason;
  };

  it.each<[string, unknown]>([
    [
      'a getter',
      {
        get a() {
          return raise();
        },
      },
    ],
    [
      'a getter deeper down',
      {
        a: {
          b: {
            get c() {
              return raise();
            },
          },
        },
      },
    ],
    ['an element', { a: Object.defineProperty([], 0, { get: raise }) }],
    ['the content of a Variant', { a: Object.defineProperty({}, CONTENT, { get: raise }) }],
    ['a proxy, ownKeys', new Proxy({}, { ownKeys: raise })],
    ['a proxy, get', new Proxy({ a: 1 }, { get: raise })],
    ['a proxy, getPrototypeOf', new Proxy({}, { getPrototypeOf: raise })],
    ['a proxy, getOwnPropertyDescriptor', new Proxy({ a: 1 }, { getOwnPropertyDescriptor: raise })],
  ])('throws through it: %s', (_name, value) => {
    let thrown: unknown;
    try {
      new Variant('a{sv}', value);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(reason);
  });

  it('may not use what it has revoked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => new Variant('v', proxy)).toThrow(TypeError);
  });

  it('sees a plain object through a proxy', () => {
    expect(new Variant('v', new Proxy({ a: 1 }, {})).toString()).toBe("<{'a': <1>}>");
  });

  it('may change what is being converted', () => {
    const array = ['a', 'b', 'c'];
    Object.defineProperty(array, 0, {
      get() {
        array.length = 1;
        return 'a';
      },
    });
    expect(() => new Variant('as', array)).toThrow(bad(/^value\[1\] cannot be written/));

    const object: Record<string, unknown> = {
      get a() {
        delete object['b'];
        object['c'] = 3;
        return 1;
      },
      b: 2,
    };
    expect(new Variant('a{sv}', object).value).toEqual({ a: 1 });
  });

  it('may take bytes away before they are read', () => {
    const bytes = new Uint8Array(1024).fill(7);
    const value = {
      get a() {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer as Transferable] });
        return 1;
      },
      b: bytes,
    };
    expect(() => new Variant('a{sv}', value)).toThrow(bad(/^value\.b has a detached ArrayBuffer/));
  });

  it('may convert in turn', () => {
    const value = {
      get a() {
        return new Variant('a{sv}', {
          get b() {
            return Variant.parse('5');
          },
        });
      },
    };
    expect(new Variant('a{sv}', value).toString()).toBe("{'a': <{'b': <5>}>}");
  });

  it('may have no end', () => {
    const endless: object = new Proxy(
      { a: 1 },
      { get: (_, key) => (key === 'a' ? new Proxy(endless, {}) : undefined) },
    );
    expect(() => new Variant('v', endless)).toThrow(bad(/is nested too deeply$/));
  });

  it('may have replaced the built-in functions', () => {
    const original = Object.getOwnPropertyDescriptor(Object, 'getPrototypeOf')!;
    let error: unknown;
    try {
      Object.getPrototypeOf = raise;
      expect(() => new Variant('v', {})).toThrow(reason);
      Object.getPrototypeOf = 5 as never;
      void new Variant('v', {});
    } catch (thrown) {
      error = thrown;
    } finally {
      Object.defineProperty(Object, 'getPrototypeOf', original);
    }
    expect(error).toEqual(new Error('Invalid argument'));
  });
});

/** Of ES2024. */
interface Resizable extends ArrayBuffer {
  resize(size: number): void;
}

describe('memory that moves', () => {
  it('refuses bytes that are detached', () => {
    const bytes = new Uint8Array([5, 0, 0, 0]);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer as Transferable] });
    expect(() => new Variant('ay', bytes)).toThrow(bad(/^value has a detached ArrayBuffer/));
    expect(() => new Variant('v', bytes)).toThrow(bad(/^value has a detached ArrayBuffer/));
    expect(() => Variant.fromBytes('u', bytes)).toThrow(bad(/^bytes has a detached ArrayBuffer/));
  });

  it('copies bytes that are shared with other threads', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared[0] = 5;
    const variant = Variant.fromBytes('u', shared);
    shared.fill(255);
    expect(variant.value).toBe(5);
    expect(new Variant('ay', shared).value).toEqual(new Uint8Array(4).fill(255));
  });

  it('takes of a resizable buffer what is there', () => {
    const buffer = Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }]) as Resizable;
    const tracking = new Uint8Array(buffer);
    const fixed = new Uint8Array(buffer, 4, 4);
    buffer.resize(64);
    expect(new Variant('ay', tracking).value).toHaveLength(64);
    expect(new Variant('ay', fixed).value).toHaveLength(4);
    buffer.resize(2);
    expect(new Variant('ay', tracking).value).toHaveLength(2);
    // Out of bounds now: JavaScript sees no elements either.
    expect(new Variant('ay', fixed).value).toHaveLength(0);
  });

  it('reads bytes while another thread writes them', async () => {
    const shared = new SharedArrayBuffer(4096);
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const bytes = new Uint8Array(workerData);
       parentPort.postMessage('started');
       for (let i = 0; ; i++) bytes[i % bytes.length] = i;`,
      { eval: true, workerData: shared },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    const bytes = new Uint8Array(shared);
    for (let i = 0; i < 2000; i++) {
      try {
        expect(Variant.fromBytes('a{sv}', bytes).toBytes()).toHaveLength(4096);
      } catch (error) {
        expect(error).toEqual(bad(/^bytes is not the serialised form/));
      }
    }
    await worker.terminate();
  });
});

describe('too much', () => {
  it('refuses arrays longer than they have elements', () => {
    const array: string[] = [];
    array.length = 2 ** 32 - 1;
    expect(() => new Variant('v', array)).toThrow(bad(/^value\[0\] is not a string/));
    expect(() => new Variant('as', array)).toThrow(bad(/^value\[0\] cannot be written/));
  });

  it('refuses more values than it would read', () => {
    expect(() => new Variant('as', new Array(2 ** 20 + 1).fill(''))).toThrow(
      bad(/more than 1048576 values$/),
    );
    expect(() => new Variant('v', new Array(2 ** 20 + 1).fill(''))).toThrow(bad(/more than 1048576 values$/));
    expect(new Variant('as', new Array(2 ** 16).fill('')).value).toHaveLength(2 ** 16);
  });

  it('refuses what would multiply', () => {
    let value: object = {};
    for (let i = 0; i < 40; i++) value = { a: value, b: value };
    expect(() => new Variant('v', value)).toThrow(bad(/more than 1048576 values$/));
  });

  it('refuses more than 128 MiB', () => {
    expect(() => new Variant('v', 'x'.repeat(2 ** 27 + 1))).toThrow(bad(/larger than 128 MiB$/));
    expect(() => new Variant('v', new Uint8Array(2 ** 27 + 1))).toThrow(bad(/larger than 128 MiB$/));
    expect(() => Variant.fromBytes('ay', new Uint8Array(2 ** 27 + 1))).toThrow(bad(/larger than 128 MiB$/));
    const some = new Uint8Array(2 ** 26);
    expect(() => new Variant('v', { a: some, b: some })).toThrow(bad(/^value\.b makes it larger/));
  });

  it('says where without repeating a key that has megabytes', () => {
    const key = 'k'.repeat(2 ** 20);
    expect(() => new Variant('v', { [key]: null })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^value\.k{100}… is null/) }),
    );
  });
});

/** Runs in a Worker: calls the addon at every depth of a stack that is as good as full. */
const exhaust = `
  const { workerData, parentPort } = require('node:worker_threads');
  const target = { exports: {} };
  process.dlopen(target, workerData.path);
  const addon = target.exports;
  let deep = {};
  for (let i = 0; i < 41; i++) deep = { x: deep };
  const bytes = addon.variantNew('a{sv}', deep);
  const text = addon.variantPrint('a{sv}', bytes, true);
  let calls = 0, overflows = 0;
  const dive = () => {
    try {
      dive();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      overflows++;
    }
    if (++calls > 300) return;
    for (const call of [() => addon.variantNew('a{sv}', deep), () => addon.variantRead('a{sv}', bytes, false),
                        () => addon.variantParse(text), () => addon.variantPrint('a{sv}', bytes, true)]) {
      try {
        call();
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        overflows++;
      }
    }
  };
  dive();
  parentPort.postMessage({ calls, overflows });
`;

describe('a stack that is nearly full', () => {
  it('is not overrun, in a Worker', async () => {
    const { path } = createRequire(import.meta.url)('node-gyp-build') as { path: (dir: string) => string };
    native();
    const worker = new Worker(exhaust, { eval: true, workerData: { path: path(root) } });
    const result = await new Promise<{ calls: number; overflows: number }>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(result.calls).toBeGreaterThan(300);
    expect(result.overflows).toBeGreaterThan(0);
    await worker.terminate();
  });
});

describe('the functions of the addon', () => {
  const functions = [
    'variantClass',
    'variantNew',
    'variantCheck',
    'variantParse',
    'variantRead',
    'variantPrint',
  ] as const;
  const wrong = [undefined, null, 5, 'x', {}, [], () => 1, Symbol('x'), 1n, new Uint8Array(1)];

  it('take no arguments of the wrong shape', () => {
    for (const name of functions) {
      const call = Reflect.get(native(), name) as (...args: unknown[]) => unknown;
      expect(() => call()).toThrow(bad(/^\w+ /));
      for (const first of wrong) {
        if (name === 'variantClass' && typeof first === 'function') continue;
        if (name === 'variantParse' && typeof first === 'string') continue;
        expect(() => call(first)).toThrow(bad(/^\w+ /));
        expect(() => call(first, first, first)).toThrow(bad(/^\w+ /));
      }
    }
  });
});
