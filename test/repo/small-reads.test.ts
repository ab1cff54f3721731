import { readdirSync } from 'node:fs';

import { Repo } from 'ostree';
import { describe, expect, it } from 'vitest';

import { cliRepo } from '../support/repo.js';

// Around the sizes up to which an object, or a whole file, is read by one call.
const SIZES = [0, 1, 4096, 65_535, 65_536, 65_537, 262_144, 262_145];

function bytes(size: number): Buffer {
  const content = Buffer.alloc(size);
  for (let i = 0; i < size; i++) content[i] = (i * 31 + (i >> 8)) & 0xff;
  return content;
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe.each(['archive', 'bare', 'bare-user', 'bare-user-only'])('small reads in mode %s', (mode) => {
  it('give each size, whole and in part, as it was committed', async () => {
    const cli = await cliRepo(mode);
    await cli.commit('main', Object.fromEntries(SIZES.map((size) => [`f${size}`, bytes(size)])));
    await using repo = await Repo.open(cli.path);
    await repo.readFile('main', '/f1');
    const before = readdirSync('/proc/self/fd').length;
    for (const size of SIZES) {
      const path = `/f${size}`;
      expect((await repo.readFile('main', path)).equals(bytes(size)), path).toBe(true);
      const [start, end] = [Math.floor(size / 3), size];
      const part = await read(repo.createReadStream('main', path, { start, end, highWaterMark: 50_000 }));
      expect(part.equals(bytes(size).subarray(start)), path).toBe(true);
    }
    expect(readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(2);
  });
});

describe('small reads', () => {
  it('see at once what another process did to the ref', async () => {
    const cli = await cliRepo('bare-user');
    await using repo = await Repo.open(cli.path);
    for (const content of ['one', 'two', 'three']) {
      const checksum = await cli.commit('main', { file: content });
      expect(await repo.resolveRev('main')).toBe(checksum);
      expect(await repo.readFile('main', '/file', 'utf8')).toBe(content);
    }
  });

  it('make no timer, while what waits at the gate has one', async () => {
    const cli = await cliRepo('bare-user');
    await cli.commit('main', { file: 'x' });
    await using repo = await Repo.open(cli.path);
    await repo.resolveRev('main');
    const before = timers();
    const reading = repo.readFile('main', '/file');
    expect(timers()).toBe(before);
    await reading;
    const held = await repo.lock('exclusive');
    const waiting = repo.lock('shared');
    expect(timers()).toBe(before + 1);
    await held.release();
    await (await waiting).release();
    expect(timers()).toBe(before);
  });
});
