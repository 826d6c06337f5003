import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type SignInServer, startSignInServer } from '../support/sign-in-server.ts';

const answers = { token: '', userinfo: '' };
const odd = createServer((request, response) => {
  response.end(request.url === '/token' ? answers.token : answers.userinfo);
});
let site: SignInServer;
beforeAll(async () => {
  odd.listen(0, '127.0.0.1');
  await once(odd, 'listening');
  const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
  site = await startSignInServer({
    env: { GOOGLE_TOKEN_URL: `${url}/token`, GOOGLE_USERINFO_URL: `${url}/userinfo` },
  });
});
afterAll(async () => {
  await site.close();
  odd.close();
  odd.closeAllConnections();
});

const token = JSON.stringify({ access_token: 'a', token_type: 'Bearer' });
const person = JSON.stringify({ sub: 'odd', email: 'odd@example.org', email_verified: true });

// What the libraries throw on it is heard by nobody, which ends the program, and fails a run of the tests.
test.each([
  ['null', person],
  [token, 'null'],
  [token, '"odd"'],
])('a provider that answers %s and %s signs nobody in, and ends nothing', async (...bodies) => {
  [answers.token, answers.userinfo] = bodies;
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', note);
  onTestFinished(() => void process.off('uncaughtException', note));
  const browser = site.browser();
  const page = await browser.get(await browser.beginSignIn(), { accept: 'text/html' });
  expect(uncaught).toEqual([]);
  expect(page.status).toBe(400);
  expect(page.text).toContain('could not confirm');
});

test('a provider that answers as it should does', async () => {
  [answers.token, answers.userinfo] = [token, person];
  const browser = site.browser();
  expect((await browser.get(await browser.beginSignIn())).status).toBe(302);
});
