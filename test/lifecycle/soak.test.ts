// scripts/soak, with few repetitions: processes and Workers that end in mid-call, and what they leave behind.
import { fileURLToPath } from 'node:url';

import { execa } from 'execa';
import { expect, it } from 'vitest';

const soak = fileURLToPath(new URL('../../scripts/soak', import.meta.url));

it('nothing crashes, hangs or leaves a half state', { timeout: 600_000 }, async () => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [soak, '--runs', '2'], {
    reject: false,
  });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^seed \d+$/m);
  expect(exitCode).toBe(0);
});
