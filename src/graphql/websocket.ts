import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import {
  CloseCode,
  type ConnectionInitMessage,
  type Context,
  type OperationResult,
  type SubscribePayload,
} from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Logger } from '../domain/services.ts';
import type { Authenticate } from '../domain/viewer.ts';
import { requestContext } from '../request-context.ts';
import type { GraphQLContext } from './context.ts';
import { limitIdleSockets } from './idle-sockets.ts';
import { createMask } from './mask.ts';
import { type createGraphQL, GRAPHQL_PATH, type ServerContext } from './yoga.ts';

/** A subscription's text is short; the library's own limit is 100 MiB. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Operations of one socket at the same time. */
const MAX_OPERATIONS = 100;
/** How long a socket may stay without saying who it is. */
const INIT_TIMEOUT_MS = 10_000;
/** How long a client may take to answer a goodbye. */
const CLOSE_TIMEOUT_MS = 2_000;

type SocketContext = Context<ConnectionInitMessage['payload'], Extra & Record<PropertyKey, unknown>>;

/** What a socket needs to know of the requests that open it. */
export interface SocketDoor {
  authenticate: Authenticate;
  /** Tells whether a Cookie header holds a session. */
  cookie: { isIn(header: string | undefined): boolean };
  /** The client's, proxies that are trusted taken into account. */
  addressOf(request: IncomingMessage): string | undefined;
  /** As whom it counts where nobody is known yet: by its address, or the network of an IPv6 one. */
  networkOf(request: IncomingMessage): string;
  /** Whether it comes from a page that may use the browser's cookie, or from no page. */
  isOwnPage(request: IncomingMessage): boolean;
  logger: Logger;
}

/** Yoga's own execution, with its plugins and masking, handed from `onSubscribe` to the protocol. */
interface Enveloped {
  contextValue: GraphQLContext;
  rootValue: Record<'execute' | 'subscribe', (args: ExecutionArgs) => OperationResult>;
}

function inRequest(
  args: ExecutionArgs,
  operation: 'execute' | 'subscribe',
  mask: ReturnType<typeof createMask>,
): OperationResult {
  const { contextValue, rootValue } = args as unknown as Enveloped;
  return requestContext.run({ requestId: contextValue.requestId }, async () => {
    try {
      return await rootValue[operation](args);
    } catch (error) {
      return { errors: [mask(error) as GraphQLError] };
    }
  });
}

/**
 * Speaks graphql-transport-ws on the endpoint's own path. A browser cannot set headers on a WebSocket, so the key may
 * also stand in the connection's parameters as `X-API-Key`. It asks nobody before it opens a socket for a page of another
 * site, and sends the cookie along: such a socket is closed with 4403. Answers the function that closes all sockets.
 */
export function attachWebSocket(
  server: Server,
  yoga: ReturnType<typeof createGraphQL>,
  door: SocketDoor,
): () => Promise<void> {
  const mask = createMask(door.logger);
  const options = {
    server,
    path: GRAPHQL_PATH,
    maxPayload: MAX_MESSAGE_BYTES,
    // Newer than the types of ws; its own 30 s are more than a program has to end.
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
  const sockets = new WebSocketServer(options);
  const closedSignals = new WeakMap<object, AbortSignal>();
  const contexts = new WeakMap<object, SocketContext>();
  const limitIdle = limitIdleSockets(
    (socket) => Object.keys(contexts.get(socket)?.subscriptions ?? {}).length === 0,
  );
  sockets.on('connection', (socket, request) => {
    limitIdle(socket, door.networkOf(request));
    const closed = new AbortController();
    closedSignals.set(socket, closed.signal);
    socket.once('close', () => closed.abort());
  });
  const disposable = useServer(
    {
      connectionInitWaitTimeout: INIT_TIMEOUT_MS,
      // Or the reason for which a socket is closed could quote an error that nobody has masked.
      isProd: true,
      onConnect: (context) => {
        const { request, socket } = context.extra;
        contexts.set(socket, context);
        return (
          keyOf(context) !== undefined || request.headers.cookie === undefined || door.isOwnPage(request)
        );
      },
      // Thrown on, an error of these would close the socket, and with it every other operation.
      execute: (args) => inRequest(args, 'execute', mask),
      subscribe: (args) => inRequest(args, 'subscribe', mask),
      onSubscribe: (context, _id, payload) => {
        const requestId = randomUUID();
        return requestContext.run({ requestId }, () =>
          prepare(context, payload, requestId).catch((error) => [mask(error) as GraphQLError]),
        );
      },
    },
    sockets,
  );

  async function prepare(context: SocketContext, payload: SubscribePayload, requestId: string) {
    if (Object.keys(context.subscriptions).length > MAX_OPERATIONS) {
      return [new GraphQLError(`A socket carries ${MAX_OPERATIONS} operations at a time and no more.`)];
    }
    const { request, socket } = context.extra;
    const serverContext: ServerContext = {
      viewer: await door.authenticate({
        apiKey: keyOf(context),
        cookie: door.isOwnPage(request) ? request.headers.cookie : undefined,
        origin: {
          address: door.addressOf(request) ?? null,
          userAgent: request.headers['user-agent'] ?? null,
        },
      }),
      requestId,
      signal: closedSignals.get(socket),
      endConnection: () => socket.close(CloseCode.Unauthorized, 'Unauthorized'),
    };
    const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
      ...serverContext,
      params: payload,
    });
    const args = {
      schema,
      operationName: payload.operationName ?? undefined,
      document: parse(payload.query),
      variableValues: payload.variables ?? undefined,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    };
    const errors = validate(args.schema, args.document);
    return errors.length > 0 ? errors : args;
  }

  return async () => {
    await disposable.dispose();
  };
}

/**
 * Whether a request is to become a WebSocket. An offer of anything else is passed over and the request answered (RFC 9110,
 * section 7.8): Java's client and others offer HTTP/2 with each one.
 */
export const asksForWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

function keyOf({ extra, connectionParams }: SocketContext): string | undefined {
  const key =
    extra.request.headers['x-api-key'] ?? connectionParams?.['X-API-Key'] ?? connectionParams?.['x-api-key'];
  return typeof key === 'string' ? key : undefined;
}
