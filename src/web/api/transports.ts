import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws/client';
import { fetchUnlessSilent } from './silence.ts';

/** What comes of a subscription, over whatever it comes. One of the last two ends it. */
export interface Sink {
  /** The server listens; what happens from now on is told. */
  opened(): void;
  next(result: Result): void;
  /** The server has told all. */
  over(): void;
  /** The connection is lost, or never came to be. */
  lost(): void;
}

export interface Result {
  data?: unknown;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

export interface Request {
  query: string;
  variables: Record<string, unknown>;
}

/** Subscribes once; answers the function that leaves, which may still call the sink. */
export type Transport = (request: Request, sink: Sink) => () => void;

/** Whether WebSockets come through is known by then; behind some proxies nobody ever answers. */
const OPENING_MS = 10_000;
const PING_MS = 10_000;
/** For the answer to a ping, and so that a connection counts as lost after 30 seconds without a word, as a stream does. */
const PONG_MS = 20_000;

/**
 * Over a WebSocket of its own: a browser opens six connections at most to a server that speaks HTTP/1.1, and a stream of
 * events in each tab would leave none for anything else. WebSockets it counts apart, and allows many.
 */
export const overSocket: Transport = (request, sink) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const giveUpAfter = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => client.terminate(), ms);
  };
  const url = new URL('/graphql', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const client = createSocketClient({
    url: url.href,
    retryAttempts: 0,
    keepAlive: PING_MS,
    on: {
      connecting: () => giveUpAfter(OPENING_MS),
      // Counted from the ping and not from the last word: in a hidden tab timers wait for each other.
      ping: (isReceived) => isReceived || giveUpAfter(PONG_MS),
      message: () => clearTimeout(timer),
      closed: () => clearTimeout(timer),
    },
  });
  const leave = client.subscribe({ ...request }, { next: sink.next, error: sink.lost, complete: sink.over });
  // The protocol has no word for a subscription that has begun: what is asked after it is answered after that.
  const ignore = () => undefined;
  client.subscribe(
    { query: '{ __typename }' },
    { next: () => sink.opened(), error: ignore, complete: ignore },
  );
  return leave;
};

const events = createEventClient({
  url: '/graphql',
  headers: { 'x-graphql-yoga-csrf': '1' },
  fetchFn: fetchUnlessSilent,
  retryAttempts: 0,
});

/** As server-sent events, which come through proxies that know no WebSockets. */
export const overEvents: Transport = (request, sink) =>
  events.subscribe(
    { ...request },
    { next: sink.next, error: sink.lost, complete: sink.over },
    { connected: sink.opened },
  );
