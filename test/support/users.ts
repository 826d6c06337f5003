import { expect } from 'vitest';
import { exportOf } from './exports.ts';
import type { TestServer, TestUser } from './server.ts';
import { sync } from './syncs.ts';

/** A user who has imported these. */
export async function userWith(server: TestServer, conversations: object[]): Promise<TestUser> {
  const user = await server.asUser();
  const task = await sync(user.client, server.exports.serve(await exportOf(conversations)).url);
  expect(task).toMatchObject({ status: 'COMPLETED', counts: { added: conversations.length } });
  return user;
}
