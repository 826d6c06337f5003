import { afterAll, beforeAll, expect, test } from 'vitest';
import { quoteFindings } from '../../src/domain/chat/excerpt.ts';
import { retrieve } from '../../src/domain/chat/retrieve.ts';
import { messages } from '../search/search.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';
import { userWith } from '../support/users.ts';

const texts = {
  phone: 'AT&T sent a bill.',
  charge: 'They charge a fee for the card.',
  hamlet: 'To be, or not to be: that is what Hamlet asks.',
  cpp: 'A pointer in C++ may dangle.',
  c: 'A pointer in C is a number.',
  son: 'My son is seven.',
  licence: 'Under MIT all is allowed.',
  house: 'Ein Haus und noch ein Haus, und das ist gut für die Katze.',
  loop: 'Endless: for (;;) {}',
};

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({ backend: 'postgres' });
  user = await userWith(server, [messages(texts)]);
});
afterAll(() => server.close());

const find = (query: string) =>
  retrieve(server.services, user.viewer, { query, previous: null, k: 8, mode: 'KEYWORD' });

test.each<[question: string, best: keyof typeof texts]>([
  ['What did AT&T want?', 'phone'],
  ['AT&T?', 'phone'],
  ['To be or not to be?', 'hamlet'],
  ['What did I say about C++?', 'cpp'],
  ['How old is my son?', 'son'],
  ['MIT?', 'licence'],
  ['Wie ist die Katze?', 'house'],
  ['for (;;)', 'loop'],
])('%s leads to what was said', async (question, best) => {
  expect((await find(question)).map(({ message }) => message.nodeId)[0]).toBe(best);
});

test('and is quoted where it stands in a long message', async () => {
  const text = `${'Nothing of it here. '.repeat(500)}To be or not to be. ${'Nor here. '.repeat(500)}`;
  const [finding] = await find('C++');
  if (!finding) throw new Error('Nothing was found.');
  const long = { ...finding, message: { ...finding.message, text }, before: null, after: null };
  const { markup } = quoteFindings([long], 'To be or not to be?', 400, (each) => Math.ceil(each.length / 4));
  expect(markup).toContain('To be or not to be.');
});
