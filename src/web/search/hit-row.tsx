import type { KeyboardEvent } from 'react';
import { Link } from 'wouter';
import type { SearchQuery } from '../../generated/web/operations.ts';
import { formatDay } from '../format.ts';
import { texts } from '../texts/index.ts';
import { Snippet } from './snippet.tsx';

type Hit = SearchQuery['search']['edges'][number]['node'];

/** One hit, which leads to its message among those around it; a title leads to its conversation. */
export function HitRow({
  hit: { snippet, isTitleMatch, message, conversation },
  onMove,
}: {
  hit: Hit;
  /** Hears the keys, of which the arrows lead on to the next hit. */
  onMove: (event: KeyboardEvent) => void;
}) {
  const { assistants, kinds, you } = texts.conversations;
  const author =
    message.role === 'user'
      ? you
      : message.kind === 'VISIBLE'
        ? assistants[conversation.provider]
        : kinds[message.kind];
  const facts = [
    isTitleMatch ? texts.search.inTitle : (author ?? message.role),
    formatDay(message.createdAt ?? conversation.updatedAt),
  ];
  return (
    <li>
      <Link
        className="hit"
        onKeyDown={onMove}
        href={`/conversations/${conversation.id}${isTitleMatch ? '' : `?message=${message.id}`}`}
      >
        <span className="hit-title">{conversation.title}</span>
        <span className="small muted">{facts.filter(Boolean).join(' · ')}</span>
        <span className="hit-snippet">
          <Snippet html={snippet} />
        </span>
      </Link>
    </li>
  );
}
