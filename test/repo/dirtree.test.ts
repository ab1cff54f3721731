// Which directories are taken for sound: as GVariant and libostree's rules for names say, byte for byte.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import fc from 'fast-check';
import { Repo, Variant } from 'ostree';
import { expect, it } from 'vitest';

import { objectFile } from '../support/objects.js';
import { cliRepo } from '../support/repo.js';

const TYPE = '(a(say)a(sayay))';
type Entry = [name: string, ...checksums: Uint8Array[]];

function isName(name: string): boolean {
  return name !== '.' && name !== '..' && !name.includes('/');
}

/** Whether libostree would read it. */
function isSound(bytes: Uint8Array): boolean {
  let entries: Entry[];
  try {
    entries = (Variant.fromBytes(TYPE, bytes).value as [Entry[], Entry[]]).flat();
  } catch {
    return false; // not in normal form
  }
  return entries.every(
    ([name, ...checksums]) => isName(name) && checksums.every(({ length }) => length === 32),
  );
}

const checksum = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.oneof(
  { weight: 20, arbitrary: fc.stringMatching(/^[a-zé.]{1,8}x$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z]{200,300}$/) },
  { weight: 1, arbitrary: fc.constantFrom('.', '..', '', 'a/b', '...', '\u{1f600}') },
);
const dirtree = fc.tuple(
  fc.array(fc.tuple(name, checksum), { maxLength: 6 }),
  fc.array(fc.tuple(name, checksum, checksum), { maxLength: 4 }),
);
const change = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('set', 'insert', 'delete'),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x2e, 0x2f, 0xff)),
});

it('are those that GVariant calls normal, whose names are names and whose checksums are whole', async () => {
  const { path } = await cliRepo('archive');
  await using repo = await Repo.open(path);
  const counts = { sound: 0, damaged: 0 };
  const made = fc.tuple(dirtree, fc.array(change, { maxLength: 2 }));
  const property = fc.asyncProperty(made, async ([entries, changes]) => {
    const bytes = [...new Variant(TYPE, entries).toBytes()];
    for (const { at, kind, byte } of changes) {
      const index = Math.floor(at * bytes.length);
      bytes.splice(index, kind === 'insert' ? 0 : 1, ...(kind === 'delete' ? [] : [byte]));
    }
    const data = Uint8Array.from(bytes);
    const sum = createHash('sha256').update(data).digest('hex');
    const object = objectFile(path, sum, 'dirtree');
    await mkdir(dirname(object), { recursive: true });
    await writeFile(object, data);
    const read = repo.readObject({ type: 'dirtree', checksum: sum });
    if (isSound(data)) {
      counts.sound++;
      expect((await read).type).toBe('dirtree');
    } else {
      counts.damaged++;
      await expect(read).rejects.toMatchObject({ code: 'CORRUPT', checksum: sum });
    }
  });
  await fc.assert(property, { numRuns: 1500 });
  expect(counts.sound).toBeGreaterThan(100);
  expect(counts.damaged).toBeGreaterThan(100);
}, 60_000);
