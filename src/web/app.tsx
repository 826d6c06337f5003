import { Suspense } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { useSession } from './api/session.ts';
import { ErrorBoundary } from './parts/error-boundary.tsx';
import { Failure } from './parts/failure.tsx';
import { load } from './parts/load.ts';
import { Loading } from './parts/loading.tsx';
import { Shell } from './parts/shell.tsx';
import { texts } from './texts/index.ts';
import { WelcomePage } from './welcome/welcome-page.tsx';

/** Each page is loaded when it is first opened. The server answers these addresses with the app (src/web-pages.ts). */
const pages = [
  {
    path: '/conversations/:id?',
    Page: load(() => import('./conversations/conversations-page.tsx')),
  },
  { path: '/search', Page: load(() => import('./search/search-page.tsx')) },
  { path: '/chat/:id?', Page: load(() => import('./chat/chat-page.tsx')) },
  { path: '/import', Page: load(() => import('./imports/imports-page.tsx')) },
  { path: '/insights', Page: load(() => import('./insights/insights-page.tsx')) },
  { path: '/account', Page: load(() => import('./account/account-page.tsx')) },
];

export function App() {
  const session = useSession();
  const [location] = useLocation();
  // One page that broke leaves the others whole.
  const section = location.split('/')[1];
  if (session.isPending) return <Waiting reason={session.failureReason} />;
  if (session.isLoadingError) return <Failure error={session.error} retry={() => void session.refetch()} />;
  const { viewer, signInMethods } = session.data;
  if (!viewer) return <WelcomePage methods={signInMethods} />;
  return (
    <Shell key={viewer.id} user={viewer.displayName ?? viewer.email ?? texts.shell.owner}>
      <ErrorBoundary key={section}>
        <Suspense
          fallback={
            <div className="page">
              <Loading />
            </div>
          }
        >
          <Switch>
            {pages.map(({ path, Page }) => (
              <Route key={path} path={path} component={Page} />
            ))}
            <Route path="/">
              <Redirect to="/conversations" replace />
            </Route>
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}

/** Nothing for the moment that an answer takes; then a word, when nobody answers. */
function Waiting({ reason }: { reason: unknown }) {
  return reason ? <Failure error={reason} /> : null;
}

function NotFound() {
  const { title, text } = texts.shell.notFound;
  return (
    <div className="state">
      <h1>{title}</h1>
      <p>{text}</p>
      <Link className="button" href="/">
        {texts.shell.home}
      </Link>
    </div>
  );
}
