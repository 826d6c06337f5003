import { resolveCursorConnection } from '@pothos/plugin-relay';

/** Pothos's `resolveCursorConnection`, but without cursors on an empty page, where it repeats those that it was given. */
export const resolvePage: typeof resolveCursorConnection = async (options, resolve) => {
  const connection = await resolveCursorConnection(options, resolve);
  if (connection?.edges?.length === 0)
    Object.assign(connection.pageInfo, { startCursor: null, endCursor: null });
  return connection;
};
