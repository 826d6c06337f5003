import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesPlugin } from '@escape.tech/graphql-armor-max-directives';
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  getOperationAST,
  getVariableValues,
  NoFragmentCyclesRule,
  NoSchemaIntrospectionCustomRule,
  type ValidationContext,
  validate,
} from 'graphql';
import { createLRUCache, type Plugin } from 'graphql-yoga';
import type { GraphQLContext } from './context.ts';
import { costOf, MAX_COST } from './cost.ts';
import { refuseTooManyRows } from './row-budget.ts';

/** Ten times what a rich client asks in one document; what is larger belongs into variables. */
const MAX_CHARACTERS = 32_768;
const MAX_TOKENS = 1_000;
const MAX_DEPTH = 12;
const MAX_ALIASES = 30;
const MAX_DIRECTIVES = 50;
/** Of the variables, which no input of ours nests half as deep. Thousands of levels exhaust the stack of whoever walks them. */
const MAX_NESTING = 20;

/** Parsed documents that are kept, at about 300 kB for the largest; those that are no GraphQL are not. */
export const documentCaches = {
  documentCache: createLRUCache<DocumentNode>({ max: 250 }),
  errorCache: { get: () => undefined, set: () => undefined },
};

const REFUSED = 'OPERATION_TOO_LARGE';
const refusal = (reason: string) => new GraphQLError(reason, { extensions: { code: REFUSED } });

/** For graphql-armor, which tells of an excess while parsing (without a context) or while validating. */
function refuse(context: ValidationContext | null, error: GraphQLError): void {
  const refused = refusal(error.message.replace('Syntax Error: ', ''));
  if (!context) throw refused;
  context.reportError(refused);
}

const onExcess = { onReject: [refuse], propagateOnRejection: false };

/**
 * What one operation may ask for, over HTTP and WebSockets alike. All is decided before anything is executed: length,
 * tokens, depth, aliases and directives from the document alone, the cost with its variables, which name page sizes and
 * may nest only so deep themselves.
 */
export function limitOperations(): Plugin<GraphQLContext>[] {
  return [
    limitLength(),
    maxTokensPlugin({ ...onExcess, n: MAX_TOKENS }),
    maxDepthPlugin({ ...onExcess, n: MAX_DEPTH, flattenFragments: true }),
    maxAliasesPlugin({ ...onExcess, n: MAX_ALIASES }),
    maxDirectivesPlugin({ ...onExcess, n: MAX_DIRECTIVES }),
    refuseCycles(),
    limitCost(),
    refuseTooManyRows(),
    answerWithStatus(),
  ];
}

function limitLength(): Plugin<GraphQLContext> {
  return {
    onParse({ params: { source } }) {
      const { length } = typeof source === 'string' ? source : source.body;
      if (length > MAX_CHARACTERS)
        throw refusal(`The document is longer than ${MAX_CHARACTERS} characters: use variables.`);
    },
  };
}

/** A fragment that contains itself is refused by graphql as well, but as a slip, which older clients hear of with a 200. */
function refuseCycles(): Plugin<GraphQLContext> {
  const rule = (context: ValidationContext) =>
    NoFragmentCyclesRule(
      Object.create(context, {
        reportError: { value: (error: GraphQLError) => context.reportError(refusal(error.message)) },
      }),
    );
  return { onValidate: ({ addValidationRule }) => addValidationRule(rule) };
}

interface Execution {
  args: ExecutionArgs;
  setResultAndStopExecution(result: ExecutionResult): void;
}

function limitCost(): Plugin<GraphQLContext> {
  const refuseCostly = ({ args, setResultAndStopExecution }: Execution) => {
    if (isDeeper(args.variableValues, MAX_NESTING)) {
      const reason = `The variables nest deeper than ${MAX_NESTING} levels.`;
      return setResultAndStopExecution({ errors: [refusal(reason)] });
    }
    const cost = costOf(args);
    if (cost <= MAX_COST) return;
    const reason = `The operation costs ${cost}, and ${MAX_COST} is the most: ask for smaller pages or fewer fields.`;
    setResultAndStopExecution({ errors: [refusal(reason)] });
  };
  return { onExecute: refuseCostly, onSubscribe: refuseCostly };
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** 400 in every media type: older clients, which hear of a slip with a 200, hear of this as the refusal that it is. */
function answerWithStatus(): Plugin<GraphQLContext> {
  return {
    onExecutionResult({ result }) {
      for (const error of result && 'errors' in result ? (result.errors ?? []) : []) {
        if (error.extensions.code === REFUSED) error.extensions.http = { status: 400, spec: false };
      }
    },
  };
}

/** No introspection, and no names in errors that a client did not write itself. */
export function hideSchema(): Plugin<GraphQLContext> {
  const checkVariables = ({ args, setResultAndStopExecution }: Execution) => {
    const { schema, document, operationName, variableValues } = args;
    const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
    const { errors } = getVariableValues(
      schema,
      definitions,
      { ...variableValues },
      { hideSuggestions: true },
    );
    if (errors) setResultAndStopExecution({ errors });
  };
  return {
    onExecute: checkVariables,
    onSubscribe: checkVariables,
    onValidate({ addValidationRule, setValidationFn }) {
      addValidationRule(NoSchemaIntrospectionCustomRule);
      setValidationFn((schema, document, rules) =>
        validate(schema, document, rules, { hideSuggestions: true }),
      );
    },
  };
}
