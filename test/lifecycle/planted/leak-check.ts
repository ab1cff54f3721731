// A vitest set-up file of scripts/asan: looks for leaks at the end of each test file.
import { createRequire } from 'node:module';

import { afterAll } from 'vitest';

const planted = createRequire(import.meta.url)(process.env.OSTREE_LEAK_CHECK ?? '') as {
  checkLeaks(): boolean;
};
afterAll(() => void planted.checkLeaks());
