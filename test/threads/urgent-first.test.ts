import { type PiscinaTask, queueOptionsSymbol } from 'piscina';
import { expect, test } from 'vitest';
import { urgentFirst } from '../../src/infra/urgent-first.ts';

const task = (name: string, urgent: boolean) => ({ name, [queueOptionsSymbol]: { urgent } }) as PiscinaTask;

function namesIn(queue: ReturnType<typeof urgentFirst>): unknown[] {
  const names: unknown[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) names.push((next as { name?: string }).name);
  return names;
}

test('What is urgent goes first, each kind in the order in which it came', () => {
  const queue = urgentFirst();
  const gone = [task('gone', true), task('gone too', false)];
  const waiting = [
    task('index', false),
    task('first hit', true),
    task('read', false),
    task('second hit', true),
  ];
  for (const each of [...gone, ...waiting]) queue.push(each);
  for (const each of gone) queue.remove(each);
  expect(queue.size).toBe(4);
  expect(namesIn(queue)).toEqual(['first hit', 'second hit', 'index', 'read']);
  expect(queue.size).toBe(0);
});
