// What the compiler says of Variant; `npm run lint` checks it.
import { Variant } from 'ostree';
import { expect, expectTypeOf, it } from 'vitest';

it('has the types that are documented', () => {
  expectTypeOf(Variant).constructorParameters.toEqualTypeOf<[type: string, value: unknown]>();
  expectTypeOf<typeof Variant.parse>().toEqualTypeOf<(text: string, type?: string) => Variant>();
  expectTypeOf<typeof Variant.fromBytes>().toEqualTypeOf<(type: string, bytes: Uint8Array) => Variant>();
  const variant = new Variant('u', 5);
  expectTypeOf(variant.type).toEqualTypeOf<string>();
  expectTypeOf(variant.value).toEqualTypeOf<unknown>();
  expectTypeOf(variant.toBytes()).toEqualTypeOf<Uint8Array>();
  expectTypeOf(variant.toString()).toEqualTypeOf<string>();
  expectTypeOf(variant.toJSON()).toEqualTypeOf<unknown>();
  // @ts-expect-error -- it is immutable
  expect(() => (variant.type = 's')).toThrow(TypeError);
  // @ts-expect-error -- a type is needed
  expect(() => new Variant()).toThrow(TypeError);
});
