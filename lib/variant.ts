// Values of an exact GVariant type, for metadata that plain JavaScript values cannot say.
import { type InspectOptions, inspect } from 'node:util';

import { fromNative } from './errors.js';
import { jsonSafe } from './json.js';
import { native, whenLoaded } from './native.js';

/**
 * The own property by which the addon knows a Variant, of whichever copy of the package: `[type, bytes]`. It is
 * not enumerable, and the addon checks both as it would a stranger's.
 */
const CONTENT = Symbol.for('ostree.variant');

/** Bytes the addon has made or checked, so that the constructor takes them as they are. */
class Serialised {
  constructor(readonly bytes: Uint8Array) {}
}

/**
 * A GVariant: a value together with its exact type, immutable.
 *
 * Where plain values are taken as metadata, a Variant is written as exactly its bytes. It serves where the rules
 * for plain values choose another type than the one wanted, or have none: `new Variant('u', 5)`,
 * `new Variant('ms', null)`, `new Variant('(ss)', ['a', 'b'])`.
 *
 * A structured clone of one (`structuredClone`, `postMessage`) is a plain `{ type, value }`, of which
 * `new Variant(type, value)` makes one again.
 */
export class Variant {
  /** The GVariant type string, such as `a{sv}`. */
  declare readonly type: string;
  /**
   * The value, by the rules for reading metadata: a fresh copy at every access.
   * Throws an OstreeError TOO_LARGE where there are more than 1048576 values in it.
   */
  declare readonly value: unknown;
  readonly #bytes: Uint8Array;

  /**
   * Makes a value of the given type.
   *
   * Numbers and bigints make integers (y n q i u x t h), numbers make d, strings s, o and g; null is an empty
   * m; an array makes an a, or a tuple or dictionary entry of as many members; a Uint8Array makes ay; a plain
   * object makes a dictionary with keys of type s, o or g, and an array of `[key, value]` any dictionary; what is
   * in a v follows the rules for plain values, or is a Variant.
   *
   * @param type - a definite GVariant type string
   * @throws TypeError when the value is not one of this type, RangeError when a number is out of its range;
   * their message names the key path, `value.a[3]`
   */
  constructor(type: string, value: unknown) {
    const bytes = value instanceof Serialised ? value.bytes : native().variantNew(type, value);
    this.#bytes = bytes;
    Object.defineProperties(this, {
      // Own and enumerable, so that two Variants are compared by what they are.
      type: { value: type, enumerable: true },
      value: { get: () => read(type, bytes), enumerable: true },
      [CONTENT]: { value: Object.freeze([type, bytes]) },
    });
  }

  /**
   * Parses GVariant's text form, as `ostree commit --add-metadata=KEY=TEXT` does (g_variant_parse).
   *
   * @param text - for instance `{'a': <1>}` or `@as []`, at most 16 MiB
   * @param type - the type it must be of; without one it is inferred
   * @throws TypeError when it does not parse, with the position
   */
  static parse(text: string, type?: string): Variant {
    const parsed = native().variantParse(text, type);
    return new Variant(parsed.type, new Serialised(parsed.bytes));
  }

  /**
   * Takes a value in serialised form, in this machine's byte order (g_variant_new_from_bytes). The bytes are copied.
   *
   * @throws TypeError when they are not the normal form of a value of this type
   */
  static fromBytes(type: string, bytes: Uint8Array): Variant {
    return new Variant(type, new Serialised(native().variantCheck(type, bytes)));
  }

  /** The serialised form, in this machine's byte order: a copy. */
  toBytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /**
   * GVariant's text form with type annotations (g_variant_print): `Variant.parse` makes the same value of it, unless
   * there are numbers nearer to 0 than 2^-1022 in it, which GLib prints but does not parse.
   */
  toString(): string {
    return native().variantPrint(this.type, this.#bytes, true);
  }

  /** The value, with bigints as decimal strings and bytes as base64. */
  toJSON(): unknown {
    return jsonSafe(this.value);
  }

  // @types/node has another name for these options in each of its versions: what is written here, all of them know.
  [inspect.custom](
    _depth: number,
    options: InspectOptions & { stylize(text: string, style: 'string'): string },
  ): string {
    return `Variant(${options.stylize(`'${this.type}'`, 'string')}, ${inspect(this.value, options)})`;
  }
}

function read(type: string, bytes: Uint8Array): unknown {
  try {
    return native().variantRead(type, bytes, false);
  } catch (error) {
    throw fromNative(error);
  }
}

whenLoaded((addon) => addon.variantClass((type, bytes) => new Variant(type, new Serialised(bytes))));
