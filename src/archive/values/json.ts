/** Nothing in an export can be trusted to have the type that it should: every access goes through these. */

export type JsonObject = { [key: string]: unknown };

const noObject: JsonObject = Object.freeze(Object.create(null));
const noArray: readonly unknown[] = Object.freeze([]);

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : noObject;
}

/** The same keys, each with a value that is made anew from the one it has whenever it is read. */
export function lazyObject(object: JsonObject, make: (value: unknown, key: string) => unknown): JsonObject {
  return new Proxy(object, {
    get(target, key) {
      const value = Reflect.get(target, key);
      return typeof key === 'string' && Object.hasOwn(target, key) ? make(value, key) : value;
    },
  });
}

/** The array, or an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : noArray;
}

/** The string if it says something, else null. */
export function asText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** An id as text, or null; of numbers only those that are exact, for others may be two ids. */
export function asId(value: unknown): string | null {
  return Number.isSafeInteger(value) ? String(value) : asText(value);
}

/** A count of bytes, or null. */
export function asBytes(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** Deeper than anything that a provider writes. */
const COMPARED_LEVELS = 64;

/** Whether two values are written alike, keys in the same order; no for values that are nested very deep. */
export function isSameJson(a: unknown, b: unknown, levels = COMPARED_LEVELS): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || levels === 0)
    return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [entries, others] = [Object.entries(a), Object.entries(b)];
  return (
    entries.length === others.length &&
    entries.every(([key, value], index) => {
      const [otherKey, other] = others[index] ?? [];
      return key === otherKey && isSameJson(value, other, levels - 1);
    })
  );
}
