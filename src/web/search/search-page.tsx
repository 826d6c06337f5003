import { useInfiniteQuery } from '@tanstack/react-query';
import { Search, SlidersHorizontal } from 'lucide-react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { SearchDocument, type SearchQuery } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatNumber } from '../format.ts';
import { Failure, FailureNotice } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { useTyped } from '../parts/use-typed.ts';
import { texts } from '../texts/index.ts';
import { type Choice, isNarrowed, readChoice, toFilter, writeChoice } from './choice.ts';
import { HitRow } from './hit-row.tsx';
import { SearchFilters } from './search-filters.tsx';
import './search.css';

const words = texts.search;
const PAGE = 20;

/** One box for everything; the address keeps what was asked, so that it can be gone back to. */
export default function SearchPage() {
  const [address, setAddress] = useSearchParams();
  const choice = readChoice(address);
  // Filters that come with the address are not hidden; later one opens and folds them as one likes.
  const [comesNarrowed] = useState(() => isNarrowed(choice));
  const box = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  // Whoever comes back to the hits comes back to where they were.
  useEffect(() => box.current?.focus({ preventScroll: true }), []);
  const change = (part: Partial<Choice>) =>
    setAddress(writeChoice({ ...choice, ...part }), { replace: true });
  const [query, setQuery] = useTyped(choice.query, (typed) => change({ query: typed }));
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...(list.current?.querySelectorAll<HTMLElement>('a.hit') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    const next = at + step;
    if (next >= links.length) return;
    event.preventDefault();
    (next < 0 ? box.current : links[next])?.focus();
  };
  return (
    <div className="page stack">
      <h1 className="visually-hidden">{words.title}</h1>
      <search className="stack">
        <div className="search-box">
          <Search size={20} aria-hidden="true" />
          <input
            ref={box}
            id="search-box"
            type="search"
            aria-label={words.label}
            placeholder={words.placeholder}
            autoComplete="off"
            maxLength={1000}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={move}
          />
        </div>
        <details open={comesNarrowed}>
          <summary className="small muted">
            <SlidersHorizontal size={14} aria-hidden="true" /> {texts.filters.title}
          </summary>
          <SearchFilters choice={choice} onChange={change} />
        </details>
      </search>
      <div ref={list}>
        {choice.query.trim() === '' ? (
          <Start />
        ) : (
          <Hits choice={choice} onMove={move} onCorrect={(corrected) => change({ query: corrected })} />
        )}
      </div>
    </div>
  );
}

function Start() {
  return (
    <div className="state">
      <h2>{words.start.title}</h2>
      <p>{words.start.text}</p>
      <p className="small">{words.hint}</p>
    </div>
  );
}

function Hits({
  choice,
  onMove,
  onCorrect,
}: {
  choice: Choice;
  onMove: (event: KeyboardEvent) => void;
  onCorrect: (query: string) => void;
}) {
  const asked = { query: choice.query, filter: toFilter(choice), onePerConversation: choice.once };
  const hits = useInfiniteQuery({
    queryKey: ['search', asked],
    queryFn: ({ pageParam, signal }) =>
      ask(SearchDocument, { ...asked, first: PAGE, after: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ search: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : null),
    // What was found for the last letters stays until the next hits are there.
    placeholderData: (before) => before,
    refetchOnWindowFocus: false,
  });
  if (hits.isPending) return <Loading lines={6} height="5rem" />;
  if (hits.isLoadingError) return <Failure error={hits.error} retry={() => void hits.refetch()} />;
  const [first] = hits.data.pages;
  const edges = hits.data.pages.flatMap(({ search }) => search.edges);
  return (
    <section className="stack" aria-label={words.results} aria-busy={hits.isFetching}>
      {first && <Summary result={first.search} onCorrect={onCorrect} />}
      <ol className="plain hits">
        {edges.map(({ cursor, node }) => (
          <HitRow key={cursor} hit={node} onMove={onMove} />
        ))}
      </ol>
      {hits.isFetchNextPageError && <FailureNotice error={hits.error} />}
      {hits.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={hits.isFetchingNextPage}
          onClick={() => void hits.fetchNextPage()}
        >
          {texts.shell.loadMore}
        </button>
      )}
    </section>
  );
}

function Summary({
  result,
  onCorrect,
}: {
  result: SearchQuery['search'];
  onCorrect: (query: string) => void;
}) {
  const { totalCount, totalCountCapped, didYouMean } = result;
  const nothing = totalCountCapped ? words.unread : words.none;
  return (
    <>
      <p className="small muted" role="status">
        {words.count(formatNumber(totalCount), totalCountCapped, totalCount === 1)}
      </p>
      {didYouMean && (
        <p>
          {words.didYouMean}{' '}
          <button type="button" className="button compact" onClick={() => onCorrect(didYouMean)}>
            {didYouMean}
          </button>
        </p>
      )}
      {totalCount === 0 && (
        <div className="state">
          <h2>{nothing.title}</h2>
          <p>{nothing.text}</p>
        </div>
      )}
    </>
  );
}
