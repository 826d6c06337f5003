import { useEffect, useRef, useState } from 'react';

/** A pause in typing after which what was typed is kept. */
const PAUSE_MS = 200;

/**
 * The text of a field that is kept elsewhere, such as in the address, and how to change it. What is typed goes to `keep` after a
 * pause, and nothing that happens meanwhile takes a letter away; otherwise the field follows what is `kept`.
 */
export function useTyped(kept: string, keep: (text: string) => void): [string, (text: string) => void] {
  const [typed, setTyped] = useState<string | null>(null);
  const latest = useRef(keep);
  latest.current = keep;
  useEffect(() => {
    if (typed === null) return;
    const timer = setTimeout(() => {
      latest.current(typed);
      setTyped((now) => (now === typed ? null : now));
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return [typed ?? kept, setTyped];
}
