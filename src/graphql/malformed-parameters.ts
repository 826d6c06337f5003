import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

const malformed = () =>
  new GraphQLError('`variables` and `extensions` of a URL or a form must be JSON.', {
    extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
  });

/** Tells a client of `variables` that are no JSON, as Yoga does of a body; those of a URL and of a form it takes for a fault of ours. */
export function nameMalformedParameters(): Plugin {
  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      const isJson = request.method === 'POST' && request.headers.get('content-type')?.includes('json');
      if (isJson || !requestParser) return;
      setRequestParser(async (parsed) => {
        try {
          return await requestParser(parsed);
        } catch (error) {
          throw error instanceof SyntaxError ? malformed() : error;
        }
      });
    },
  };
}
