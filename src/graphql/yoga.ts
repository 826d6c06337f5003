import { useCSRFPrevention } from '@graphql-yoga/plugin-csrf-prevention';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { createYoga } from 'graphql-yoga';
import { createCredentialWatch } from '../domain/credential.ts';
import type { Services } from '../domain/services.ts';
import type { Viewer } from '../domain/viewer.ts';
import { limitBody } from './body-limit.ts';
import type { GraphQLContext, SignInMethod } from './context.ts';
import { useCredentialGuard } from './credential-guard.ts';
import { documentCaches, hideSchema, limitOperations } from './limits.ts';
import { nameMalformedParameters } from './malformed-parameters.ts';
import { createMask } from './mask.ts';
import { countOperations } from './metrics.ts';
import { readFromReplicas } from './reading.ts';
import { schema } from './schema.ts';
import { limitSubscriptions } from './subscription-limit.ts';

export const GRAPHQL_PATH = '/graphql';

/** Of a request's body: files do not come this way. */
const MAX_BODY_BYTES = 256 * 1024;

export interface GraphQLOptions {
  /** Whether anybody may look around: GraphiQL, introspection, and names suggested in errors. */
  open: boolean;
  /** How people sign in. */
  signInMethods: SignInMethod[];
}

/** What the server around Yoga knows of a request. */
export interface ServerContext {
  viewer: Viewer | null;
  requestId: string;
  /** Aborts when a WebSocket closes; left out where the request has a signal of its own. */
  signal?: AbortSignal;
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

/** The GraphQL endpoint; GraphiQL answers browsers where it is open. Serves its own files, nothing from afar. */
export function createGraphQL(services: Services, options: GraphQLOptions) {
  return createYoga<ServerContext, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    landingPage: false,
    // A form could send multipart from any page without asking first.
    multipart: false,
    batching: false,
    maxRequestBodySize: false,
    parserAndValidationCache: documentCaches,
    cors: false,
    logging: false,
    maskedErrors: { maskError: createMask(services.logger) },
    plugins: [
      useCSRFPrevention({ requestHeaders: ['x-graphql-yoga-csrf', 'x-api-key'] }),
      limitBody(MAX_BODY_BYTES),
      nameMalformedParameters(),
      ...limitOperations(),
      ...(options.open ? [] : [hideSchema()]),
      limitSubscriptions(),
      countOperations(services.metrics),
      readFromReplicas(),
      useCredentialGuard(createCredentialWatch(services)),
    ],
    renderGraphiQL,
    graphiql: options.open && {
      title: 'Sidecar',
      defaultQuery: DEFAULT_QUERY,
      headers: '{ "X-API-Key": "" }',
    },
    context: ({ viewer, requestId, signal, endConnection = () => undefined, request }) => ({
      services,
      viewer,
      requestId,
      // The operations of a WebSocket come without a request.
      signal: signal ?? request.signal,
      endConnection,
      signInMethods: options.signInMethods,
    }),
  });
}
