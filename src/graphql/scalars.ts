import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

/** RFC 3339 has four digits for a year, and PostgreSQL no year 0. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

const refusal = (message: string) => new GraphQLError(message, { extensions: { code: 'INVALID_INPUT' } });

builder.scalarType('DateTime', {
  description: 'A moment as an ISO 8601 string in UTC, such as 2026-11-22T09:30:00.000Z.',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' ? new Date(value) : new Date(Number.NaN);
    if (Number.isNaN(date.getTime())) {
      throw refusal('A DateTime is an ISO 8601 string, such as 2026-11-22T09:30:00Z.');
    }
    if (date.getTime() < FIRST_MS || date.getTime() > LAST_MS) {
      throw refusal('A DateTime lies in the years 1 to 9999.');
    }
    return date;
  },
});
