import { getOperationAST } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { forReading, noteWrite } from '../domain/reading.ts';
import type { GraphQLContext } from './context.ts';

/** Lets queries read from replicas, and notes of mutations that they wrote, before they are answered. */
export function readFromReplicas(): Plugin<GraphQLContext> {
  return {
    async onExecute({ args: { contextValue, document, operationName } }) {
      const { services, viewer } = contextValue;
      if (getOperationAST(document, operationName)?.operation === 'mutation') {
        return { onExecuteDone: () => noteWrite(services, viewer) };
      }
      contextValue.services = await forReading(services, viewer);
    },
  };
}
