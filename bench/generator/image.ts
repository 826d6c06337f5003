import { crc32, deflateSync } from 'node:zlib';
import type { Image } from './messages.ts';
import { randomFrom } from './random.ts';

const imageStream = 4;
const sidePx = 16;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** The picture that the first question of one conversation in 25 comes with. */
export function imageOf(seed: number, index: number): Image | undefined {
  const random = randomFrom(seed, index, imageStream);
  if (!random.chance(0.04)) return undefined;
  const id = Array.from({ length: 22 }, () => random.pick([...alphabet])).join('');
  return {
    id: `file-${id}`,
    name: random.pick(['Screenshot 2025.png', 'photo.png', 'diagram-v2.png', 'Bildschirmfoto März.png']),
    sizeBytes: imageBytes(seed, index).length,
    widthPx: sidePx,
    heightPx: sidePx,
  };
}

/** The picture itself: a plain square whose colour follows from the conversation. */
export function imageBytes(seed: number, index: number): Buffer {
  const random = randomFrom(seed, index, imageStream, 1);
  const pixel = [random.below(256), random.below(256), random.below(256)];
  const row = Buffer.from([0, ...Array.from({ length: sidePx }, () => pixel).flat()]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(sidePx, 0);
  header.writeUInt32BE(sidePx, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: sidePx }, () => row)))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Length, type, data, CRC of type and data: https://www.w3.org/TR/png-3/#5Chunk-layout */
function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}
