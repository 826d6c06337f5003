import { useQuery } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { ConversationDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatDay, plural } from '../format.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { Actions } from './actions.tsx';
import { MessageView } from './message-view.tsx';
import { useMessages } from './use-messages.ts';
import './conversation.css';

const words = texts.conversations;

/** One conversation, read along the path through `anchor`, a message’s id, or along the active one. */
export default function ConversationView({
  id,
  anchor,
  back,
}: {
  id: string;
  anchor: string | null;
  back: string;
}) {
  const head = useQuery({
    queryKey: ['conversation', id],
    queryFn: ({ signal }) => ask(ConversationDocument, { id }, signal),
  });
  const conversation = head.data?.conversation;
  useEffect(() => {
    if (conversation) document.title = `${conversation.title} · ${texts.shell.name}`;
  }, [conversation]);
  if (head.isPending) {
    return (
      <div className="page">
        <Loading />
      </div>
    );
  }
  if (head.isError) return <Failure error={head.error} retry={() => void head.refetch()} />;
  if (!conversation) {
    return (
      <div className="state" role="alert">
        <h2>{words.gone.title}</h2>
        <p>{words.gone.text}</p>
        <Link className="button" href={back}>
          {words.back}
        </Link>
      </div>
    );
  }
  const facts = [
    words.assistants[conversation.provider] ?? conversation.provider,
    conversation.model,
    [formatDay(conversation.createdAt), formatDay(conversation.updatedAt)].filter(unique).join(' – '),
    plural(conversation.messageCount, 'message'),
    conversation.branches > 1 && words.branches(conversation.branches),
    conversation.archived && words.archived,
  ].filter(Boolean);
  return (
    <article className="conversation" aria-labelledby="conversation-title">
      <header className="conversation-head">
        <Link className="button quiet compact conversation-back" href={back}>
          <ArrowLeft size={16} aria-hidden="true" /> {words.back}
        </Link>
        <h2 id="conversation-title">{conversation.title}</h2>
        <p className="small muted">{facts.join(' · ')}</p>
        <Actions conversation={conversation} back={back} />
      </header>
      <Messages key={anchor} id={id} anchor={anchor} provider={conversation.provider} />
    </article>
  );
}

const unique = (value: string, index: number, all: string[]) => value !== '' && all.indexOf(value) === index;

function Messages({ id, anchor, provider }: { id: string; anchor: string | null; provider: string }) {
  const { messages, ...query } = useMessages(id, anchor);
  const [showsAll, setShowsAll] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  const { fetchPreviousPage } = query;
  const isAlone = anchor !== null && query.data?.pages.length === 1;
  useEffect(() => {
    if (isAlone) void fetchPreviousPage();
  }, [isAlone, fetchPreviousPage]);
  // What comes before an anchor is put in first, so that nothing moves once one reads.
  const isShown = query.isSuccess && !isAlone;
  useEffect(() => {
    if (isShown && anchor) document.getElementById(anchor)?.scrollIntoView({ block: 'center' });
  }, [isShown, anchor]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  useEffect(() => {
    if (!end.current || !hasNextPage || isFetchingNextPage) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void fetchNextPage();
      },
      { rootMargin: '800px' },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (query.isPending) return <Loading lines={5} height="6rem" />;
  if (query.isError && messages.length === 0)
    return <Failure error={query.error} retry={() => void query.refetch()} />;
  const hidden = messages.filter(({ kind }) => kind === 'HIDDEN').length;
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
      {messages.length === 0 && <p className="muted">{words.empty}</p>}
      <ol className="plain messages">
        {messages
          .filter(({ kind, id: messageId }) => kind !== 'HIDDEN' || showsAll || messageId === anchor)
          .map((message) => (
            <MessageView
              key={message.id}
              message={message}
              conversationId={id}
              provider={provider}
              isAnchor={message.id === anchor}
            />
          ))}
      </ol>
      <div ref={end}>{isFetchingNextPage && <Loading lines={2} height="6rem" />}</div>
    </>
  );
}
