import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Events } from '../../domain/services.ts';
import type { RedisConnections } from '../redis.ts';
import { channelOf } from './channel.ts';

type PendingSubscriptions = Map<string, { pending: PromiseLike<unknown> }>;

/** Events over Redis pub/sub. Its own two clients: RedisPubSub's `connection` option loses subscriptions. */
export function openRedisEvents(redis: RedisConnections): Events & { close(): Promise<void> } {
  const subscriber = redis.openSubscriber();
  const quietly =
    (ask: (...args: never[]) => Promise<unknown>) =>
    (...args: never[]) => {
      const asked = ask(...args);
      asked.catch(() => undefined);
      return asked;
    };
  // RedisPubSub lets go of some of these promises, and ioredis of those with which it asks again for all channels after
  // a loss. They fail when the connection ends for good before Redis has answered, and nobody would be there to hear it.
  Object.assign(subscriber, {
    subscribe: quietly(subscriber.subscribe.bind(subscriber)),
    unsubscribe: quietly(subscriber.unsubscribe.bind(subscriber)),
    punsubscribe: quietly(subscriber.punsubscribe.bind(subscriber)),
  });
  const pubSub = new RedisPubSub({ publisher: redis.openPublisher(), subscriber });
  const missed = new Set<() => void>();
  let everReady = false;
  subscriber.on('ready', async () => {
    const again = everReady;
    everReady = true;
    if (!again) return;
    // The client has just queued its SUBSCRIBEs again: what answers behind them comes after they hold.
    await subscriber.ping().catch(() => undefined);
    for (const nudge of missed) nudge();
  });
  return {
    async publish(event, key, payload) {
      await pubSub.publish(channelOf(event, key), payload);
    },
    async listen(event, key, listener) {
      const channel = channelOf(event, key);
      const subscribed = pubSub.subscribe(channel, listener);
      // For those that ask for the channel meanwhile; with nobody there to hear its failure, that would end the program.
      const { subsPendingRefsMap } = pubSub as unknown as { subsPendingRefsMap: PendingSubscriptions };
      subsPendingRefsMap.get(channel)?.pending.then(undefined, () => undefined);
      const id = await subscribed;
      const nudge = () => listener(null);
      missed.add(nudge);
      return async () => {
        if (missed.delete(nudge)) pubSub.unsubscribe(id);
      };
    },
    async close() {
      // The connections themselves are closed by who opens them.
      missed.clear();
    },
  };
}
