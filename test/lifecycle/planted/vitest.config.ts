// Runs the planted leak as a test is run; it is no test of the suite.
import { defineConfig } from 'vitest/config';

import config from '../../../vitest.config.js';

export default defineConfig({
  ...config,
  test: { ...config.test, include: ['test/lifecycle/planted/*.planted.ts'] },
});
