import { describe, expect, it } from 'vitest';
import { bytesOf, dialogue, importZip, limits, makeZip } from '../builders.ts';

describe('elements of an export', () => {
  it('that cannot be read never stop the others', async () => {
    const elements = [
      '{bad}',
      '5',
      '"NaN"',
      '{"conversation_id":"shell","title":"Shell"}',
      '{"mapping":null,"id":"s"}',
      '{}',
      `${'['.repeat(2000)}${']'.repeat(2000)}`,
      JSON.stringify(dialogue('good')),
    ];
    const result = await importZip(
      makeZip([{ name: 'conversations.json', data: `[${elements.join(',')}]` }]),
    );
    expect(result.others.map(({ element, code }) => [element, code])).toEqual([
      [0, 'JSON_INVALID'],
      [1, 'NOT_A_CONVERSATION'],
      [2, 'NOT_A_CONVERSATION'],
      [3, 'EMPTY'],
      [4, 'EMPTY'],
      [5, 'NOT_A_CONVERSATION'],
      [6, 'ELEMENT_TOO_DEEP'],
    ]);
    expect(result.conversations).toHaveLength(1);
  });

  it('larger than the limit are reported and skipped', async () => {
    const big = dialogue('big', { filler: 'x'.repeat(100_000) });
    const zip = makeZip([{ name: 'conversations.json', data: bytesOf([dialogue('a'), big, dialogue('b')]) }]);
    const result = await importZip(zip, { ...limits, maxElementBytes: 50_000 });
    expect(result.conversations.map((conversation) => conversation.externalId)).toEqual(['a', 'b']);
    expect(result.others).toEqual([{ shard: 'conversations.json', element: 1, code: 'ELEMENT_TOO_LARGE' }]);
  });

  it('of other providers are named', async () => {
    const deepSeek = {
      id: 'd',
      inserted_at: '2025',
      mapping: { a: { id: 'a', parent: null, message: { fragments: [] } } },
    };
    const grok = { conversation: { id: 'g' }, responses: [] };
    const result = await importZip(
      makeZip([{ name: 'conversations.json', data: bytesOf([deepSeek, grok]) }]),
    );
    expect(result.others.map((other) => other.code)).toEqual([
      'PROVIDER_UNSUPPORTED',
      'PROVIDER_UNSUPPORTED',
    ]);
  });
});
