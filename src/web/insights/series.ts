import type { InsightsQuery } from '../../generated/web/operations.ts';
import { formatDay, formatMonth } from '../format.ts';
import { texts } from '../texts/index.ts';
import type { Series } from './chart.tsx';

type Insights = InsightsQuery['insights'];

const words = texts.insights;
/** More models than this are drawn as one. */
const MAX_MODELS = 6;

/** When ChatGPT began, and before all others: an earlier time is a clock’s mistake, and would stretch the axis for nothing. */
const FIRST_MONTH = '2022-11';
const DAY_MS = 86_400_000;

/** Every month from the first to the last, those without a message as well, so that time is drawn evenly. */
export function monthsOf({ months }: Insights): string[] {
  // Somewhere on earth it may be the next month already.
  const thisMonth = new Date(Date.now() + DAY_MS).toISOString().slice(0, 7);
  const known = months
    .map(({ month }) => month)
    .filter((month) => /^\d{4}-\d\d$/.test(month) && month >= FIRST_MONTH && month <= thisMonth);
  const [first, last] = [known.at(0), known.at(-1)];
  if (!first || !last) return [];
  const [year = 0, month = 1] = first.split('-').map(Number);
  const all: string[] = [];
  for (let name = first; name <= last; ) {
    all.push(name);
    name = new Date(Date.UTC(year, month - 1 + all.length)).toISOString().slice(0, 7);
  }
  return all;
}

/** How many messages have a time that cannot be right, and so no place among these months. */
export const misdated = ({ months }: Insights, labels: string[]): number =>
  months.reduce((sum, { month, messages }) => (labels.includes(month) ? sum : sum + messages), 0);

/**
 * The day of the first or last time, where it is in `month`, the first or last that is drawn; else the month alone: the time is
 * one that cannot be right. Nothing when no time is right.
 */
export function dayWithin(time: string | null | undefined, month: string | undefined): string {
  if (!time || !month) return '';
  const date = new Date(time);
  const [year, number] = month.split('-').map(Number);
  return date.getFullYear() === year && date.getMonth() + 1 === number ? formatDay(time) : formatMonth(month);
}

export function byRole({ months }: Insights, labels: string[]): Series[] {
  const roles = [...new Set(months.map(({ role }) => role))].toSorted().toReversed();
  return roles.map((role) => ({
    name: words.roles[role] ?? role,
    values: sums(
      labels,
      months.filter((each) => each.role === role),
    ),
  }));
}

/** The models that answered most, and the rest as one. */
export function byModel({ models }: Insights, labels: string[]): Series[] {
  const totals = new Map<string, number>();
  const nameOf = (model: string | null | undefined) => model ?? words.unknownModel;
  for (const { model, messages } of models)
    totals.set(nameOf(model), (totals.get(nameOf(model)) ?? 0) + messages);
  const names = [...totals].toSorted(([, a], [, b]) => b - a).map(([name]) => name);
  const shown = names.slice(0, MAX_MODELS);
  const series = shown.map((name) => ({
    name,
    values: sums(
      labels,
      models.filter(({ model }) => nameOf(model) === name),
    ),
  }));
  if (names.length <= MAX_MODELS) return series;
  const rest = models.filter(({ model }) => !shown.includes(nameOf(model)));
  return [...series, { name: words.others, values: sums(labels, rest) }];
}

const sums = (labels: string[], counts: readonly { month: string; messages: number }[]): number[] => {
  const byMonth = new Map<string, number>();
  for (const { month, messages } of counts) byMonth.set(month, (byMonth.get(month) ?? 0) + messages);
  return labels.map((label) => byMonth.get(label) ?? 0);
};

export const hourLabels = Array.from({ length: 24 }, (_, hour) => `${hour}:00`);

export function byHour({ hours }: Insights): Series[] {
  const values = new Array<number>(24).fill(0);
  for (const { hour, messages } of hours) values[hour] = (values[hour] ?? 0) + messages;
  return [{ name: words.messages, values }];
}

export function byWeekday({ hours }: Insights): Series[] {
  const values = new Array<number>(7).fill(0);
  for (const { weekday, messages } of hours) values[weekday - 1] = (values[weekday - 1] ?? 0) + messages;
  return [{ name: words.messages, values }];
}
