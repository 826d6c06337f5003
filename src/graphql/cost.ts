import { complexityFromQuery } from '@pothos/plugin-complexity';
import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLField,
  getNamedType,
  getNullableType,
  getOperationAST,
  getVariableValues,
  isLeafType,
  isListType,
  Kind,
} from 'graphql';
import type { GraphQLContext } from './context.ts';

/** Items of a page when nobody says how many. */
export const DEFAULT_PAGE = 20;

/** A page of 100 messages with everything about them costs about 15,000; one of 100 conversations with 100 messages each, more. */
export const MAX_COST = 50_000;

const LEAF_COST = 1;
/** What has fields of its own may take a statement of SQL. */
const OBJECT_COST = 5;
/** Taken for a list that is not paged. */
const LIST_LENGTH = 5;

/** What one field costs, and by how much the cost of its own fields is multiplied: the items that are asked for. */
export function costOfField(
  args: Record<string, unknown>,
  _context: GraphQLContext,
  { type }: GraphQLField<unknown, GraphQLContext>,
): { field: number; multiplier: number } {
  const named = getNamedType(type);
  return {
    field: isLeafType(named) ? LEAF_COST : OBJECT_COST,
    multiplier: itemsOf(args, named.name, isListType(getNullableType(type))),
  };
}

function itemsOf(args: Record<string, unknown>, typeName: string, isList: boolean): number {
  if (typeName.endsWith('Connection')) return Number(args.first ?? args.last ?? DEFAULT_PAGE);
  // The connection has counted them.
  if (typeName.endsWith('Edge')) return 1;
  if (Array.isArray(args.ids)) return args.ids.length;
  return isList ? LIST_LENGTH : 1;
}

/** Weighed lately, by document (Yoga keeps those) and by what comes with it; a client that polls asks the same for ever. */
const weighed = new WeakMap<DocumentNode, Map<string, number>>();
const KEPT_OF_A_DOCUMENT = 20;
const KEPT_CHARACTERS = 500;

/** The cost of an operation with the variables that it comes with; 0 for one that execution itself will refuse. */
export function costOf(args: ExecutionArgs): number {
  const { document, operationName, variableValues } = args;
  const asked = JSON.stringify([operationName, variableValues]);
  const known = weighed.get(document) ?? new Map<string, number>();
  const cost = known.get(asked) ?? weigh(args);
  if (asked.length <= KEPT_CHARACTERS) {
    if (known.size >= KEPT_OF_A_DOCUMENT) known.clear();
    known.set(asked, cost);
    weighed.set(document, known);
  }
  return cost;
}

function weigh({ schema, document, operationName, variableValues, contextValue }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName);
  const variables = { ...variableValues };
  if (!operation || getVariableValues(schema, operation.variableDefinitions ?? [], variables).errors)
    return 0;
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  return complexityFromQuery(
    { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
    { schema, variables, ctx: contextValue as GraphQLContext },
  ).complexity;
}
