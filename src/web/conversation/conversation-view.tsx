import { useQuery } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { useEffect, useLayoutEffect } from 'react';
import { Link } from 'wouter';
import { ConversationDocument } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatDay, plural } from '../format.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { Actions } from './actions.tsx';
import { Messages } from './messages.tsx';
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
    if (conversation) document.title = titleOf(conversation.title);
  }, [conversation]);
  // The list says its own again; a page that comes in its place says its own after that.
  useLayoutEffect(
    () => () => {
      document.title = titleOf(texts.shell.pages.conversations);
    },
    [],
  );
  if (head.isPending) {
    return (
      <div className="page">
        <Loading />
      </div>
    );
  }
  if (head.isLoadingError) return <Failure error={head.error} retry={() => void head.refetch()} />;
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
      <Messages id={id} anchor={anchor} provider={conversation.provider} />
    </article>
  );
}

const titleOf = (title: string) => `${title} · ${texts.shell.name}`;

const unique = (value: string, index: number, all: string[]) => value !== '' && all.indexOf(value) === index;
