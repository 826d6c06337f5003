import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const threads = new URL('../../src/infra/threads.ts', import.meta.url);

/** Asks a thread for an index of nothing, first where no thread can load what it runs. */
const program = `
  import { closeSync, openSync } from 'node:fs';
  import { openThreads } from '${threads}';
  const nothing = () => ({
    copied: Uint8Array.from(Buffer.from('PGCOPY\\n\\xff\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0\\xff\\xff', 'latin1')),
    urgent: true,
  });
  const threads = openThreads('/nowhere');
  const files = [];
  try {
    for (;;) files.push(openSync('/dev/null'));
  } catch {}
  threads.warm();
  const refused = await Promise.allSettled([threads.analyze(nothing()), threads.analyze(nothing())]);
  for (const file of files) closeSync(file);
  const { bytes } = await threads.analyze(nothing());
  console.log(...refused.map(({ status }) => status), bytes instanceof Uint8Array);
  await threads.close();
`;

test('A thread that cannot begin fails the work that waits for it, and the next one begins', async () => {
  const { stdout } = await promisify(execFile)('/bin/sh', [
    '-c',
    'ulimit -n 60 && exec "$0" --input-type=module -e "$1"',
    process.execPath,
    program,
  ]);
  expect(stdout).toBe('rejected rejected true\n');
});
