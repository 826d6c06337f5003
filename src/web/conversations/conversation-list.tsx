import { useInfiniteQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { Archive, Star } from 'lucide-react';
import { type FocusEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { ConversationListDocument, type ConversationListQuery } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatDay, formatNumber } from '../format.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { type Choice, isNarrowed, toQuery, writeChoice } from './filters.ts';

const words = texts.conversations;
const PAGE = 100;
const ROW_HEIGHT = 60;
/** Rows before the end of what is loaded at which more is asked for, so that scrolling does not catch up with it. */
const AHEAD = 60;

type Item = ConversationListQuery['conversations']['edges'][number]['node'];

/** The conversations that fit, as far as they were asked for; whoever asks for the same shares them. */
function useConversations(choice: Choice) {
  const query = toQuery(choice);
  return useInfiniteQuery({
    queryKey: ['conversations', query],
    queryFn: ({ pageParam, signal }) =>
      ask(ConversationListDocument, { ...query, first: PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ conversations: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : null),
    placeholderData: (before) => before,
  });
}

/** Whether there is anything to choose from; false as well until that is known. */
export function useHasConversations(choice: Choice): boolean {
  const total = useConversations(choice).data?.pages[0]?.conversations.totalCount ?? 0;
  return total > 0;
}

/** The conversations that fit, of which only those in sight are in the page. */
export function ConversationList({ choice, selected }: { choice: Choice; selected: string | undefined }) {
  const list = useConversations(choice);
  if (list.isPending) return <Loading lines={10} height="3.25rem" />;
  if (list.isLoadingError) return <Failure error={list.error} retry={() => void list.refetch()} />;
  const items = list.data.pages.flatMap(({ conversations }) => conversations.edges.map(({ node }) => node));
  const total = list.data.pages[0]?.conversations.totalCount ?? 0;
  if (total === 0) return <Nothing narrowed={isNarrowed(choice)} />;
  return (
    <>
      <p className="small muted list-count" role="status">
        {total === 1 ? words.one : words.count(formatNumber(total))}
      </p>
      {list.isFetchNextPageError && (
        <FailureNotice error={list.error} retry={() => void list.fetchNextPage()} />
      )}
      <Rows
        items={items}
        total={total}
        selected={selected}
        suffix={writeChoice(choice).toString()}
        more={() => {
          if (list.hasNextPage && !list.isFetchingNextPage && !list.isFetchNextPageError)
            void list.fetchNextPage();
        }}
      />
    </>
  );
}

function Rows({
  items,
  total,
  selected,
  suffix,
  more,
}: {
  items: Item[];
  total: number;
  selected: string | undefined;
  /** The filters, which stay in the address when a conversation is opened. */
  suffix: string;
  more: () => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  // One stop of the keyboard for all of them: Tab leads on to what is read, the arrows lead along the list.
  const [stop, setStop] = useState<number | null>(null);
  const virtual = useVirtualizer({
    // What is not loaded yet has its place all the same, so that the bar tells the truth.
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const rows = virtual.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  const [first, scrolled] = [
    rows.at(0)?.index ?? 0,
    rows.find(({ start }) => start >= (virtual.scrollOffset ?? 0)),
  ];
  const isAmong = (index: number) => index >= first && index <= last && index < items.length;
  const chosen = items.findIndex(({ id }) => id === selected);
  const entry =
    [stop, chosen, scrolled?.index].find((index) => typeof index === 'number' && isAmong(index)) ?? first;
  useEffect(() => {
    if (last + AHEAD >= items.length) more();
  }, [last, items.length, more]);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const from = Number((document.activeElement as HTMLElement | null)?.dataset.index);
    if (!step || Number.isNaN(from)) return;
    event.preventDefault();
    const to = Math.min(Math.max(from + step, 0), items.length - 1);
    virtual.scrollToIndex(to);
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`a[data-index="${to}"]`)?.focus(),
    );
  };
  return (
    <div className="list-scroll" ref={scroller}>
      <ul
        className="plain"
        aria-label={words.list}
        style={{ height: virtual.getTotalSize() }}
        onKeyDown={move}
        onFocus={({ target }: FocusEvent<HTMLElement>) => setStop(Number(target.dataset.index))}
      >
        {rows.map(({ index, start }) => {
          const item = items[index];
          return (
            <li
              key={index}
              aria-setsize={total}
              aria-posinset={index + 1}
              style={{ transform: `translateY(${start}px)` }}
            >
              {item ? (
                <Row
                  item={item}
                  index={index}
                  suffix={suffix}
                  isSelected={item.id === selected}
                  isEntry={index === entry}
                />
              ) : (
                <div className="skeleton list-waiting" />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Row({
  item,
  index,
  suffix,
  isSelected,
  isEntry,
}: {
  item: Item;
  index: number;
  suffix: string;
  isSelected: boolean;
  /** Whether the keyboard comes into the list here. */
  isEntry: boolean;
}) {
  return (
    <Link
      href={`/conversations/${item.id}${suffix && `?${suffix}`}`}
      className="list-row"
      data-index={index}
      tabIndex={isEntry ? 0 : -1}
      aria-current={isSelected ? 'true' : undefined}
    >
      <span className="list-title">{item.title}</span>
      <span className="small muted">
        {[formatDay(item.updatedAt), item.model].filter(Boolean).join(' · ')}
        {item.starred && <Star size={12} aria-label={words.isStarred} />}
        {item.archived && <Archive size={12} aria-label={words.archived} />}
      </span>
    </Link>
  );
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  const { title, text } = narrowed ? words.noMatch : words.none;
  return (
    <div className="state" role="status">
      <h2>{title}</h2>
      <p>{text}</p>
      {!narrowed && (
        <Link className="button primary" href="/import">
          {words.none.action}
        </Link>
      )}
    </div>
  );
}
