/** What a byte outside of strings means to the scanner. */
export const OTHER = 0;
export const QUOTE = 1;
export const OPEN = 2;
export const CLOSE = 3;
export const COMMA = 4;
export const SPACE = 5;
export const meaningOf = new Uint8Array(256);
meaningOf[0x22] = QUOTE;
meaningOf[0x5b] = OPEN;
meaningOf[0x7b] = OPEN;
meaningOf[0x5d] = CLOSE;
meaningOf[0x7d] = CLOSE;
meaningOf[0x2c] = COMMA;
// Not SPACE: inside an element blanks mean as little as digits.
export const outsideMeaningOf = Uint8Array.from(meaningOf);
for (const blank of [0x20, 0x0a, 0x0d, 0x09]) outsideMeaningOf[blank] = SPACE;
