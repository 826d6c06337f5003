import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';

/** How far below the window the end may be for somebody who reads along, in pixels: a line or two. */
const NEAR = 80;

/**
 * Keeps the end of an answer that grows in sight, for as long as whoever reads does not move away from it. To be put on what comes
 * last. Each answer is followed anew from its beginning on.
 */
export function useFollowed(answer: string | undefined): RefObject<HTMLDivElement | null> {
  const end = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useEffect(() => {
    const note = () => {
      const { top = 0 } = end.current?.getBoundingClientRect() ?? {};
      follows.current = top < innerHeight + NEAR;
    };
    addEventListener('scroll', note, { passive: true });
    return () => removeEventListener('scroll', note);
  }, []);
  // Before anything else is told of: the end of a long piece would look left behind.
  useLayoutEffect(() => {
    if (answer === undefined) return;
    if (answer === '') follows.current = true;
    if (follows.current) end.current?.scrollIntoView({ block: 'nearest' });
  }, [answer]);
  return end;
}
