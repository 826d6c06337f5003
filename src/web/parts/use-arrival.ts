import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';

/**
 * What a browser does by itself when one page follows another, and not when a page only changes: the new one is seen from its top,
 * unless one goes back to it, and the keyboard is in it when what it was on is gone.
 */
export function useArrival(path: string, main: RefObject<HTMLElement | null>): void {
  const backTo = useRef<string | null>(null);
  const before = useRef(path);
  useEffect(() => {
    const note = () => {
      backTo.current = location.pathname;
    };
    addEventListener('popstate', note);
    return () => removeEventListener('popstate', note);
  }, []);
  // Before the page's own effects, which may lead on to a place within it.
  useLayoutEffect(() => {
    if (before.current !== path && backTo.current !== path) scrollTo(0, 0);
    backTo.current = null;
  }, [path]);
  useEffect(() => {
    // Whoever comes in, by the address or the way in, begins with the navigation.
    const isNew = before.current !== path && before.current !== '/';
    before.current = path;
    const { activeElement, body } = document;
    if (isNew && (activeElement === body || !activeElement?.checkVisibility()))
      main.current?.focus({ preventScroll: true });
  }, [path, main]);
}
