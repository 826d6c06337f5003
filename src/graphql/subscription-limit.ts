import { GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { TooManyStreamsError } from '../domain/errors.ts';
import type { GraphQLContext } from './context.ts';

/**
 * Bounds the open subscriptions of one user in this process, with the other streams that `services.streams` counts. Who
 * is not signed in has none: the subscriptions themselves refuse them.
 */
export function limitSubscriptions(): Plugin<GraphQLContext> {
  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) {
      const { services, viewer, signal } = args.contextValue;
      if (!viewer) return;
      let release: () => void;
      try {
        release = services.streams.open(viewer.userId);
      } catch (error) {
        if (!(error instanceof TooManyStreamsError)) throw error;
        const { message, code, retryAfter } = error;
        const http = { status: 429, headers: { 'Retry-After': String(retryAfter) } };
        const refused = new GraphQLError(message, { extensions: { code, retryAfter, http } });
        return setResultAndStopExecution({ errors: [refused] });
      }
      setSubscribeFn(async (executionArgs) => {
        try {
          const result = await subscribeFn(executionArgs);
          if (!signal.aborted || !isAsyncIterable(result)) return result;
          // Nobody will ever read it, and so nobody would end it.
          await result[Symbol.asyncIterator]().return?.();
          return { errors: [new GraphQLError('The client left.')] };
        } catch (error) {
          release();
          throw error;
        }
      });
      return {
        onSubscribeResult({ result }) {
          if (isAsyncIterable(result)) return { onEnd: release };
          release();
        },
        // Over a WebSocket nobody ends what has failed.
        onSubscribeError: release,
      };
    },
  };
}
