import { MAX_WORD_CHARACTERS } from './fold.ts';

/** Numbers the distinct tokens of texts from 0 on, in the order in which they first appear. */
export interface TokenTable {
  /** Of the token in a text's code units from `start` to before `end`, which is not empty; `size` grows with a new one. */
  numberOf(units: Uint16Array, start: number, end: number): number;
  size(): number;
  /** The code units of all tokens together. */
  keyUnits(): number;
  textOf(token: number): string;
  /** Forgets all; the numbers begin again. */
  clear(): void;
}

/** Of a slot: two numbers that tell tokens apart, the token's own and 1 (0 in an empty slot), and one to fill a line of the cache. */
const FIELDS = 4;
const FIRST_SLOTS = 1 << 12;
/** ASCII of so many characters fits into two numbers, which most words do. */
const SHORT = 8;
const plain = Buffer.alloc(MAX_WORD_CHARACTERS);

/**
 * A hash table of numbers. What a look costs are the caches of the processor: a short token is known by its slot alone, and
 * slots are no more than are needed.
 */
export function createTokenTable(maxTokens: number): TokenTable {
  const offsets = new Uint32Array(maxTokens + 1);
  let keys = new Uint16Array(1 << 16);
  let tokens = 0;
  let mask = FIRST_SLOTS - 1;
  let slots = new Int32Array(FIRST_SLOTS * FIELDS);

  const grow = () => {
    const old = slots;
    mask = 2 * mask + 1;
    slots = new Int32Array((mask + 1) * FIELDS);
    for (let from = 0; from < old.length; from += FIELDS) {
      if (old[from + 2] === 0) continue;
      let slot = slotOf(old[from] as number, old[from + 1] as number, mask);
      while (slots[slot * FIELDS + 2] !== 0) slot = (slot + 1) & mask;
      for (let field = 0; field < FIELDS; field++) slots[slot * FIELDS + field] = old[from + field] as number;
    }
  };

  const add = (units: Uint16Array, start: number, end: number): number => {
    const offset = offsets[tokens] as number;
    while (offset + end - start > keys.length) {
      const more = new Uint16Array(keys.length * 2);
      more.set(keys);
      keys = more;
    }
    for (let i = start; i < end; i++) keys[offset + i - start] = units[i] as number;
    tokens += 1;
    offsets[tokens] = offset + end - start;
    return tokens - 1;
  };

  const isAt = (token: number, units: Uint16Array, start: number, end: number): boolean => {
    const offset = offsets[token] as number;
    if ((offsets[token + 1] as number) - offset !== end - start) return false;
    for (let i = start; i < end; i++) if (keys[offset + i - start] !== units[i]) return false;
    return true;
  };

  return {
    size: () => tokens,
    keyUnits: () => offsets[tokens] as number,
    numberOf(units, start, end) {
      let low = 0;
      let high = 0;
      let isShort = end - start <= SHORT;
      if (isShort) {
        let all = 0;
        const middle = Math.min(end, start + 4);
        for (let i = start, shift = 0; i < middle; i++, shift += 8) {
          const unit = units[i] as number;
          all |= unit;
          low |= unit << shift;
        }
        for (let i = middle, shift = 0; i < end; i++, shift += 8) {
          const unit = units[i] as number;
          all |= unit;
          high |= unit << shift;
        }
        isShort = all < 0x80;
      }
      if (!isShort) {
        // FNV-1a over code units. The sign, which ASCII never has, tells it from a short token.
        let hash = 0x811c9dc5;
        for (let i = start; i < end; i++) hash = Math.imul(hash ^ (units[i] as number), 0x01000193);
        low = hash | 0x8000_0000;
        high = end - start;
      }
      let slot = slotOf(low, high, mask);
      for (;;) {
        const at = slot * FIELDS;
        const token = (slots[at + 2] as number) - 1;
        if (token < 0) break;
        if (slots[at] === low && slots[at + 1] === high && (isShort || isAt(token, units, start, end)))
          return token;
        slot = (slot + 1) & mask;
      }
      const token = add(units, start, end);
      slots[slot * FIELDS] = low;
      slots[slot * FIELDS + 1] = high;
      slots[slot * FIELDS + 2] = token + 1;
      if (2 * tokens > mask) grow();
      return token;
    },
    textOf(token) {
      const offset = offsets[token] as number;
      const length = (offsets[token + 1] as number) - offset;
      // Never a part of the text, which would stay in memory with it; one byte for each character where that will do.
      for (let i = 0; i < length; i++) {
        const unit = keys[offset + i] as number;
        if (unit >= 0x80) return Buffer.from(keys.buffer, 2 * offset, 2 * length).toString('utf16le');
        plain[i] = unit;
      }
      return plain.toString('latin1', 0, length);
    },
    clear() {
      slots.fill(0);
      tokens = 0;
    },
  };
}

function slotOf(low: number, high: number, mask: number): number {
  const mixed = Math.imul(low, 0x9e37_79b1) ^ Math.imul(high, 0x85eb_ca6b);
  return (Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d) >>> 7) & mask;
}
