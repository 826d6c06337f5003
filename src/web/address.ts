/** Choices as the address of a page says them, so that they can be gone back to and shared. */

/** A day, such as 2024-05-31; empty for none, and for what somebody wrote by hand and is none. */
export const dayOf = (value: string | null): string =>
  value && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : '';

/** The moment at which a day begins where the reader is, as the API takes it. */
export const startOf = (day: string): string => new Date(`${day}T00:00`).toISOString();

/** The last moment of a day. */
export const endOf = (day: string): string => new Date(`${day}T23:59:59.999`).toISOString();

/** What is chosen; what is empty or false goes without saying. */
export function writeAddress(choices: Record<string, string | boolean>): URLSearchParams {
  const address = new URLSearchParams();
  for (const [name, value] of Object.entries(choices)) {
    if (value) address.set(name, value === true ? '1' : value);
  }
  return address;
}
