import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { countTopics, type Topic } from './topics.ts';

/** What people see and say: tools, reasoning and hidden context are left out. */
export interface Insights {
  conversations: number;
  messages: number;
  /** Of the first and the last message with a time. */
  firstAt: Date | null;
  lastAt: Date | null;
  months: MonthCount[];
  models: ModelCount[];
  hours: HourCount[];
  /** The most frequent first. */
  topics: Topic[];
}

interface MonthCount {
  /** Such as 2024-05, in the viewer's time zone. */
  month: string;
  /** user, assistant, or what the provider calls it. */
  role: string;
  messages: number;
}

interface ModelCount {
  month: string;
  /** Null for answers whose export names none. */
  model: string | null;
  messages: number;
}

interface HourCount {
  /** 1 is Monday, 7 is Sunday. */
  weekday: number;
  /** 0 to 23. */
  hour: number;
  messages: number;
}

/** Names of the tz database; an offset such as +02:00 means the opposite to PostgreSQL. */
const timeZoneName = z.string().refine((name) => {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}, 'Not a time zone: give a name such as Europe/Paris, or UTC.');

interface Row {
  month: string | null;
  role: string | null;
  model: string | null;
  weekday: number | null;
  hour: number | null;
  messages: number;
  firstAt: Date | null;
  lastAt: Date | null;
  /** Which of month, role, model, weekday and hour the row is not about, as bits. */
  about: number;
}

const BY_MONTH_AND_ROLE = 0b00111;
const BY_MONTH_ROLE_AND_MODEL = 0b00011;
const BY_WEEKDAY_AND_HOUR = 0b11100;
const OF_ALL = 0b11111;

/** `invalid_parameter_value`: a time zone that this PostgreSQL does not know yet. */
const UNKNOWN_TIME_ZONE = '22023';

/**
 * What the viewer's history is made of. Months and hours are those of `timeZone`, a name of the tz database. One pass over the
 * viewer's messages and one over their titles. Throws an InvalidInputError for an unknown time zone.
 */
export async function getInsights(
  services: Services,
  viewer: Viewer | null,
  input: { timeZone: string },
): Promise<Insights> {
  requireScope(viewer, 'read');
  const { timeZone } = parseInput(z.object({ timeZone: timeZoneName }), input);
  const { userId } = viewer;
  const [rows, [counted], topics] = await Promise.all([
    countMessages(services, userId, timeZone),
    services.database.query<{ conversations: number }>(
      'SELECT count(*)::int AS conversations FROM conversations WHERE user_id = $1',
      [userId],
    ),
    countTopics(services, userId),
  ]);
  const all = rows.find(({ about }) => about === OF_ALL);
  return {
    conversations: counted?.conversations ?? 0,
    messages: all?.messages ?? 0,
    firstAt: all?.firstAt ?? null,
    lastAt: all?.lastAt ?? null,
    months: rows.flatMap(({ about, month, role, messages }) =>
      about === BY_MONTH_AND_ROLE && month !== null && role !== null ? [{ month, role, messages }] : [],
    ),
    models: rows.flatMap(({ about, month, role, model, messages }) =>
      about === BY_MONTH_ROLE_AND_MODEL && month !== null && role === 'assistant'
        ? [{ month, model, messages }]
        : [],
    ),
    hours: rows.flatMap(({ about, weekday, hour, messages }) =>
      about === BY_WEEKDAY_AND_HOUR && weekday !== null && hour !== null ? [{ weekday, hour, messages }] : [],
    ),
    topics,
  };
}

/**
 * Four ways of counting in one pass. The messages of one hour are counted first, so that the rest, words for months above all, is
 * done for each hour rather than for each message. Those without a time are among all, and their months and hours are null.
 */
async function countMessages(services: Services, userId: string, timeZone: string): Promise<Row[]> {
  try {
    return await services.database.query<Row>(
      `WITH hours AS MATERIALIZED (
         SELECT date_trunc('hour', created_at AT TIME ZONE $2) AS said_at, role, model,
           count(*) AS messages, min(created_at) AS first_at, max(created_at) AS last_at
         FROM messages WHERE user_id = $1 AND kind = 'VISIBLE'
         GROUP BY 1, 2, 3
       )
       SELECT month, role, model, weekday, hour, coalesce(sum(messages), 0)::int AS messages,
         min(first_at) AS "firstAt", max(last_at) AS "lastAt",
         grouping(month, role, model, weekday, hour) AS about
       FROM (
         SELECT to_char(said_at, 'YYYY-MM') AS month, role, model,
           extract(isodow FROM said_at)::int AS weekday, extract(hour FROM said_at)::int AS hour,
           messages, first_at, last_at
         FROM hours
       ) AS parts
       GROUP BY GROUPING SETS ((month, role), (month, role, model), (weekday, hour), ())
       ORDER BY month, role, model, weekday, hour`,
      [userId, timeZone],
    );
  } catch (error) {
    if ((error as { code?: string }).code !== UNKNOWN_TIME_ZONE) throw error;
    throw new InvalidInputError([
      { path: ['timeZone'], message: 'This server does not know that time zone.', type: 'invalid' },
    ]);
  }
}
