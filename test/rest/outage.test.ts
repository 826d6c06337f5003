import { expect, test } from 'vitest';
import { outageOf } from '../../src/domain/outage.ts';

const withCode = (code: string) => Object.assign(new Error('It failed.'), { code });

test.each<[string, unknown]>([
  ['a refused connection', withCode('ECONNREFUSED')],
  ['a database that Prisma does not reach', withCode('P1001')],
  ['a connection that was lost', new Error('Connection terminated unexpectedly')],
  ['a pool without a free one', new Error('timeout exceeded when trying to connect')],
  ['a database that stands still', new Error('Query read timeout')],
  ['one that stops', Object.assign(withCode('57P01'), { severity: 'FATAL' })],
])('%s is an outage, whose cause is kept', (_, error) => {
  expect(outageOf(error)).toMatchObject({ code: 'UNAVAILABLE', cause: error });
});

test.each<[string, unknown]>([
  ['a refused row', Object.assign(withCode('23505'), { severity: 'ERROR' })],
  ['a mistake of ours', new TypeError('x is not a function')],
  ['what is no error', 'Connection terminated'],
])('%s is none', (_, error) => {
  expect(outageOf(error)).toBeNull();
});
