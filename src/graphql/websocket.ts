import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type DocumentNode, type ExecutionArgs, GraphQLError } from 'graphql';
import { CloseCode, type OperationResult } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Authenticate } from '../domain/viewer.ts';
import { requestContext } from '../request-context.ts';
import type { GraphQLContext } from './context.ts';
import { type createGraphQL, GRAPHQL_PATH, type ServerContext } from './yoga.ts';

/** A subscription's text is short; the library's own limit is 100 MiB. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** How long a client may take to answer a goodbye. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Yoga's own execution, with its plugins and masking, handed from `onSubscribe` to the protocol. */
interface Enveloped {
  contextValue: GraphQLContext;
  rootValue: Record<'execute' | 'subscribe', (args: ExecutionArgs) => OperationResult>;
}

function inRequest(args: ExecutionArgs, operation: 'execute' | 'subscribe'): OperationResult {
  const { contextValue, rootValue } = args as unknown as Enveloped;
  return requestContext.run({ requestId: contextValue.requestId }, () => rootValue[operation](args));
}

/**
 * Speaks graphql-transport-ws on the endpoint's own path. A browser cannot set headers on a WebSocket, so the key may
 * also stand in the connection's parameters as `X-API-Key`. Answers the function that closes all sockets.
 */
export function attachWebSocket(
  server: Server,
  yoga: ReturnType<typeof createGraphQL>,
  authenticate: Authenticate,
): () => Promise<void> {
  const options = {
    server,
    path: GRAPHQL_PATH,
    maxPayload: MAX_MESSAGE_BYTES,
    // Newer than the types of ws; its own 30 s are more than a program has to end.
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
  const sockets = new WebSocketServer(options);
  const disposable = useServer(
    {
      execute: (args) => inRequest(args, 'execute'),
      subscribe: (args) => inRequest(args, 'subscribe'),
      onSubscribe: async (context, _id, payload) => {
        const { headers, socket } = context.extra.request;
        const key =
          headers['x-api-key'] ??
          context.connectionParams?.['X-API-Key'] ??
          context.connectionParams?.['x-api-key'];
        const serverContext: ServerContext = {
          viewer: await authenticate({
            apiKey: typeof key === 'string' ? key : undefined,
            cookie: headers.cookie,
            origin: {
              address: socket.remoteAddress ?? null,
              userAgent: headers['user-agent'] ?? null,
            },
          }),
          requestId: randomUUID(),
          endConnection: () => context.extra.socket.close(CloseCode.Unauthorized, 'Unauthorized'),
        };
        const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
          ...serverContext,
          params: payload,
        });
        let document: DocumentNode;
        try {
          document = parse(payload.query);
        } catch (error) {
          // Thrown on, it would close the socket, and with it every other operation.
          if (error instanceof GraphQLError) return [error];
          throw error;
        }
        const args = {
          schema,
          operationName: payload.operationName ?? undefined,
          document,
          variableValues: payload.variables ?? undefined,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        };
        const errors = validate(args.schema, args.document);
        return errors.length > 0 ? errors : args;
      },
    },
    sockets,
  );
  return async () => {
    await disposable.dispose();
  };
}
