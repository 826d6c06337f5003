/** From here on a number is taken as milliseconds: in seconds it would be the year 5138. */
const MILLISECONDS_FROM = 1e11;
/** The end of the year 9999, past which neither ISO 8601 nor PostgreSQL's text format is plain. */
const MAX_MS = 253_402_300_799_999;
const isoTime = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/**
 * Milliseconds of a time as exports write it: seconds since the epoch with microseconds, milliseconds, either as text,
 * or ISO 8601 (UTC where no zone is given). Null for 0, what is before 1970 or after 9999, and anything else.
 */
export function toMs(value: unknown): number | null {
  if (typeof value === 'number') return fromNumber(value);
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return fromNumber(Number(text));
  const parts = isoTime.exec(text);
  if (parts === null) return null;
  const [, date, time = '00:00:00', zone = 'Z'] = parts;
  const fullZone = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone;
  return withinRange(Date.parse(`${date}T${time.replace(',', '.')}${fullZone.toUpperCase()}`));
}

function fromNumber(value: number): number | null {
  return withinRange(Math.round(value > MILLISECONDS_FROM ? value : value * 1000));
}

function withinRange(ms: number): number | null {
  return ms > 0 && ms <= MAX_MS ? ms : null;
}
