import { GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { GraphQLContext } from './context.ts';

/**
 * Bounds the open subscriptions of one user in this process, those over SSE and over WebSockets together. Who is not
 * signed in has none: the subscriptions themselves refuse them.
 */
export function limitSubscriptions(max: number): Plugin<GraphQLContext> {
  const openOf = new Map<string, number>();
  const change = (userId: string, by: 1 | -1) => {
    const open = (openOf.get(userId) ?? 0) + by;
    if (open > 0) openOf.set(userId, open);
    else openOf.delete(userId);
  };
  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn, setResultAndStopExecution }) {
      const userId = args.contextValue.viewer?.userId;
      if (userId === undefined) return;
      if ((openOf.get(userId) ?? 0) >= max) {
        const message = `You have ${max} open subscriptions, and more are not allowed: end one that you no longer need.`;
        return setResultAndStopExecution({
          errors: [
            new GraphQLError(message, { extensions: { code: 'TOO_MANY_REQUESTS', http: { status: 429 } } }),
          ],
        });
      }
      change(userId, 1);
      const release = () => change(userId, -1);
      setSubscribeFn(async (executionArgs) => {
        try {
          return await subscribeFn(executionArgs);
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
      };
    },
  };
}
