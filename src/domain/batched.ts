import DataLoader from 'dataloader';
import type { Services } from './services.ts';

/** Statements of one kind at the same time; what is asked for while they run is read by the next one. */
const STATEMENTS_AT_ONCE = 2;
/** Keys of one statement. */
const MAX_KEYS = 500;

/**
 * Makes one statement of what many requests and subscriptions of this process ask for at the same time, so that the
 * cost of a round trip is shared. Nothing is remembered: a statement begins after everything that it answers was asked
 * for. `read` answers what it found by the `nameOf` its key, which says whose row it is.
 */
export function batched<Key, Row>(
  nameOf: (key: Key) => string,
  read: (services: Services, keys: Key[]) => Promise<Map<string, Row>>,
): (services: Services, key: Key) => Promise<Row | null> {
  const loaders = new WeakMap<Services, DataLoader<Key, Row | null>>();
  return (services, key) => {
    const loader = loaders.get(services) ?? openLoader(services, nameOf, read);
    loaders.set(services, loader);
    return loader.load(key);
  };
}

function openLoader<Key, Row>(
  services: Services,
  nameOf: (key: Key) => string,
  read: (services: Services, keys: Key[]) => Promise<Map<string, Row>>,
): DataLoader<Key, Row | null> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return new DataLoader<Key, Row | null>(
    async (keys) => {
      running += 1;
      try {
        const distinct = new Map(keys.map((key) => [nameOf(key), key]));
        const found = await read(services, [...distinct.values()]);
        return keys.map((key) => found.get(nameOf(key)) ?? null);
      } finally {
        running -= 1;
        waiting.shift()?.();
      }
    },
    {
      cache: false,
      maxBatchSize: MAX_KEYS,
      // After the sockets that are ready now were read: each may bring a request that asks for something.
      batchScheduleFn: (dispatch) =>
        setImmediate(() => {
          if (running < STATEMENTS_AT_ONCE) dispatch();
          else waiting.push(dispatch);
        }),
    },
  );
}
