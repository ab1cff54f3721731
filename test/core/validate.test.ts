import fc from 'fast-check';
import { validate } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';
import { rangeError, typeError } from '../support/errors.js';

const names = Object.keys(validate) as (keyof typeof validate)[];
const check = (name: keyof typeof validate, value: unknown) => (): unknown =>
  Reflect.apply(validate[name], validate, [value]) as unknown;

describe('what is right', () => {
  it.each<[keyof typeof validate, string]>([
    ['checksum', '0123456789abcdef'.repeat(4)],
    ['ref', 'main'],
    ['ref', 'os/x86_64/stable'],
    ['ref', '1-a._b/c'],
    ['ref', '_'],
    ['ref', 'größe/日本'],
    ['refspec', 'main'],
    ['refspec', 'origin:os/x86_64/stable'],
    ['remoteName', 'origin'],
    ['remoteName', 'fedora-40.x_y'],
    ['collectionId', 'org.example.Os'],
    ['collectionId', '_a.b1'],
  ])('%s takes %j', (name, value) => {
    expect(check(name, value)()).toBeUndefined();
  });
});

describe('what is wrong', () => {
  it.each<[keyof typeof validate, string]>([
    ['checksum', 'a'.repeat(63)],
    ['checksum', 'a'.repeat(65)],
    ['checksum', 'A'.repeat(64)],
    ['checksum', 'g'.repeat(64)],
    ['checksum', `${'a'.repeat(63)}\n`],
    ['checksum', '../'.repeat(21) + 'a'],
    ['ref', 'a b'],
    ['ref', '/a'],
    ['ref', 'a/'],
    ['ref', 'a//b'],
    ['ref', '..'],
    ['ref', 'a/../b'],
    ['ref', '-a'],
    ['ref', 'a\n'],
    ['ref', 'a:b'],
    ['ref', 'a^'],
    ['ref', 'a\ud800'],
    ['refspec', ':a'],
    ['refspec', 'a:'],
    ['refspec', 'a:b:c'],
    ['refspec', 'a/b:c'],
    ['refspec', 'a\n'],
    ['remoteName', 'a/b'],
    ['remoteName', '../a'],
    ['remoteName', 'a\n'],
    ['remoteName', 'a b'],
    ['collectionId', 'one'],
    ['collectionId', 'org.1x'],
    ['collectionId', 'org..x'],
    ['collectionId', 'org.x\n'],
    ['collectionId', `org.${'x'.repeat(252)}`],
  ])('%s refuses %j', (name, value) => {
    expect(check(name, value)).toThrow(rangeError('^value must be '));
  });

  it.each(names)('%s refuses what no name may be', (name) => {
    expect(check(name, '')).toThrow(rangeError('^value must '));
    expect(check(name, 'a\0b')).toThrow(rangeError('NUL'));
    expect(check(name, 'a'.repeat(4097))).toThrow(rangeError('^value must '));
    expect(check(name, 'a/'.repeat(2 ** 22))).toThrow(rangeError('^value must '));
  });

  it.each(names)('%s refuses what is no string', (name) => {
    for (const value of [undefined, null, 5, {}, ['main'], Buffer.from('main'), Symbol('main')])
      expect(check(name, value)).toThrow(typeError('^value must be a string'));
  });

  it('never crashes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.string({ unit: 'binary' }), (name, value) => {
        try {
          check(name, value)();
        } catch (error) {
          expect(error).toEqual(rangeError('^value must '));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('with the ostree command', () => {
  it('agrees about the names of refs', async () => {
    const repo = await cliRepo();
    await repo.commit('main', { a: 'a' });
    for (const ref of ['os/x86_64', 'a b', '-a', 'a//b', 'größe', '..', 'a.b-c_d', 'ä/ö']) {
      const made = await repo.ostree('refs', '--create', ref, '--', 'main').then(
        () => true,
        () => false,
      );
      const valid = (() => {
        try {
          validate.ref(ref);
          return true;
        } catch {
          return false;
        }
      })();
      expect([ref, valid]).toEqual([ref, made]);
    }
  });
});
