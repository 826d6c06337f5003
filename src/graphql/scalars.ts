import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

/** RFC 3339 has four digits for a year, and PostgreSQL no year 0. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A day, then perhaps a time, then perhaps its offset. */
const FORM = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * Null for what is no moment. Date.parse takes much more, reads it in the time zone of the server, and goes from a 30 February
 * on to March.
 */
function parseMoment(written: string): Date | null {
  const [, day = '', time = '00:00', offset = 'Z'] = FORM.exec(written) ?? [];
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return null;
  const moment = new Date(`${day}T${time}${offset.toUpperCase()}`);
  return Number.isNaN(moment.getTime()) ? null : moment;
}

const refusal = (message: string) => new GraphQLError(message, { extensions: { code: 'INVALID_INPUT' } });

builder.scalarType('DateTime', {
  description:
    'A moment as an ISO 8601 string, such as 2026-11-22T09:30:00.000Z, in which all are answered. Taken in UTC without an offset; a day is its first moment.',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' ? parseMoment(value) : null;
    if (!date) {
      throw refusal('A DateTime is an ISO 8601 string, such as 2026-11-22T09:30:00Z.');
    }
    if (date.getTime() < FIRST_MS || date.getTime() > LAST_MS) {
      throw refusal('A DateTime lies in the years 1 to 9999.');
    }
    return date;
  },
});
