/** A stream of pseudo-random values; two streams made from the same seed and keys give the same values. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** An integer in [from, to]. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** Standard normal. */
  normal(): number;
  /** Lower-case hexadecimal digits. */
  hex(digits: number): string;
  /** Shaped as a version 4 UUID. */
  uuid(): string;
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand) over a state mixed from the keys, so that every conversation has a stream of
 * its own and none depends on how many came before it.
 */
export function randomFrom(...keys: number[]): Random {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
  function next32(): number {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  }
  for (const key of keys) {
    a ^= key | 0;
    b ^= Math.floor(key / 0x1_0000_0000) | 0;
    // Twelve rounds is what PractRand's author gives for the state to be mixed.
    for (let round = 0; round < 12; round++) next32();
  }

  const next = () => next32() / 0x1_0000_0000;
  const below = (limit: number) => Math.floor(next() * limit);
  function hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += next32().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }
  function pick<T>(values: readonly T[]): T {
    const value = values[below(values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  }
  return {
    next,
    below,
    between: (from, to) => from + below(to - from + 1),
    chance: (probability) => next() < probability,
    pick,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    hex,
    uuid() {
      const digits = hex(32);
      const variant = '89ab'[below(4)];
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
    },
  };
}
