// Leaks inside a vitest worker, for scripts/asan to find.
import { createRequire } from 'node:module';

import { expect, test } from 'vitest';

test('a leak', () => {
  const planted = createRequire(import.meta.url)(process.env.OSTREE_LEAK_CHECK ?? '') as {
    leak(): undefined;
  };
  expect(planted.leak()).toBeUndefined();
});
