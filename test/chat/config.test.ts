import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { problemsOf } from '../support/config.ts';

test('a model needs its server and its name, and no password in the address', () => {
  expect(loadConfig({}).chat).toBeNull();
  const both = { CHAT_BASE_URL: 'http://127.0.0.1:11434/v1', CHAT_MODEL: 'llama3.1' };
  expect(loadConfig(both).chat).toEqual({
    baseUrl: 'http://127.0.0.1:11434/v1',
    apiKey: null,
    model: 'llama3.1',
    contextTokens: 8_192,
    firstTokenTimeoutMs: 120_000,
    nextTokenTimeoutMs: 30_000,
  });
  expect(problemsOf({ CHAT_BASE_URL: both.CHAT_BASE_URL })[0]).toMatch(/^CHAT_MODEL must/);
  expect(problemsOf({ CHAT_MODEL: 'x' })[0]).toMatch(/^CHAT_BASE_URL must/);
  expect(problemsOf({ CHAT_API_KEY: 'x' })[0]).toMatch(/^CHAT_BASE_URL and CHAT_MODEL must/);
  for (const wrong of ['ftp://example.com/v1', 'https://me:secret@example.com/v1', 'example.com']) {
    const [problem = ''] = problemsOf({ ...both, CHAT_BASE_URL: wrong });
    expect(problem).toMatch(/^CHAT_BASE_URL must/);
    expect(problem).not.toContain('secret');
  }
  expect(problemsOf({ ...both, CHAT_CONTEXT_TOKENS: '100' })[0]).toMatch(/^CHAT_CONTEXT_TOKENS must/);
});
