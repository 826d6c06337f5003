import './scalars.ts';
import './errors.ts';
import './user.ts';
import './session.ts';
import './api-key.ts';
import './audit.ts';
import './asset.ts';
import './account.ts';
import './background-task.ts';
import './conversation.ts';
import './conversation-export.ts';
import './insights.ts';
import './message.ts';
import './search.ts';
import './chat/index.ts';
import './sync/index.ts';
import {
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { encodeId } from '../domain/global-id.ts';
import { builder } from './builder.ts';

export const schema = encodeIdsAtOnce(describeGenerated(builder.toSchema()));

/** Describes the fields that plugins add by themselves and give no option to describe. */
function describeGenerated(generated: GraphQLSchema): GraphQLSchema {
  const descriptions: Record<string, string> = {
    id: 'Global id.',
    totalCount: 'Items of all pages together.',
  };
  for (const type of Object.values(generated.getTypeMap())) {
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) field.description ??= descriptions[field.name];
  }
  return generated;
}

/** Pothos makes a global id by way of promises, which a page of hundreds of nodes feels; see `nodeId` (builder.ts). */
function encodeIdsAtOnce(generated: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(generated.getTypeMap())) {
    const id = isObjectType(type) ? type.getFields().id : undefined;
    const localIdOf = id?.extensions.localIdOf;
    if (!id || typeof localIdOf !== 'function') continue;
    id.resolve = (row) => encodeId(type.name, localIdOf(row));
  }
  return generated;
}

/** What `schema.graphql` holds: sorted, so that its differences are those of the contract. */
export const printedSchema = () => `${printSchema(lexicographicSortSchema(schema))}\n`;
