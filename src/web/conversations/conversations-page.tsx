import { Suspense, useCallback, useMemo } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { load } from '../parts/load.ts';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { ConversationList, useHasConversations } from './conversation-list.tsx';
import { FilterForm } from './filter-form.tsx';
import { type Choice, readChoice, writeChoice } from './filters.ts';
import './conversations.css';

// Markdown, colours for code and mathematics come with the first conversation that is read.
const ConversationView = load(() => import('../conversation/conversation-view.tsx'));

const words = texts.conversations;

/** The list beside what is read; on a phone one after the other. */
export default function ConversationsPage() {
  const { id } = useParams();
  const [address, setAddress] = useSearchParams();
  const filters = address.toString();
  const choice = useMemo(() => readChoice(new URLSearchParams(filters)), [filters]);
  const anchor = address.get('message');
  const change = useCallback(
    (next: Choice) => {
      const changed = writeChoice(next);
      // What is read beside the list stays where it is.
      if (anchor) changed.set('message', anchor);
      setAddress(changed, { replace: true });
    },
    [setAddress, anchor],
  );
  const hasConversations = useHasConversations(choice);
  return (
    <div className={`reader ${id ? 'reading' : ''}`}>
      {id && <h1 className="visually-hidden">{words.title}</h1>}
      <section className="list" aria-label={words.list}>
        {!id && <h1 className="list-heading">{words.title}</h1>}
        <FilterForm choice={choice} onChange={change} />
        <ConversationList choice={choice} selected={id} />
      </section>
      <section className="reading-pane">
        {id ? (
          <Suspense
            fallback={
              <div className="page">
                <Loading />
              </div>
            }
          >
            <ConversationView
              key={id}
              id={id}
              anchor={anchor}
              back={`/conversations?${writeChoice(choice)}`}
            />
          </Suspense>
        ) : (
          hasConversations && (
            <div className="state">
              <h2>{words.choose.title}</h2>
              <p>{words.choose.text}</p>
            </div>
          )
        )}
      </section>
    </div>
  );
}
