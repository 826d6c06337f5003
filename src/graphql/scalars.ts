import { GraphQLError } from 'graphql';
import { builder } from './builder.ts';

builder.scalarType('DateTime', {
  description: 'A moment as an ISO 8601 string in UTC, such as 2026-11-22T09:30:00.000Z.',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' ? new Date(value) : new Date(Number.NaN);
    if (Number.isNaN(date.getTime())) {
      throw new GraphQLError('A DateTime is an ISO 8601 string, such as 2026-11-22T09:30:00Z.');
    }
    return date;
  },
});
