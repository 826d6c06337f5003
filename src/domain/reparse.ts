import { mergeAllIntoExisting } from './import/merge.ts';
import { indexSomePending } from './search-index.ts';
import type { Services } from './services.ts';
import { refuseSecondTask } from './sync/task.ts';

const PAGE = 200;

export interface Reparsed {
  conversations: number;
  /** Those in which anything came out otherwise than before. */
  changed: number;
}

/**
 * Reads all of a user's conversations again from the raw bytes that every import keeps, so that a better reader needs
 * no new download, and finds anew which of them add nothing; writes only rows that differ. Each conversation is one
 * transaction however much JSON its forms are, unlike in an import: all have to be read, and only two are in memory at
 * once. A gigabyte takes about half a minute, in which an import of that conversation waits. Throws a ConflictError while
 * a sync is unfinished.
 */
export async function reparseConversations(
  services: Services,
  userId: string,
  onProgress: (done: Reparsed) => void,
): Promise<Reparsed> {
  await refuseSecondTask(services, userId);
  const done: Reparsed = { conversations: 0, changed: 0 };
  let last = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await services.database.query<{ id: string }>(
      'SELECT id FROM conversations WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3',
      [userId, last, PAGE],
    );
    for (const { id } of page) {
      const merged = await services.database.transaction((tx) =>
        mergeAllIntoExisting(services, tx, userId, [id], { readAll: true }),
      );
      done.conversations += 1;
      if (merged.get(id)?.changed) done.changed += 1;
      last = id;
    }
    onProgress(done);
    if (page.length < PAGE) break;
  }
  while ((await indexSomePending(services, userId)) > 0);
  return done;
}

/** Everybody with at least one conversation, for maintenance by the server's owner. */
export async function listArchiveOwners(services: Services): Promise<string[]> {
  const rows = await services.database.query<{ id: string }>(
    'SELECT id FROM users WHERE EXISTS (SELECT FROM conversations WHERE user_id = users.id) ORDER BY id',
  );
  return rows.map((row) => row.id);
}
