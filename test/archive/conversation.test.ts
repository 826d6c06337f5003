import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseByNodes } from '../../src/archive/chatgpt/by-nodes.ts';
import { readConversation } from '../../src/archive/conversation.ts';
import { bytesOf, chatGpt, node, read, readMessage, say } from './builders.ts';
import { keep, mergeKept } from './versions.ts';

describe('characters that cannot be stored', () => {
  it('are taken out of every string, with one warning', () => {
    const conversation = read(
      chatGpt([node('m', null, say('user', 'a\0b\ud83d', { author: { role: 'user', name: 'n\0' } }))], {
        title: 't\0\udc00',
      }),
    );
    expect(conversation).toMatchObject({
      title: 't\ufffd',
      messages: [{ text: 'ab\ufffd', authorName: 'n' }],
    });
    expect(conversation.warnings.map((warning) => warning.code)).toEqual(['TEXT_SANITIZED']);
  });

  it('never make two ids one', () => {
    const { messages } = read(
      chatGpt([
        node('a', null, say('user', '1')),
        node('a\0', 'a', say('user', '2')),
        node('x'.repeat(5000), 'a', say('user', '3')),
      ]),
    );
    expect(new Set(messages.map((message) => message.id)).size).toBe(3);
    expect(messages.every((message) => message.id.length < 256 && !message.id.includes('\0'))).toBe(true);
    expect(messages[1]?.parentId).toBe('a');
  });

  it('cannot be used to forge the id of another message', () => {
    const long = 'x'.repeat(5000);
    const [first] = read(chatGpt([node(long, null, say('user', '1'))])).messages;
    const { messages } = read(
      chatGpt([node(long, null, say('user', '1')), node(first?.id ?? '', long, say('user', '2'))]),
    );
    expect(new Set(messages.map((message) => message.id)).size).toBe(2);
  });

  it('are not the only ones: an empty id is that of the title in the search index', () => {
    const [first, second] = [node('', null, say('user', '1')), node('b', '', say('user', '2'))];
    const { messages, currentMessageId } = read(chatGpt([first, second], { current_node: '' }));
    const standIn = messages[0]?.id ?? '';
    expect(standIn).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(messages.map(({ id, parentId }) => [id, parentId])).toEqual([
      [standIn, null],
      ['b', standIn],
    ]);
    expect(currentMessageId).toBe(standIn);

    const above = node('a', null, say('user', '1'), { children: [''] });
    const below = read(chatGpt([above, node('', undefined, say('user', '2'))])).messages[1];
    expect(below).toMatchObject({ id: standIn, parentId: 'a' });
    const forged = read(chatGpt([first, node(standIn, '', say('user', '2'))])).messages;
    expect(new Set(forged.map(({ id }) => id)).size).toBe(2);
  });

  it('leave the six characters of an escape in a text alone', () => {
    expect(readMessage(say('user', '\\u0000')).text).toBe('\\u0000');
  });

  it('are in no string of any conversation', () => {
    const any = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(any, any, any, (text, title, id) => {
        const conversation = read(
          chatGpt([node(id, null, say('user', text))], { title, conversation_id: `c${id}` }),
        );
        const strings = JSON.stringify(conversation);
        expect(strings.isWellFormed()).toBe(true);
        expect(strings).not.toMatch(/\\u0000|\\ud[89a-f]/);
        expect(conversation.messages[0]?.text).toBe(
          text
            .replaceAll('\0', '')
            .toWellFormed()
            .replace(/[\ue200-\ue206]/g, ''),
        );
      }),
    );
  });
});

describe('bytes that are not UTF-8', () => {
  const value = chatGpt([node('m', null, say('user', 'caf\xe9')), node('n', 'm', say('user', 'na\xefve'))]);
  const latin1 = Buffer.from(JSON.stringify(value), 'latin1');

  it.each([
    ['at once', latin1.length + 1],
    ['node by node', 0],
  ])('are read with a warning, parsed %s', (_how, largeBytes) => {
    expect(parseByNodes(latin1)).not.toBeNull();
    const result = readConversation(latin1, { largeBytes });
    expect(result).toMatchObject({
      conversation: {
        messages: [{ text: 'caf\ufffd' }, { text: 'na\ufffdve' }],
        warnings: [{ code: 'TEXT_NOT_UTF8', reason: expect.stringMatching(/UTF-8.*import it again/) }],
      },
    });
  });

  it('are replaced by the same conversation in UTF-8', () => {
    const { messages } = mergeKept([keep(bytesOf(value)), keep(latin1)]);
    expect(messages.map(({ text }) => text)).toEqual(['caf\xe9', 'na\xefve']);
  });
});

