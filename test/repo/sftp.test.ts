// A server that speaks no SFTP, or bad SFTP.
import { PassThrough } from 'node:stream';

import { expect, it } from 'vitest';

import { Sftp } from '../../lib/sftp.js';

function packet(type: number, ...body: number[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length + 1);
  head[4] = type;
  return Buffer.concat([head, Buffer.from(body)]);
}

const VERSION = packet(2, 0, 0, 0, 3);

it.each<[string, Buffer]>([
  ['without a number', packet(101)],
  ['with half a number', packet(101, 0, 0)],
  ['without a status', packet(101, 0, 0, 0, 1)],
  ['with attributes that are cut off', packet(105, 0, 0, 0, 1, 0, 0, 0, 1, 0)],
])('an answer %s is NETWORK', async (_what, answer) => {
  const input = new PassThrough();
  const output = new PassThrough().resume();
  const connecting = Sftp.connect(input, output);
  input.write(VERSION);
  const sftp = await connecting;
  const asked = sftp.stat('/x');
  input.write(answer);
  await expect(asked).rejects.toMatchObject({ code: 'NETWORK' });
});
