import { onlineManager, useQueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { isAway } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';

/** Says that the server is not there, for as long as the last question to it found nobody. */
export function Offline() {
  const cache = useQueryClient().getQueryCache();
  const offline = useSyncExternalStore(
    (changed) => {
      const stops = [cache.subscribe(changed), onlineManager.subscribe(changed)];
      return () => {
        for (const stop of stops) stop();
      };
    },
    () => {
      if (!onlineManager.isOnline()) return true;
      return cache.getAll().some(({ state }) => isAway(state.error) || isAway(state.fetchFailureReason));
    },
  );
  // Always there, so that a screen reader hears of a change.
  return <div role="status">{offline && <div className="banner">{texts.shell.offline}</div>}</div>;
}
