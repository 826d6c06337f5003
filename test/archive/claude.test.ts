import { describe, expect, it } from 'vitest';
import { readConversation } from '../../src/archive/conversation.ts';
import { bytesOf, type Json, read } from './builders.ts';
import { merge } from './versions.ts';

function claude(messages: Json[], rest: Json = {}): Json {
  return {
    uuid: 'conv',
    name: 'A name',
    created_at: '2025-01-01T00:00:00.5Z',
    updated_at: '2025-01-02T00:00:00Z',
    chat_messages: messages,
    ...rest,
  };
}

const human = (uuid: string, text: string, rest: Json = {}): Json => ({
  uuid,
  sender: 'human',
  text,
  content: [{ type: 'text', text }],
  attachments: [],
  files: [],
  created_at: '2025-01-01T00:00:01Z',
  ...rest,
});
const assistant = (uuid: string, content: Json[], rest: Json = {}): Json => ({
  uuid,
  sender: 'assistant',
  text: '',
  content,
  created_at: '2025-01-01T00:00:02Z',
  ...rest,
});

describe('a Claude conversation', () => {
  it('is a chain in the order of the file when nothing names a parent', () => {
    const value = claude([
      human('1', 'hi'),
      assistant('2', [{ type: 'text', text: 'hello' }]),
      human('3', 'more'),
    ]);
    expect(read(value)).toMatchObject({
      provider: 'claude',
      externalId: 'conv',
      title: 'A name',
      createdAtMs: Date.UTC(2025, 0, 1, 0, 0, 0, 500),
      updatedAtMs: Date.UTC(2025, 0, 2),
      currentMessageId: '3',
      branchCount: 1,
      messages: [
        {
          id: '1',
          parentId: null,
          role: 'user',
          kind: 'VISIBLE',
          text: 'hi',
          createdAtMs: Date.UTC(2025, 0, 1, 0, 0, 1),
        },
        { id: '2', parentId: '1', role: 'assistant', kind: 'VISIBLE', text: 'hello' },
        { id: '3', parentId: '2', onActivePath: true },
      ],
      warnings: [],
    });
  });

  it('branches where messages name one parent', () => {
    const root = '00000000-0000-4000-8000-000000000000';
    const value = claude([
      human('1', 'hi', { parent_message_uuid: root }),
      assistant('2', [{ type: 'text', text: 'a' }], { parent_message_uuid: '1' }),
      assistant('3', [{ type: 'text', text: 'b' }], {
        parent_message_uuid: '1',
        created_at: '2025-01-01T00:00:03Z',
      }),
    ]);
    expect(read(value)).toMatchObject({ branchCount: 2, currentMessageId: '3', warnings: [] });
    expect(
      read(value).messages.map(({ id, siblingIndex, siblingCount }) => [id, siblingIndex, siblingCount]),
    ).toEqual([
      ['1', 0, 1],
      ['2', 0, 2],
      ['3', 1, 2],
    ]);
  });

  it('splits a turn into what was thought, done and said', () => {
    const turn = assistant('2', [
      { type: 'thinking', thinking: 'hmm' },
      { type: 'tool_use', name: 'search', input: { q: 'cats' } },
      { type: 'tool_result', content: [{ type: 'text', text: 'found' }] },
      { type: 'token_budget' },
      { type: 'text', text: 'Cats.' },
      { type: 'text', text: 'Really.' },
    ]);
    const { messages } = read(claude([human('1', 'q'), turn, human('3', 'ok')]));
    expect(messages.map(({ id, parentId, kind, text }) => [id, parentId, kind, text])).toEqual([
      ['1', null, 'VISIBLE', 'q'],
      ['2:0', '1', 'REASONING', 'hmm'],
      ['2:1', '2:0', 'TOOL', 'search\n{"q":"cats"}\n\nfound'],
      ['2', '2:1', 'VISIBLE', 'Cats.\n\nReally.'],
      ['3', '2', 'VISIBLE', 'ok'],
    ]);
  });

  it('uses the plain text only where there are no blocks, without its filler', () => {
    const filler = '```\nThis block is not supported on your current device yet.\n```';
    const value = claude([
      { uuid: '1', sender: 'human', text: 'plain' },
      assistant('2', [{ type: 'tool_use', name: 'artifact', input: {} }], { text: `${filler}\nDone.` }),
      assistant('3', [], { text: filler }),
    ]);
    expect(read(value).messages.map(({ kind, text }) => [kind, text])).toEqual([
      ['VISIBLE', 'plain'],
      ['TOOL', 'artifact\n{}'],
      ['VISIBLE', 'Done.'],
      ['HIDDEN', ''],
    ]);
  });

  it('uses content that is a string for blocks, and once', () => {
    const filler = 'This block is not supported on your current device yet.';
    const value = claude([
      human('1', '', { content: 'hello' }),
      human('2', 'hello', { content: 'hello' }),
      human('3', 'hello', { content: ' ' }),
      human('4', filler, { content: 'hello' }),
      human('5', '', { content: filler }),
    ]);
    expect(read(value).messages.map(({ kind, text }) => [kind, text])).toEqual([
      ...Array(4).fill(['VISIBLE', 'hello']),
      ['HIDDEN', ''],
    ]);
  });

  it('has the extracted content of attachments in its text, and files as assets', () => {
    const value = claude([
      human('1', 'read this', {
        attachments: [
          { file_name: 'notes.txt', file_size: 7, file_type: 'text/plain', extracted_content: 'content' },
        ],
        files: [{ file_uuid: 'f-1', file_name: 'cat.png' }],
      }),
    ]);
    expect(read(value).messages).toMatchObject([
      {
        text: 'read this\n\nnotes.txt\ncontent',
        assets: [
          { externalId: 'f-1', name: 'cat.png' },
          { externalId: 'conv/1/attachments/0', name: 'notes.txt', mimeType: 'text/plain', sizeBytes: 7 },
        ],
      },
    ]);
  });

  it('takes files of one name for several', () => {
    const attachments = [{ file_name: 'a.txt' }, { file_name: 'a.txt' }, {}];
    const value = claude([human('1', 'x', { attachments }), { sender: 'human', text: 'y', attachments }]);
    const idsOf = ({ messages }: ReturnType<typeof read>) =>
      messages.flatMap(({ assets }) => assets.map((asset) => asset.externalId));
    expect(idsOf(read(value))).toEqual([
      'conv/1/attachments/0',
      'conv/1/attachments/1',
      'conv/message-1/attachments/0',
      'conv/message-1/attachments/1',
    ]);
    // Also once there are two versions, whose merge names messages without an id.
    expect(idsOf(merge(value, { ...value, name: 'Renamed' }))).toEqual(idsOf(read(value)));
    const unnamed = {
      ...value,
      uuid: undefined,
      chat_messages: [{ sender: 'human', text: 'y', attachments }],
    };
    const grown = { ...unnamed, chat_messages: [...unnamed.chat_messages, human('2', 'z')] };
    expect(idsOf(read(unnamed))).toHaveLength(2);
    expect(idsOf(merge(unnamed, grown))).toEqual(idsOf(read(unnamed)));
  });

  it('tells the summaries of thoughts that are left out', () => {
    const summaries = [{ summary: 'Considered cats.' }, 'And dogs.', {}];
    const value = claude([assistant('1', [{ type: 'thinking', thinking: '', summaries }])]);
    expect(read(value).messages).toMatchObject([
      { kind: 'REASONING', text: 'Considered cats.\n\nAnd dogs.' },
    ]);
  });

  it('gives every message an id of its own, whatever ids the export has', () => {
    const turn = assistant('2', [
      { type: 'thinking', thinking: 'hmm' },
      { type: 'text', text: 'so' },
    ]);
    const { messages } = read(claude([human('2:0', 'q'), turn]));
    expect(messages.map(({ id, parentId }) => [id, parentId])).toEqual([
      ['2:0', null],
      ['2:0:', '2:0'],
      ['2', '2:0:'],
    ]);
  });

  it('has a message for each, whatever ids are empty', () => {
    const value = claude([human('', 'q'), human('', 'more', { parent_message_uuid: '' })]);
    expect(read(value).messages.map(({ id, parentId }) => [id, parentId])).toEqual([
      ['message-0', null],
      ['message-1', 'message-0'],
    ]);
  });

  it('without messages is skipped as empty', () => {
    expect(readConversation(bytesOf(claude([])))).toMatchObject({
      kind: 'skipped',
      code: 'EMPTY',
      externalId: 'conv',
      title: 'A name',
    });
  });

  it('survives wrong types everywhere', () => {
    const value = claude(
      [
        5,
        null,
        { uuid: {}, sender: {}, text: [], content: 5, attachments: 'y', files: [null] },
      ] as unknown as Json[],
      { name: {} },
    );
    expect(read(value).messages).toMatchObject([
      { id: 'message-2', role: 'unknown', kind: 'HIDDEN', text: '' },
    ]);
  });

  it('has of messages of one id the first, also once there are two versions', () => {
    const older = { name: '', chat_messages: [5, human('1', 'one'), human('1', 'other')] };
    const newer = { ...older, chat_messages: [...older.chat_messages, human('2', 'two')] };
    expect(read(newer).messages).toMatchObject([{ text: 'one' }, { text: 'two' }]);
    expect(merge(older, newer)).toEqual(read(newer));
    const uncounted = { name: '', chat_messages: [5, { sender: 'human', text: 'x', uuid: 7 }] };
    expect(merge(uncounted, { ...uncounted, is_starred: false })).toEqual(read(uncounted));
  });

  it('without times of its own is as new as its newest message', () => {
    const turns = (count: number) =>
      ['one', 'two', 'three']
        .slice(0, count)
        .map((text, index) => human(`${index}`, text, { created_at: `2025-01-01T00:00:0${index}Z` }));
    const timeless = (messages: Json[], name: string) =>
      claude(messages, { name, created_at: null, updated_at: null });
    // Of the same time the longer form would count as newer.
    const older = timeless(turns(2), 'A much longer name than the newer form has '.repeat(20));
    const newer = timeless(turns(3), 'New');
    expect(merge(older, newer).title).toBe('New');
    expect(merge(newer, older).title).toBe('New');
  });
});
