import { v7 as uuidv7 } from 'uuid';
import { expect, test } from 'vitest';
import { backoffMs, firstDueAt } from '../../src/domain/sync/schedule.ts';

const HOUR_MS = 60 * 60_000;

test('a thousand users who turn it on together are not due together, and each always at the same point', () => {
  const users = Array.from({ length: 1_000 }, () => uuidv7());
  const seconds = new Map<number, number>();
  for (const userId of users) {
    const at = Math.floor((firstDueAt(userId, 24, null).getTime() - Date.now()) / 1_000);
    expect(at).toBeGreaterThanOrEqual(-1);
    expect(at).toBeLessThanOrEqual(3_600);
    seconds.set(at, (seconds.get(at) ?? 0) + 1);
  }
  expect(Math.max(...seconds.values())).toBeLessThan(10);
  const [userId = ''] = users;
  const last = new Date(Date.now() + HOUR_MS);
  expect(firstDueAt(userId, 1, last)).toEqual(firstDueAt(userId, 1, last));
});

test('a wait after failures doubles and is never longer than the schedule', () => {
  const userId = uuidv7();
  expect(backoffMs(userId, 2, 720)).toBe(2 * backoffMs(userId, 1, 720));
  expect(backoffMs(userId, 4, 1)).toBe(HOUR_MS);
});
