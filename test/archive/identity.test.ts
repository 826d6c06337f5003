import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversationAt, toSlim } from '../../bench/generator/index.ts';
import { claude } from '../../src/archive/claude.ts';
import { readConversation } from '../../src/archive/conversation.ts';
import { chatGpt, type Json, node, read, say } from './builders.ts';
import { growingClaudeForms } from './growing.ts';
import { merge } from './versions.ts';

const idOf = (value: unknown) => read(value).externalId;
const unnamed = (nodes: [string, Json][], rest: Json = {}) =>
  chatGpt(nodes, { conversation_id: undefined, title: 'New chat', create_time: null, ...rest });

describe('a ChatGPT conversation that names no id', () => {
  const root = node('client-created-root', null, null);
  const question = (text: string, rest: Json = {}) =>
    node('1', 'client-created-root', say('user', text, rest));
  const answer = node('2', '1', say('assistant', 'answer'));

  it('gets the same stand-in every time', () => {
    const value = unnamed([root, question('one')]);
    expect(idOf(value)).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(idOf(value)).toBe(idOf(value));
  });

  it('is not another one that begins otherwise', () => {
    const ids = [
      unnamed([root, question('one')]),
      unnamed([root, question('two')]),
      unnamed([root, question('one', { create_time: 5 })]),
      unnamed([root, node('x', 'client-created-root', say('user', 'one'))]),
      unnamed([root, node('1', 'client-created-root', say('assistant', 'one'))]),
      unnamed([root, question('one')], { title: 'Other chat' }),
      unnamed([root, question('one')], { create_time: 5 }),
    ].map(idOf);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps it when its keys are sorted', () => {
    const nodes = [
      root,
      node('b', 'client-created-root', say('user', 'q')),
      node('a', 'b', say('user', 'q')),
    ];
    const sorted = nodes.toSorted(([x], [y]) => (x < y ? -1 : 1));
    expect(sorted).not.toEqual(nodes);
    expect(idOf(unnamed(sorted))).toBe(idOf(unnamed(nodes)));
  });

  it('keeps it when it grows', () => {
    const asked = question('one', { create_time: 5 });
    const begun = unnamed([root, asked]);
    const grown = unnamed([root, asked, answer, node('3', '2', say('user', 'more'))]);
    expect(idOf(grown)).toBe(idOf(begun));
    expect(merge(begun, grown).externalId).toBe(idOf(begun));
    const edited = node('0', 'client-created-root', say('user', 'one, please', { create_time: 6 }));
    expect(idOf(unnamed([root, edited, asked, answer]))).toBe(idOf(begun));
  });

  it('keeps it when what is not shown is left out', () => {
    const hidden = { metadata: { is_visually_hidden_from_conversation: true } };
    const full = unnamed([
      root,
      node('system', 'client-created-root', say('system', '', hidden)),
      node('context', 'system', say('user', 'about me', hidden)),
      node('wishes', 'context', say('system', 'be brief', { metadata: { is_user_system_message: true } })),
      node('1', 'wishes', say('user', 'one')),
    ]);
    expect(idOf(full)).toBe(idOf(unnamed([root, question('one')])));
    for (const index of [1, 7, 12, 19]) {
      const { id, conversation_id, ...whole } = conversationAt(9, index);
      const slim: Json = {
        ...toSlim(conversationAt(9, index, { changed: true })),
        id: null,
        conversation_id: null,
      };
      expect(idOf(whole)).toMatch(/^sha256-/);
      expect(idOf(slim)).toBe(idOf({ ...whole, title: slim.title }));
    }
  });

  it('keeps it when the sources of what it begins with are left out', () => {
    const marker = '\ue200cite\ue202turn0search1\ue201';
    const sources = {
      content_references: [{ matched_text: marker, alt: '([Site](https://s.org))' }],
      citations: [{ start_ix: 4, metadata: { title: 'T', url: 'https://t.org' } }],
    };
    const begun = (text: string, metadata: Json) =>
      idOf(unnamed([node('1', null, say('assistant', text, { metadata })), answer]));
    for (const text of [`See ${marker}.`, 'See 【1†source】.', marker]) {
      expect(begun(text, sources)).toBe(begun(text, {}));
      expect(begun(text, sources)).not.toBe(begun(`Please ${text}`, sources));
    }
  });

  it('has one without any message that is shown, too', () => {
    const silent = (text: string) => unnamed([node('s', null, say('system', text))]);
    expect(idOf(silent('rules'))).not.toBe(idOf(silent('other rules')));
  });
});

describe('a conversation whose id is a number', () => {
  const of = (rest: Json) =>
    idOf(chatGpt([node('m', null, say('user', 'x'))], { conversation_id: null, ...rest }));

  it('has it as text', () => {
    expect(of({ id: 1 })).toBe('1');
    expect(of({ conversation_id: 0, id: 'other' })).toBe('0');
    expect(idOf({ uuid: 7, chat_messages: [{ sender: 'human', text: 'x' }] })).toBe('7');
  });

  it('gets a stand-in where the number is not exact', () => {
    for (const id of [2 ** 53, 1.5, true]) expect(of({ id })).toMatch(/^sha256-/);
  });
});

describe('a Claude conversation that names no id', () => {
  const of = (...messages: Json[]) => idOf({ name: '', chat_messages: messages });
  const one: Json = { sender: 'human', content: [{ type: 'text', text: 'one' }] };
  const two: Json = { sender: 'human', content: [{ type: 'text', text: 'two' }] };

  it('is not another one whose messages name none either', () => {
    expect(of(one)).not.toBe(of(two));
    expect(of(one)).not.toBe(of({ ...one, created_at: '2025-01-01T00:00:00Z' }));
    expect(of(one, two)).toBe(of(one));
  });

  it('is not another one whose messages are counted alike', () => {
    expect(of({ ...one, uuid: '1' })).not.toBe(of({ ...two, uuid: '1' }));
    expect(of({ ...one, uuid: '1' })).not.toBe(of({ ...one, uuid: '1', sender: 'assistant' }));
    expect(of({ ...one, uuid: '1' })).not.toBe(of({ ...one, uuid: '2' }));
  });

  it('keeps it when its forms are merged, which names messages without an id', () => {
    const answer: Json = { sender: 'assistant', text: 'two' };
    for (const begin of [[one], [{ ...one, uuid: '1' }], [5, one], [{ ...one, uuid: 7 }]] as Json[][]) {
      const older = { name: '', chat_messages: begin };
      const newer = { name: '', chat_messages: [...begin, answer] };
      expect(idOf(newer)).toBe(idOf(older));
      expect(idOf(claude.merge(older, newer))).toBe(idOf(older));
    }
  });

  it('keeps it when any forms of it are merged', () => {
    fc.assert(
      fc.property(growingClaudeForms, (forms) => {
        const [older = {}, newer = {}] = forms.map((form): Json => ({ ...form, uuid: null }));
        const { externalId } = claude.identify(older);
        fc.pre(claude.identify(newer).externalId === externalId);
        expect(claude.identify(claude.merge(older, newer)).externalId).toBe(externalId);
      }),
    );
  });

  it('fails alone when what it begins with cannot be read', () => {
    const depth = 100_000;
    const input = `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const turn = `{"sender":"assistant","content":[{"type":"tool_use","name":"t","input":${input}}]}`;
    expect(readConversation(Buffer.from(`{"name":"Deep","chat_messages":[${turn}]}`))).toMatchObject({
      kind: 'failed',
      code: 'READ_FAILED',
      externalId: null,
      title: 'Deep',
    });
  });
});
