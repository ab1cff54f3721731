import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

import { Repo } from 'ostree';
import { expect, it } from 'vitest';

import { checksumsAt, objectFile } from '../support/objects.js';
import { cliRepo, temporaryDirectory, writeTree } from '../support/repo.js';

/** Numbers that look random, the same ones every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
}

const random = generator(1);
const bytes = (size: number, make: (index: number) => number) =>
  Buffer.from(Array.from({ length: size }, (_, i) => make(i)));
const words = ['usr', 'share', 'licence', 'The ', '\n', 'librarian', '0', ' of '];
const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  one: Buffer.from('x'),
  random: bytes(70_000, () => random() * 256),
  zeros: Buffer.alloc(1_200_000),
  text: Buffer.from(
    Array.from({ length: 90_000 }, () => words[Math.floor(random() * words.length)]).join(''),
  ),
  skewed: bytes(400_000, () => Math.floor(-Math.log2(random() + 1e-9) * 9) % 256),
  'far apart': Buffer.concat([
    bytes(32_000, () => random() * 256),
    Buffer.from('and '),
    bytes(32_000, (i) => i % 251),
  ]),
};
const strategies = ['Z_DEFAULT_STRATEGY', 'Z_FILTERED', 'Z_HUFFMAN_ONLY', 'Z_RLE', 'Z_FIXED'] as const;
const HEADER = 8 + 26;

async function archive(): Promise<{ path: string; objects: Map<string, { file: string; content: Buffer }> }> {
  const cli = await cliRepo('archive');
  const tree = join(await temporaryDirectory(), 'tree');
  await writeTree(tree, contents);
  await cli.ostree('commit', '--branch=main', '--canonical-permissions', `--tree=dir=${tree}`);
  const objects = new Map<string, { file: string; content: Buffer }>();
  for (const [name, content] of Object.entries(contents)) {
    const [checksum = ''] = await checksumsAt(cli.path, 'main', `/${name}`);
    objects.set(checksum, { file: objectFile(cli.path, checksum, 'filez'), content });
  }
  return { path: cli.path, objects };
}

async function rewrite(file: string, data: Buffer): Promise<void> {
  await rm(file); // it is read-only
  await writeFile(file, data);
}

it.each(strategies)('takes content however it was deflated (%s)', async (strategy) => {
  const { path, objects } = await archive();
  await using repo = await Repo.open(path);
  for (const level of [0, 1, 6, 9])
    for (const memLevel of [1, 9]) {
      for (const { file, content } of objects.values()) {
        const header = (await readFile(file)).subarray(0, HEADER);
        const options = {
          level,
          memLevel,
          strategy: constants[strategy],
          windowBits: memLevel === 1 ? 9 : 15,
        };
        await rewrite(file, Buffer.concat([header, deflateRawSync(content, options)]));
      }
      expect(await repo.fsck()).toMatchObject({ verdict: 'ok', findings: [] });
    }
  for (const { file } of objects.values()) await appendFile(file, 'what comes after the end');
  expect(await repo.fsck()).toMatchObject({ verdict: 'ok', findings: [] });
});

it('finds damage wherever zlib finds it, and not elsewhere', async () => {
  const { path, objects } = await archive();
  await using repo = await Repo.open(path);
  const originals = new Map(
    await Promise.all([...objects.values()].map(async ({ file }) => [file, await readFile(file)] as const)),
  );
  for (let round = 0; round < 60; round++) {
    const expected: string[] = [];
    for (const [checksum, { file, content }] of objects) {
      const damaged = Buffer.from(originals.get(file) ?? []);
      const size = damaged.length - HEADER;
      // Most of it near the front, where the codes are.
      const at = HEADER + Math.floor(random() * (round % 2 ? size : Math.min(size, 100)));
      const cut = round % 5 === 0;
      if (!cut) damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      const data = cut ? damaged.subarray(0, at) : damaged;
      await rewrite(file, data);
      if (!isWhole(data.subarray(HEADER), content)) expected.push(checksum);
    }
    const { findings } = await repo.fsck();
    expect(findings.map(({ object }) => object.checksum).toSorted()).toEqual(expected.toSorted());
  }
});

function isWhole(deflated: Buffer, content: Buffer): boolean {
  try {
    return inflateRawSync(deflated, { maxOutputLength: 2 * content.length + 1000 }).equals(content);
  } catch {
    return false;
  }
}
