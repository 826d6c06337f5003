const numbers = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' });
const month = new Intl.DateTimeFormat('en', { month: 'short', year: 'numeric' });
const moment = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

export const formatNumber = (value: number): string => numbers.format(value);

/** Such as 12.3K. */
export const formatCompact = (value: number): string => compact.format(value);

/** Decimal units, as disks and browsers have them. */
export function formatBytes(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat('en', {
    style: 'unit',
    unit: units[power] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(bytes / 1000 ** power);
}

/** An ISO time as a day; nothing for none. */
export const formatDay = (time: string | null | undefined): string =>
  time ? day.format(new Date(time)) : '';

/** A month such as 2024-05 in words. */
export const formatMonth = (name: string): string => month.format(new Date(`${name}-01T00:00`));

/** An ISO time to the minute; nothing for none. */
export const formatTime = (time: string | null | undefined): string =>
  time ? moment.format(new Date(time)) : '';

/** In the unit that a person would use. */
export function formatDuration(seconds: number): string {
  const [value, unit] =
    seconds < 90
      ? [Math.max(1, Math.round(seconds)), 'second']
      : seconds < 90 * 60
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 360) / 10, 'hour'];
  return new Intl.NumberFormat('en', { style: 'unit', unit: String(unit), unitDisplay: 'long' }).format(
    Number(value),
  );
}

/** “1 message”, “2 messages”. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;
