import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { MessageFragment } from '../../generated/web/operations.ts';
import { ApiError } from '../api/graphql.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import type { Switch } from './branch-switch.tsx';
import { MessageView } from './message-view.tsx';
import { useMessages } from './use-messages.ts';

const words = texts.conversations;

/** The messages of a path, the next ones as one reads on. One path stands until the other that is asked for is there. */
export function Messages({ id, anchor, provider }: { id: string; anchor: string | null; provider: string }) {
  const { messages, ...query } = useMessages(id, anchor);
  const [showsAll, setShowsAll] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  const path = useRef<{ shown: MessageFragment[]; marked: string | null }>({ shown: [], marked: null });
  const switched = useRef<Switch | null>(null);
  const noteSwitch = useCallback((next: Switch) => {
    switched.current = next;
  }, []);
  const { fetchPreviousPage } = query;
  const isHere = query.data !== undefined && !query.isPlaceholderData;
  // What comes before an anchor is put in first, so that nothing moves once one reads.
  const isAlone = isHere && anchor !== null && query.data.pages.length === 1 && query.hasPreviousPage;
  useEffect(() => {
    if (isAlone) void fetchPreviousPage();
  }, [isAlone, fetchPreviousPage]);
  const isWhole = isHere && (!isAlone || query.isFetchPreviousPageError);
  if (isWhole) path.current = { shown: messages, marked: anchor };
  const { shown, marked } = path.current;
  useLayoutEffect(() => {
    if (!isWhole || !anchor) return;
    arriveAt(anchor, switched.current);
    switched.current = null;
  }, [isWhole, anchor]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isFetchNextPageError } = query;
  useEffect(() => {
    if (!isWhole || !end.current || !hasNextPage || isFetchingNextPage || isFetchNextPageError) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void fetchNextPage();
      },
      { rootMargin: '800px' },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [isWhole, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  if (query.isError && messages.length === 0 && anchor && isGone(query.error)) return <Gone id={id} />;
  if (query.isError && messages.length === 0)
    return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!isWhole && shown.length === 0) return <Loading lines={5} height="6rem" />;
  const hidden = shown.filter(({ kind }) => kind === 'HIDDEN').length;
  return (
    <>
      {query.hasPreviousPage && (
        <button
          type="button"
          className="button"
          disabled={query.isFetchingPreviousPage}
          onClick={() => void query.fetchPreviousPage()}
        >
          {words.earlier}
        </button>
      )}
      {hidden > 0 && (
        <label className="row small muted">
          <input type="checkbox" checked={showsAll} onChange={(event) => setShowsAll(event.target.checked)} />
          {words.showAll}
        </label>
      )}
      {shown.length === 0 && <p className="muted">{words.empty}</p>}
      <ol className="plain messages" aria-busy={!isWhole}>
        {shown
          .filter(({ kind, id: messageId }) => kind !== 'HIDDEN' || showsAll || messageId === marked)
          .map((message) => (
            <MessageView
              key={message.id}
              message={message}
              conversationId={id}
              provider={provider}
              isAnchor={message.id === marked}
              onSwitch={noteSwitch}
            />
          ))}
      </ol>
      {isFetchNextPageError && <FailureNotice error={query.error} retry={() => void fetchNextPage()} />}
      <div ref={end}>{isFetchingNextPage && <Loading lines={2} height="6rem" />}</div>
    </>
  );
}

const isGone = (error: unknown) => error instanceof ApiError && error.code === 'NOT_FOUND';

/** For a link to a message that is no more, or never was. */
function Gone({ id }: { id: string }) {
  return (
    <div className="state" role="alert">
      <p>{words.messageGone}</p>
      <Link className="button" href={`/conversations/${id}`}>
        {words.fromBeginning}
      </Link>
    </div>
  );
}

/**
 * Brings the reader and the keyboard to a message: into the middle of the window, or, from another version of it, where that one
 * stood, with the same arrow at hand.
 */
function arriveAt(id: string, from: Switch | null): void {
  const message = document.getElementById(id);
  if (!message) return;
  if (!from) {
    message.scrollIntoView({ block: 'center' });
    message.focus({ preventScroll: true });
    return;
  }
  scrollBy(0, message.getBoundingClientRect().top - from.top);
  const arrows = [...message.querySelectorAll<HTMLButtonElement>('.branch button')];
  const arrow = from.step > 0 ? arrows.toReversed() : arrows;
  (arrow.find(({ disabled }) => !disabled) ?? message).focus({ preventScroll: true });
}
