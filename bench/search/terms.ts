import type { Services } from '../../src/domain/services.ts';

/** Words of a user's messages by how many of them hold each. */
export interface Terms {
  rare: string[];
  middle: string[];
  common: string[];
}

const SAMPLE_MESSAGES = 20_000;
const EACH = 8;

/** Picks words whose share of the messages is about that of a name, of a topic, and of an everyday word. */
export async function pickTerms(services: Services, userId: string): Promise<Terms> {
  const rows = await services.database.query<{ word: string; share: number }>(
    `SELECT word, ndoc::float8 / least(${SAMPLE_MESSAGES}, (SELECT count(*) FROM message_search WHERE user_id = $1)) AS share
     FROM ts_stat($$
       SELECT terms FROM message_search WHERE user_id = '${userId}' LIMIT ${SAMPLE_MESSAGES}$$)`,
    [userId],
  );
  const words = rows.filter(({ word }) => /^[a-z]{4,}$/.test(word)).toSorted((a, b) => b.share - a.share);
  const between = (low: number, high: number) => {
    const fitting = words.filter(({ share }) => share >= low && share <= high).map(({ word }) => word);
    const step = Math.max(1, Math.floor(fitting.length / EACH));
    return fitting.filter((_, index) => index % step === 0).slice(0, EACH);
  };
  return {
    rare: between(0, Math.max(0.0005, words.at(-1)?.share ?? 0)),
    middle: between(0.005, 0.02),
    common: between(0.08, 0.5),
  };
}
