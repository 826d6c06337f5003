/**
 * How two versions of the same thing become one: the newer one decides, except where it says nothing. Newer exports
 * leave much out, so a missing key, null and emptiness mean "unknown" and keep what the older version knew.
 */
import { isObject, type JsonObject } from './json.ts';

/** No prototype, so that a key named `__proto__` is a key like any other. */
export function emptyObject(): JsonObject {
  return Object.create(null);
}

export function saysNothing(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

/** Key by key. `mergers` go deeper for the keys that need it; they get values of which neither says nothing. */
export function overlay(
  older: JsonObject,
  newer: JsonObject,
  mergers: ReadonlyMap<string, (older: unknown, newer: unknown) => unknown> = new Map(),
): JsonObject {
  const result = emptyObject();
  for (const key of Object.keys(older)) result[key] = older[key];
  for (const key of Object.keys(newer)) {
    const value = newer[key];
    const known = result[key];
    if (saysNothing(known)) result[key] = value;
    else if (!saysNothing(value)) result[key] = mergers.get(key)?.(known, value) ?? value;
  }
  return result;
}

/** For objects whose keys are overlaid in turn. */
export function overlayObjects(older: unknown, newer: unknown): unknown {
  return isObject(older) && isObject(newer) ? overlay(older, newer) : newer;
}

/**
 * Whether overlaying `older` and then `newer` on anything gives what `newer` alone does, but for the order of keys.
 * `coverers` decide for keys that overlay has mergers for, `except` names those that somebody else looks at.
 */
export function isOverlaid(
  older: JsonObject,
  newer: JsonObject,
  coverers: ReadonlyMap<string, (older: unknown, newer: unknown) => boolean> = new Map(),
  except: readonly string[] = [],
): boolean {
  return Object.keys(older).every((key) => {
    if (except.includes(key)) return true;
    if (!Object.hasOwn(newer, key)) return false;
    if (saysNothing(older[key])) return true;
    if (saysNothing(newer[key])) return false;
    return coverers.get(key)?.(older[key], newer[key]) ?? true;
  });
}

/** The same for what overlayObjects puts together: on an object that another value hides, nothing would be left. */
export function areObjectsOverlaid(older: unknown, newer: unknown): boolean {
  if (!isObject(newer)) return true;
  return isObject(older) && isOverlaid(older, newer);
}
