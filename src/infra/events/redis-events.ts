import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Events } from '../../domain/services.ts';
import type { RedisConnections } from '../redis.ts';
import { channelOf } from './channel.ts';

/** Events over Redis pub/sub. Its own two clients: RedisPubSub's `connection` option loses subscriptions. */
export function openRedisEvents(redis: RedisConnections): Events & { close(): Promise<void> } {
  const subscriber = redis.openPatient('subscriber');
  const pubSub = new RedisPubSub({ publisher: redis.open('publisher'), subscriber });
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
      const id = await pubSub.subscribe(channelOf(event, key), listener);
      const nudge = () => listener(null);
      missed.add(nudge);
      return async () => {
        if (missed.delete(nudge)) pubSub.unsubscribe(id);
      };
    },
    async close() {
      missed.clear();
      await pubSub.close().catch(() => undefined);
    },
  };
}
