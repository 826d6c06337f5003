import SchemaBuilder from '@pothos/core';
import ComplexityPlugin from '@pothos/plugin-complexity';
import ErrorsPlugin from '@pothos/plugin-errors';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import { type GraphQLSchema, isObjectType } from 'graphql';
import { decodeId, encodeId } from '../domain/global-id.ts';
import { requireScope, type Viewer } from '../domain/viewer.ts';
import type PrismaTypes from '../generated/pothos/types.ts';
import { getDatamodel } from '../generated/pothos/types.ts';
import type { GraphQLContext } from './context.ts';
import { costOfField, DEFAULT_PAGE } from './cost.ts';

/** The most items of one page. */
export const MAX_PAGE = 100;

/** Whether an id is of a type that has nodes. Throws a NotSignedInError or NotAllowedError for one that is not, as loading does. */
function isNode({ typename }: { typename: string }, schema: GraphQLSchema, viewer: Viewer | null): boolean {
  const type = schema.getType(typename);
  if (isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node')) return true;
  requireScope(viewer, 'read');
  return false;
}

export const builder = new SchemaBuilder<{
  PrismaTypes: PrismaTypes;
  Context: GraphQLContext;
  DefaultFieldNullability: false;
  DefaultInputFieldRequiredness: true;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    DateTime: { Input: Date; Output: Date };
    ID: { Input: string; Output: string | number | bigint };
  };
}>({
  plugins: [ErrorsPlugin, RelayPlugin, PrismaPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  defaultInputFieldRequiredness: true,
  // Costs are noted here and judged before execution (limits.ts), where the plugin would begin with it.
  complexity: { disabled: true, fieldComplexity: costOfField },
  errors: {
    defaultTypes: [],
    directResult: true,
    defaultUnionOptions: { description: 'What came of it, or why it was refused.' },
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    encodeGlobalID: encodeId,
    decodeGlobalID: (globalId) => decodeId(globalId) ?? { typename: '', id: globalId },
    nodeTypeOptions: { description: 'Anything that has a global id.' },
    nodeQueryOptions: {
      description: 'Any object by its global id; null when there is none or it is not yours.',
      args: { id: { description: 'The global id.' } },
      resolve: (_root, { id }, { viewer }, { schema }, load) =>
        isNode(id, schema, viewer) ? load(id) : null,
    },
    nodesQueryOptions: {
      description: 'Several objects by their global ids, null for each that is not yours.',
      args: { ids: { description: 'The global ids.' } },
      resolve: (_root, args, { viewer }, { schema }, load) => {
        // What Pothos loads is what `args` holds, whatever it is told to; it passes over null.
        Object.assign(args, { ids: args.ids.map((id) => (isNode(id, schema, viewer) ? id : null)) });
        return load(args.ids);
      },
    },
    defaultConnectionTypeOptions: { description: 'One page of a list.' },
    defaultEdgeTypeOptions: { description: 'One item of a page, and where it stands in the list.' },
    edgesFieldOptions: { nullable: { list: false, items: false }, description: 'The items of the page.' },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'Where it stands, for `after` and `before`.' },
    pageInfoFieldOptions: { description: 'Whether there is more on either side.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more items follow, when paging forward.' },
    hasPreviousPageFieldOptions: { description: 'Whether more items come before, when paging backward.' },
    startCursorFieldOptions: { description: 'Cursor of the first item; null on an empty page.' },
    endCursorFieldOptions: { description: 'Cursor of the last item; null on an empty page.' },
    firstArgOptions: { description: `Items from the front, ${MAX_PAGE} at most.` },
    lastArgOptions: { description: `Items from the back, ${MAX_PAGE} at most.` },
    afterArgOptions: { description: 'Only what follows this cursor.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
  },
  prisma: {
    client: (context) => context.services.prisma,
    dmmf: getDatamodel(),
    exposeDescriptions: true,
    defaultConnectionSize: DEFAULT_PAGE,
    maxConnectionSize: MAX_PAGE,
    // A resolver may have nothing to load, or the row already; what is selected below it is then read by itself.
    onUnusedQuery: null,
  },
});

/** The `id` of a node type whose rows come by the hundred: schema.ts encodes it without a promise. */
export const nodeId = <Row>(localIdOf: (row: Row) => string, description: string) => ({
  resolve: localIdOf,
  description,
  extensions: { localIdOf },
});

builder.queryType({ description: 'What a viewer may read.' });
builder.mutationType({ description: 'What a viewer may change.' });
builder.subscriptionType({ description: 'What a viewer may watch, over SSE or graphql-transport-ws.' });
