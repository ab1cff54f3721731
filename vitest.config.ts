import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { ostree: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) } },
  // Lowers `await using`, which Node 20 does not parse.
  oxc: { target: 'es2022' },
  test: {
    include: ['test/**/*.test.ts'],
    // scripts/asan sets it.
    setupFiles: process.env.OSTREE_LEAK_CHECK ? ['test/lifecycle/planted/leak-check.ts'] : [],
    pool: 'forks',
    // Tests wait for the disk and for other programs more than they compute.
    maxWorkers: availableParallelism() + 1,
    retry: 0,
    // Read once by each OstreeSysroot: deployments are not made immutable, so that tests can remove them.
    env: { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' },
    // Real repositories on a shared disk: generous, yet a hang ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
  },
});
