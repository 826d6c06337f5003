import { CloudOff, TriangleAlert } from 'lucide-react';
import { ApiError } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';

/** What went wrong, in words for people. */
export function wordsFor(error: unknown): string {
  const { failed } = texts.shell;
  if (!(error instanceof ApiError)) return failed.INTERNAL;
  if (error.code === 'OFFLINE' || error.code === 'TOO_MANY_REQUESTS') return failed[error.code];
  return error.code === 'INTERNAL' ? failed.INTERNAL : error.message;
}

/** Where the server’s log tells of it; null where the words say all. */
const requestOf = (error: unknown): string | null =>
  error instanceof ApiError && error.code === 'INTERNAL' ? error.requestId : null;

/** In place of what could not be loaded. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { failed } = texts.shell;
  const offline = error instanceof ApiError && error.code === 'OFFLINE';
  const requestId = requestOf(error);
  const Icon = offline ? CloudOff : TriangleAlert;
  return (
    <div className="state" role="alert">
      <Icon size={32} aria-hidden="true" />
      <h2>{failed.title}</h2>
      <p>{wordsFor(error)}</p>
      {requestId && <p className="small">{failed.requestId(requestId)}</p>}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          {texts.shell.retry}
        </button>
      )}
    </div>
  );
}

/** Beside a form, a button or the rest of a list that did not work. */
export function FailureNotice({ error, retry }: { error: unknown; retry?: () => void }) {
  if (!error) return null;
  const requestId = requestOf(error);
  return (
    <div className="notice danger" role="alert">
      <TriangleAlert size={18} aria-hidden="true" />
      <div className="stack">
        <p>{wordsFor(error)}</p>
        {requestId && <p className="small">{texts.shell.failed.requestId(requestId)}</p>}
        {retry && (
          <button type="button" className="button compact" onClick={retry}>
            {texts.shell.retry}
          </button>
        )}
      </div>
    </div>
  );
}
