import { Repeater } from '@repeaterjs/repeater';
import { type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { CredentialWatch } from '../domain/credential.ts';
import { NotSignedInError } from '../domain/errors.ts';
import type { Viewer } from '../domain/viewer.ts';
import type { GraphQLContext } from './context.ts';

/** For so long a client may take the last error before its connection closes. */
const LAST_WORD_MS = 5_000;

/**
 * Ends every subscription, whatever it is about, once the session or key that opened it counts no more. The last
 * result is an error with the code NOT_SIGNED_IN; a WebSocket closes with 4401 after it (`endConnection`).
 */
export function useCredentialGuard(credentials: CredentialWatch): Plugin<GraphQLContext> {
  return {
    onSubscribe: ({ args }) => ({
      onSubscribeResult({ result, setResult }) {
        const { viewer, endConnection } = args.contextValue;
        if (!viewer || !isAsyncIterable(result)) return;
        setResult(whileItHolds(credentials, viewer, result, endConnection));
      },
    }),
  };
}

function whileItHolds(
  credentials: CredentialWatch,
  viewer: Viewer,
  results: AsyncIterable<ExecutionResult>,
  endConnection: () => void,
): Repeater<ExecutionResult> {
  return new Repeater(async (push, stop) => {
    const iterator = results[Symbol.asyncIterator]();
    // Ends what the iterator waits for as well, which leaving a `for await` loop could not.
    const release = async () => void (await iterator.return?.());
    let ended = false;
    const unwatch = credentials.watch(viewer, async () => {
      ended = true;
      release().catch(stop);
      const { message, code } = new NotSignedInError();
      // A client that reads nothing does not keep its connection by that.
      const patience = setTimeout(endConnection, LAST_WORD_MS);
      // Goes on when the client has taken the error, so that it comes before the end.
      await push({ errors: [new GraphQLError(message, { extensions: { code } })] });
      clearTimeout(patience);
      endConnection();
      stop();
    });
    const stopped = stop.then(() => {
      unwatch();
      return release();
    });
    try {
      for (;;) {
        const { value, done } = await iterator.next();
        if (ended) break;
        if (done) {
          stop();
          break;
        }
        await push(value);
      }
    } catch (error) {
      stop(error);
    }
    await stopped;
  });
}
