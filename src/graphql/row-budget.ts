import type { ExecutionResult, GraphQLResolveInfo } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { createRowBudget, type RowBudget, TooManyRowsError } from '../domain/row-budget.ts';
import type { GraphQLContext } from './context.ts';

/** What a field counts for that reads a row by a statement of its own. */
export const OWN_STATEMENT = 20;

/**
 * Of each operation by its variables, which every execution makes anew and all events of a subscription share, and in
 * it of each event by the object that was pushed, which other subscriptions may have got as well.
 */
const budgets = new WeakMap<GraphQLResolveInfo['variableValues'], WeakMap<object, RowBudget>>();

/** The rows that the operation of a field, or the event of a subscription, may still read through fields without pages. */
export function rowBudgetOf({ rootValue, variableValues }: GraphQLResolveInfo): RowBudget {
  const ofOperation = budgets.get(variableValues) ?? new WeakMap<object, RowBudget>();
  budgets.set(variableValues, ofOperation);
  const event = typeof rootValue === 'object' && rootValue !== null ? rootValue : variableValues;
  const budget = ofOperation.get(event) ?? createRowBudget();
  ofOperation.set(event, budget);
  return budget;
}

/** Answers what used up its rows by that error alone, which thousands of its fields may have met. */
export function refuseTooManyRows(): Plugin<GraphQLContext> {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (!isAsyncIterable(result)) setResult(refusedWhole(result as ExecutionResult));
      },
    }),
    onSubscribe: () => ({
      onSubscribeResult: () => ({
        onNext: ({ result, setResult }) => setResult(refusedWhole(result as ExecutionResult)),
      }),
    }),
  };
}

function refusedWhole(result: ExecutionResult): ExecutionResult {
  const first = result.errors?.find(({ originalError }) => originalError instanceof TooManyRowsError);
  return first ? { data: null, errors: [first] } : result;
}
