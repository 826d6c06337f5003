import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { isAway } from './api/graphql.ts';
import { checkSession } from './api/session.ts';
import { App } from './app.tsx';
import { ErrorBoundary } from './parts/error-boundary.tsx';
import './styles/tokens.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/shell.css';

const MAX_PAUSE_MS = 10_000;

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (failure) => checkSession(queries, failure) }),
  mutationCache: new MutationCache({ onError: (failure) => checkSession(queries, failure) }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A server that is away is asked until it is back; a refusal is an answer.
      retry: (failures, error) => isAway(error) && failures < 100,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, MAX_PAUSE_MS),
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <QueryClientProvider client={queries}>
          <App />
        </QueryClientProvider>
      </ErrorBoundary>
    </StrictMode>,
  );
}
