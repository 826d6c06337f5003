import type { ExecutionResult, GraphQLResolveInfo } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { createRowBudget, type RowBudget, TooManyRowsError } from '../domain/row-budget.ts';
import type { GraphQLContext } from './context.ts';

/** What a field counts for that reads a row by a statement of its own. */
export const OWN_STATEMENT = 20;

/** An execution makes its own variables, so that each event of a subscription has a budget of its own, unlike its context. */
const budgets = new WeakMap<GraphQLResolveInfo['variableValues'], RowBudget>();

/** The rows that the operation of a field may still read through fields without pages. */
export function rowBudgetOf({ variableValues }: GraphQLResolveInfo): RowBudget {
  const budget = budgets.get(variableValues) ?? createRowBudget();
  budgets.set(variableValues, budget);
  return budget;
}

/** Answers an operation that used up its rows by that error alone, which thousands of its fields may have met. */
export function refuseTooManyRows(): Plugin<GraphQLContext> {
  return {
    onExecute: () => ({
      onExecuteDone({ result, setResult }) {
        if (isAsyncIterable(result)) return;
        const { errors } = result as ExecutionResult;
        const first = errors?.find(({ originalError }) => originalError instanceof TooManyRowsError);
        if (first) setResult({ data: null, errors: [first] });
      },
    }),
  };
}
