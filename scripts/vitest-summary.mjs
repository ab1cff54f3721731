// A vitest reporter: writes "N passed, N failed" to the file $OSTREE_TEST_SUMMARY when the run has ended. A file that
// could not be loaded and an error outside every test count as a failure each. A run without a test writes nothing.
import { writeFileSync } from 'node:fs';
import process from 'node:process';

export default class Summary {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failed += 1;
      }
    }
    if (passed + failed === 0) return;
    writeFileSync(process.env.OSTREE_TEST_SUMMARY, `${passed} passed, ${failed} failed\n`);
  }
}
