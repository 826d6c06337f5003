import { type ComponentType, lazy } from 'react';
import { ApiError } from '../api/graphql.ts';

/** A component whose files come when it is first drawn. One that does not come is told as a server that is away. */
export const load = <Props>(component: () => Promise<{ default: ComponentType<Props> }>) =>
  lazy(() =>
    component().catch(() => {
      throw new ApiError('', 'OFFLINE');
    }),
  );
