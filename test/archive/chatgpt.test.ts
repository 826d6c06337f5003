import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, readMessage, say } from './builders.ts';

const content = (contentType: string, fields: Json, role = 'assistant'): Json => ({
  author: { role },
  content: { content_type: contentType, ...fields },
});

describe('the text and kind of a message', () => {
  const thought = { summary: 'Plan', content: 'think first', chunks: [], finished: true };
  const cases: [string, Json, string, string][] = [
    ['text', say('user', 'hello'), 'hello', 'VISIBLE'],
    [
      'several parts',
      content('text', { parts: ['a', null, '', 'b', 5, { text: 'c' }] }),
      'a\nb\nc',
      'VISIBLE',
    ],
    ['parts that are a string', content('text', { parts: 'whole' }), 'whole', 'VISIBLE'],
    ['text without parts', content('text', { text: 'direct' }), 'direct', 'VISIBLE'],
    ['content that is a string', { author: { role: 'user' }, content: 'plain' }, 'plain', 'VISIBLE'],
    ['no content type', { author: { role: 'user' }, content: { parts: ['x'] } }, 'x', 'VISIBLE'],
    [
      'a voice turn',
      content(
        'multimodal_text',
        {
          parts: [
            { content_type: 'audio_transcription', text: 'spoken', direction: 'in' },
            { content_type: 'audio_asset_pointer', asset_pointer: 'sediment://file_1' },
          ],
        },
        'user',
      ),
      'spoken',
      'VISIBLE',
    ],
    ['code', content('code', { language: 'python', text: 'print(1)' }), 'print(1)', 'TOOL'],
    ['output', content('execution_output', { text: '1' }, 'tool'), '1', 'TOOL'],
    [
      'output kept in metadata',
      {
        ...content('execution_output', { text: '' }, 'tool'),
        metadata: { aggregate_result: { messages: [{ text: 'out' }], final_expression_output: '42' } },
      },
      'out\n42',
      'TOOL',
    ],
    [
      'a quote',
      content('tether_quote', { title: 'T', text: 'quoted', url: 'u' }, 'tool'),
      'T\nquoted',
      'TOOL',
    ],
    ['a web page', content('sonic_webpage', { title: 'T', snippet: 's' }, 'tool'), 'T\ns', 'TOOL'],
    [
      'what an editor gives along',
      content(
        'app_pairing_content',
        { workspaces: [{ id: 'w', text: 'a.ts' }], context_parts: [{ text: 'let a' }, {}] },
        'system',
      ),
      'a.ts\nlet a',
      'HIDDEN',
    ],
    [
      'a browsing result',
      content('tether_browsing_display', { result: '', summary: 'sum' }, 'tool'),
      'sum',
      'TOOL',
    ],
    [
      'thoughts',
      content('thoughts', { thoughts: [thought, { summary: 'S', chunks: ['c1', 'c2'] }] }),
      'Plan\nthink first\n\nS\nc1\nc2',
      'REASONING',
    ],
    [
      'a recap of reasoning',
      content('reasoning_recap', { content: 'Thought for 7s' }),
      'Thought for 7s',
      'REASONING',
    ],
    ['the analysis channel', say('assistant', 'hmm', { channel: 'analysis' }), 'hmm', 'REASONING'],
    ['the final channel', say('assistant', 'so', { channel: 'final', recipient: 'all' }), 'so', 'VISIBLE'],
    [
      'custom instructions',
      content('user_editable_context', { user_profile: 'me', user_instructions: 'be brief' }, 'user'),
      'me\nbe brief',
      'HIDDEN',
    ],
    [
      'custom instructions of 2023',
      {
        ...content('text', { parts: [''] }, 'system'),
        metadata: {
          is_user_system_message: true,
          user_context_message_data: { about_user_message: 'me', about_model_message: 'brief' },
        },
      },
      'me\nbrief',
      'VISIBLE',
    ],
    [
      'custom instructions that are not shown',
      say('system', 'x', {
        metadata: { is_user_system_message: true, is_visually_hidden_from_conversation: true },
      }),
      'x',
      'HIDDEN',
    ],
    [
      'custom instructions that are empty',
      say('system', '', { metadata: { is_user_system_message: true } }),
      '',
      'HIDDEN',
    ],
    [
      'custom instructions since 2024',
      {
        ...content('user_editable_context', { user_profile: 'me' }, 'user'),
        metadata: { is_user_system_message: true },
      },
      'me',
      'HIDDEN',
    ],
    ['memory', content('model_editable_context', { model_set_context: 'likes tea' }), 'likes tea', 'HIDDEN'],
    ['a system message', say('system', 'rules'), 'rules', 'HIDDEN'],
    [
      'a hidden message',
      say('user', 'x', { metadata: { is_visually_hidden_from_conversation: true } }),
      'x',
      'HIDDEN',
    ],
    [
      'a system error',
      content('system_error', { name: 'Error', text: 'failed' }, 'tool'),
      'Error: failed',
      'TOOL',
    ],
    [
      'a screen',
      content('computer_output', { state: { title: 'Page', url: 'https://x' } }, 'tool'),
      'Page\nhttps://x',
      'TOOL',
    ],
    ['citable output', content('citable_code_output', { output_str: 'out' }, 'tool'), 'out', 'TOOL'],
    ['a call of a tool', say('assistant', '{}', { recipient: 'canmore.create_textdoc' }), '{}', 'TOOL'],
    ['a message without recipient', say('assistant', 'x', { recipient: null }), 'x', 'VISIBLE'],
    ['an answer with weight 0', say('assistant', 'x', { weight: 0 }), 'x', 'VISIBLE'],
    ['a tool’s answer', say('tool', 'x'), 'x', 'TOOL'],
    ['an unknown type with a result', content('brand_new', { result: 'r' }), 'r', 'VISIBLE'],
    ['an unknown type with content', content('constructor', { content: 'c' }), 'c', 'VISIBLE'],
    ['an unknown type that says nothing', content('brand_new', { what: 1 }), '', 'HIDDEN'],
    ['nothing', say('user', ' \n'), ' \n', 'HIDDEN'],
    ['no content', { author: { role: 'user' } }, '', 'HIDDEN'],
    [
      'an image prompt',
      content(
        'multimodal_text',
        {
          parts: [
            {
              content_type: 'image_asset_pointer',
              asset_pointer: 'file-service://file-1',
              metadata: { dalle: { prompt: 'a cat' } },
            },
          ],
        },
        'tool',
      ),
      'a cat',
      'TOOL',
    ],
    [
      'a research report',
      {
        ...content('text', { parts: [''] }),
        metadata: {
          chatgpt_sdk: {
            widget_state: JSON.stringify({ report_message: { content: { parts: ['# Report'] } } }),
          },
        },
      },
      '# Report',
      'VISIBLE',
    ],
  ];
  it.each(cases)('of %s', (_name, message, text, kind) => {
    expect(readMessage(message)).toMatchObject({ text, kind });
  });

  const unusual: [string, Json, string, string][] = [
    ['text', { parts: [], text: 'hello' }, 'hello', 'VISIBLE'],
    ['text', { parts: ['', ' '], output_str: 'hello' }, 'hello', 'VISIBLE'],
    ['text', { content: 'hello' }, 'hello', 'VISIBLE'],
    ['multimodal_text', { parts: [{ asset_pointer: 'sediment://a' }], text: 'hello' }, 'hello', 'VISIBLE'],
    ['thoughts', { content: 'hello' }, 'hello', 'REASONING'],
    ['thoughts', { thoughts: [], parts: ['hello'] }, 'hello', 'REASONING'],
    ['code', { parts: ['hello'] }, 'hello', 'TOOL'],
    ['execution_output', { text: '\n', output_str: 'hello' }, 'hello', 'TOOL'],
    ['tether_browsing_display', { result: '', text: 'hello' }, 'hello', 'TOOL'],
    ['tether_quote', { title: 'T', url: 'u', parts: ['hello'] }, 'T\nhello', 'TOOL'],
    ['sonic_webpage', { title: 'T', content: 'hello' }, 'T\nhello', 'TOOL'],
    ['system_error', { name: 'Error', content: 'hello' }, 'Error: hello', 'TOOL'],
    ['computer_output', { state: {}, text: 'hello' }, 'hello', 'TOOL'],
    ['user_editable_context', { text: 'hello' }, 'hello', 'HIDDEN'],
    ['model_editable_context', { content: 'hello' }, 'hello', 'HIDDEN'],
  ];
  it.each(unusual)('of %s is found in %j', (contentType, fields, text, kind) => {
    expect(readMessage(content(contentType, fields))).toMatchObject({ text, kind });
  });

  const doubled: [string, Json, string][] = [
    ['text', { parts: ['hello'], text: 'hello', content: 'hello' }, 'hello'],
    ['multimodal_text', { parts: ['hello', 'there'], text: 'hello' }, 'hello\nthere'],
    ['tether_quote', { title: 'T', text: 'hello', parts: ['hello'] }, 'T\nhello'],
    ['tether_quote', { title: 'T', parts: ['T'] }, 'T'],
    ['system_error', { name: 'Error', text: 'hello', content: 'hello' }, 'Error: hello'],
    ['computer_output', { state: { title: 'Page' }, text: 'hello' }, 'Page'],
  ];
  it.each(doubled)('of %s is not told twice from %j', (contentType, fields, text) => {
    expect(readMessage(content(contentType, fields)).text).toBe(text);
  });

  it('is VISIBLE for an image without words', () => {
    const message = readMessage(
      content('multimodal_text', { parts: [{ asset_pointer: 'sediment://file_1' }] }, 'user'),
    );
    expect(message).toMatchObject({ text: '', kind: 'VISIBLE', contentType: 'multimodal_text' });
  });

  it('never fails, whatever its fields hold', () => {
    const anything = fc.jsonValue({ maxDepth: 3 });
    const keys = ['author', 'content', 'metadata', 'create_time', 'recipient', 'channel'];
    const message = fc.record(Object.fromEntries(keys.map((key) => [key, anything])));
    const types = fc.constantFrom(
      'text',
      'multimodal_text',
      'thoughts',
      'computer_output',
      'execution_output',
      'tether_quote',
    );
    const nested = fc.record({
      author: fc.record({ role: anything, name: anything }),
      content: fc.record({
        content_type: types,
        parts: anything,
        text: anything,
        thoughts: anything,
        state: anything,
      }),
      metadata: fc.record({
        attachments: anything,
        citations: anything,
        content_references: anything,
        model_slug: anything,
      }),
    });
    fc.assert(
      fc.property(fc.oneof(message, nested), (value) => {
        expect(typeof readMessage(value).text).toBe('string');
      }),
    );
  });
});
