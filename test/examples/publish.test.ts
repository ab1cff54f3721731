import { readdir } from 'node:fs/promises';

import { beforeAll, expect, it } from 'vitest';

import { compileExamples, runExample } from '../support/example.js';
import { temporaryDirectory } from '../support/repo.js';

beforeAll(compileExamples);

it('publishes, is refused, is pulled from, and leaves nothing', async () => {
  const tmp = await temporaryDirectory();
  const { stdout, stderr, exitCode } = await runExample('publish', [], tmp);
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(
    /^The first version: \d+ objects, 0 deltas, \d+ bytes; os\/main nothing → [0-9a-f]{8}$/,
  );
  expect(lines[1]).toMatch(/^The second: [1-9] objects, 1 deltas, /);
  expect(lines[2]).toMatch(/^Nothing new: 0 objects, 0 deltas, 0 bytes; /);
  expect(lines[3]).toBe('Without the token: Not allowed: connect');
  expect(lines[4]).toBe('A device has version 2');
  expect(lines[5]).toMatch(/^A directory: \d+ objects, 1 deltas, /);
  expect(await readdir(tmp)).toEqual([]);
});
