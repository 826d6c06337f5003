import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('string methods can still be inlined once all of the server is loaded', async () => {
  const program = `await import('./src/services.ts'); console.log(%HasFastProperties(String.prototype));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--allow-natives-syntax',
    '--import=./src/infra/compile-cache.js',
    '--input-type=module',
    '--eval',
    program,
  ]);
  expect(stdout.trim()).toBe('true');
});
