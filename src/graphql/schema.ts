import './scalars.ts';
import './errors.ts';
import './user.ts';
import './asset.ts';
import './conversation.ts';
import './message.ts';
import './search.ts';
import './sync/index.ts';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { builder } from './builder.ts';

export const schema = builder.toSchema();

/** What `schema.graphql` holds: sorted, so that its differences are those of the contract. */
export const printedSchema = () => `${printSchema(lexicographicSortSchema(schema))}\n`;
