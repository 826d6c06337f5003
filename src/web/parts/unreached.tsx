import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { ViewerDocument } from '../../generated/web/operations.ts';
import { type ApiError, ask } from '../api/graphql.ts';
import { Failure } from './failure.tsx';

/**
 * In place of a page whose files did not come, which the page that is open cannot ask for again: it is loaded anew once the server
 * is back. A server that was there all the while has other reasons, and would have it loaded for ever.
 */
export function Unreached({ error }: { error: ApiError }) {
  const { failureCount, isSuccess } = useQuery({
    queryKey: ['unreached'],
    queryFn: ({ signal }) => ask(ViewerDocument, {}, signal),
    gcTime: 0,
  });
  const wasAway = useRef(false);
  if (failureCount > 0) wasAway.current = true;
  useEffect(() => {
    if (isSuccess && wasAway.current) location.reload();
  }, [isSuccess]);
  return <Failure error={error} retry={() => location.reload()} />;
}
