import { expect, test } from 'vitest';
import { keepKnownCitations } from '../../src/domain/chat/known-citations.ts';
import type { ChatEnd } from '../../src/domain/services.ts';

test('a run of backticks that no fence has is passed on, however long it grows', async () => {
  const run = '`'.repeat(200);
  async function* pieces(): AsyncGenerator<string, ChatEnd> {
    yield run;
    yield run;
    return 'DONE';
  }
  expect((await keepKnownCitations(pieces(), new Set([1])).next()).value).toBe(run);
});
