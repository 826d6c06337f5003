import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints `N passed, N failed, N skipped` as the very last line, for scripts that read the outcome. A file that could
 * not be loaded, and an error outside of any test, count as a failed test each.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const brokenOutsideOfTests = module.errors().length > 0;
      if (brokenOutsideOfTests) count.failed += 1;
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    }
    // At exit, because the other reporters and the teardown still print.
    process.once('exit', (code) => {
      // Such as a global setup that failed: no test ran, so none is counted.
      if (code !== 0 && count.failed === 0) count.failed = 1;
      const skipped = count.skipped + count.pending;
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${skipped} skipped\n`);
    });
  }
}