describe('a conversation', () => {
  it('has the id, title, times and flags of the export', () => {
    const value = chatGpt([node('m', null, say('assistant', 'x', { metadata: { model_slug: 'gpt-5' } }))], {
      id: 'x',
      conversation_id: 'c',
      create_time: 1_700_000_000.123456,
      update_time: 1_700_000_001,
      is_archived: true,
      is_starred: null,
      default_model_slug: 'auto',
    });
    expect(read(value)).toMatchObject({
      provider: 'chatgpt',
      externalId: 'c',
      title: 'A title',
      model: 'auto',
      createdAtMs: 1_700_000_000_123,
      updatedAtMs: 1_700_000_001_000,
      archived: true,
      starred: false,
      messages: [{ model: 'gpt-5' }],
    });
  });

  it.each([[null], [''], ['  '], [undefined], [7]])(
    'titled %j takes the first words of the user',
    (title) => {
      const nodes = [
        node('s', null, say('system', 'rules')),
        node('q', 's', say('user', `What\n is ${'long '.repeat(40)}`)),
      ];
      const named = read(chatGpt(nodes, { title })).title;
      expect(named).toMatch(/^What is long .*…$/);
      expect(named.length).toBeLessThanOrEqual(80);
      expect(read(chatGpt([node('s', null, say('system', 'rules'))], { title })).title).toBe('Untitled');
    },
  );

  it('without times takes those of its messages', () => {
    const nodes = [
      node('a', null, say('user', 'x', { create_time: 10 })),
      node('b', 'a', say('user', 'y', { update_time: 30 })),
    ];
    expect(read(chatGpt(nodes))).toMatchObject({ createdAtMs: 10_000, updatedAtMs: 30_000 });
    expect(read(chatGpt(nodes, { update_time: 50 }))).toMatchObject({
      createdAtMs: 50_000,
      updatedAtMs: 50_000,
    });
    expect(read(chatGpt([node('a', null, say('user', 'x'))]))).toMatchObject({
      createdAtMs: null,
      updatedAtMs: null,
    });
  });
});

describe('a time', () => {
  it.each([
    [1_537_482.970_556, 1_537_482_971],
    [1_750_537_482_970, 1_750_537_482_970],
    ['1750537482.5', 1_750_537_482_500],
    ['2025-06-21T20:24:42.970556Z', 1_750_537_482_970],
    ['2025-06-21 22:24:42+02', 1_750_537_482_000],
    ['2025-06-21T20:24:42', 1_750_537_482_000],
    ['2025-06-21', 1_750_464_000_000],
    [0, null],
    [-5, null],
    [null, null],
    [1e300, null],
    ['yesterday', null],
    ['0001-01-01T00:00:00Z', null],
    [true, null],
    [[1], null],
  ])('of %j is %j', (time, expected) => {
    expect(readMessage(say('user', 'x', { create_time: time })).createdAtMs).toBe(expected);
  });

  it('too great for a number is no time', () => {
    expect(
      read(JSON.parse('{"id":"c","create_time":1e400,"mapping":{"m":{"message":{"content":"x"}}}}'))
        .createdAtMs,
    ).toBeNull();
  });
});

describe('the files of a message', () => {
  it('are its attachments and what its parts point to, each once', () => {
    const message = {
      author: { role: 'user' },
      content: {
        content_type: 'multimodal_text',
        parts: [
          'look',
          { content_type: 'image_asset_pointer', asset_pointer: 'file-service://file-abc', size_bytes: 10 },
          { content_type: 'image_asset_pointer', asset_pointer: 'sediment://file_01?x=1#p', size_bytes: 20 },
          {
            content_type: 'real_time_user_audio_video_asset_pointer',
            audio_asset_pointer: { asset_pointer: 'sediment://file_02', size_bytes: 30 },
            frames_asset_pointers: ['sediment://file_03', null],
            video_container_asset_pointer: { asset_pointer: 'file_04' },
          },
        ],
      },
    };
    const attachments = [
      { id: 'file-abc', name: 'cat.png', mime_type: '', mimeType: 'image/png', size: 11 },
      null,
      { name: 'no id' },
    ];
    expect(readMessage({ ...message, metadata: { attachments } }).assets).toEqual([
      { externalId: 'file-abc', name: 'cat.png', mimeType: 'image/png', sizeBytes: 11 },
      { externalId: 'file_01', name: null, mimeType: null, sizeBytes: 20 },
      { externalId: 'file_02', name: null, mimeType: null, sizeBytes: 30 },
      { externalId: 'file_04', name: null, mimeType: null, sizeBytes: null },
      { externalId: 'file_03', name: null, mimeType: null, sizeBytes: null },
    ]);
  });
});
