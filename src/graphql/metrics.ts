import { type ExecutionArgs, getOperationAST, type OperationDefinitionNode } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import type { Metrics } from '../domain/metrics.ts';
import type { GraphQLContext } from './context.ts';

/** Counts operations that are executed, and subscriptions that are open, over every transport. */
export function countOperations(metrics: Metrics): Plugin<GraphQLContext> {
  return {
    onExecute({ args }) {
      return {
        onExecuteDone({ result }) {
          const failed = !isAsyncIterable(result) && result.errors !== undefined;
          metrics.operationEnded({ ...describe(args), outcome: failed ? 'error' : 'ok' });
        },
      };
    },
    onSubscribe({ args }) {
      let ended = () => {};
      return {
        onSubscribeResult({ result }) {
          const isOpen = isAsyncIterable(result);
          metrics.operationEnded({ ...describe(args), outcome: isOpen ? 'ok' : 'error' });
          if (!isOpen) return;
          ended = metrics.subscriptionOpened();
          return { onEnd: ended };
        },
        // Over a WebSocket nobody ends what has failed.
        onSubscribeError: () => ended(),
      };
    },
  };
}

/** Of a document that was validated: its fields are the schema's. */
function describe({ document, operationName }: ExecutionArgs): { field: string; type: string } {
  const operation: OperationDefinitionNode | null | undefined = getOperationAST(document, operationName);
  const first = operation?.selectionSet.selections.find((selection) => selection.kind === 'Field');
  return { field: first?.name.value ?? 'fragment', type: operation?.operation ?? 'unknown' };
}
