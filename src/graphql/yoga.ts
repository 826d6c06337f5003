import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { createYoga } from 'graphql-yoga';
import { createCredentialWatch } from '../domain/credential.ts';
import type { Services } from '../domain/services.ts';
import type { Viewer } from '../domain/viewer.ts';
import type { GraphQLContext } from './context.ts';
import { useCredentialGuard } from './credential-guard.ts';
import { createMask } from './mask.ts';
import { schema } from './schema.ts';

export const GRAPHQL_PATH = '/graphql';

/** What the server around Yoga knows of a request. */
export interface ServerContext {
  viewer: Viewer | null;
  requestId: string;
  /** Closes a connection that outlives its operations; left out where there is none. */
  endConnection?: () => void;
}

const DEFAULT_QUERY = `# Put your API key into the Headers tab below,
# then run one of these.
query Overview {
  viewer { displayName }
  syncHistory(first: 3) {
    edges {
      node { id status counts { added updated failed } }
    }
  }
  conversations(first: 5) {
    totalCount
    edges { node { title updatedAt messageCount } }
  }
}

mutation Start($exportUrl: String) {
  startSync(input: { exportUrl: $exportUrl }) {
    __typename
    ... on SyncTask { id status }
    ... on Error { message }
  }
}

subscription Watch {
  syncActivity {
    id status phase
    progress { fraction etaSeconds }
    counts { added messagesAdded }
  }
}
`;

/** The GraphQL endpoint; GraphiQL answers browsers where `graphiql` is on. Serves its own files, nothing from afar. */
export function createGraphQL(services: Services, options: { graphiql: boolean }) {
  return createYoga<ServerContext, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    landingPage: false,
    // A form could send multipart from any page without asking first.
    multipart: false,
    cors: false,
    logging: false,
    maskedErrors: { maskError: createMask(services.logger) },
    plugins: [
      useCSRFPrevention({ requestHeaders: ['x-graphql-yoga-csrf', 'x-api-key'] }),
      useCredentialGuard(createCredentialWatch(services)),
    ],
    renderGraphiQL,
    graphiql: options.graphiql && {
      title: 'Sidecar',
      defaultQuery: DEFAULT_QUERY,
      headers: '{ "X-API-Key": "" }',
    },
    context: ({ viewer, requestId, endConnection = () => undefined, request }) => ({
      services,
      viewer,
      requestId,
      // The operations of a WebSocket come without a request.
      signal: (request as Request | undefined)?.signal ?? new AbortController().signal,
      endConnection,
    }),
  });
}
