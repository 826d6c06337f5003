import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bytesOf, chatGpt, type Json, node, read, say } from './builders.ts';
import { keep, merge, mergeKept } from './versions.ts';

/** A full export with a tool's traffic and an edited question. */
const full = chatGpt(
  [
    node('root', null, null, { children: ['q'] }),
    node(
      'q',
      'root',
      say('user', 'question', {
        create_time: 10,
        metadata: { attachments: [{ id: 'file-1', name: 'a.png' }] },
      }),
      { children: ['call', 'old'] },
    ),
    node('call', 'q', say('assistant', 'search()', { recipient: 'web', create_time: 11 }), {
      children: ['out'],
    }),
    node(
      'out',
      'call',
      say('tool', 'result', { create_time: 12, metadata: { is_visually_hidden_from_conversation: true } }),
      { children: ['a'] },
    ),
    node(
      'a',
      'out',
      say('assistant', 'answer', { create_time: 13, channel: 'final', metadata: { model_slug: 'gpt-4o' } }),
      { children: [] },
    ),
    node('old', 'q', say('assistant', 'other answer', { create_time: 12.5 }), { children: [] }),
  ],
  { update_time: 100, create_time: 9, current_node: 'a', title: 'Old title', is_starred: true },
);

/** The same later: no tools, no children, few keys, parents that lead past what was left out. */
const slim = chatGpt(
  [
    node('a', 'q', { author: { role: 'assistant' }, content: { content_type: 'text', parts: [''] } }),
    node('b', 'a', say('user', 'thanks', { create_time: 20 })),
    node('q', 'gone', {
      author: { role: 'user' },
      content: { content_type: 'text', parts: ['question, edited'] },
      create_time: null,
      metadata: {},
    }),
  ],
  { update_time: 200, current_node: 'b', title: 'New title', is_starred: null },
);

describe('merging versions of a ChatGPT conversation', () => {
  const merged = merge(full, slim);

  it('keeps every message of both', () => {
    expect(merged.messages.map((message) => message.id).toSorted()).toEqual([
      'a',
      'b',
      'call',
      'old',
      'out',
      'q',
    ]);
  });

  it('takes what the newer one says and keeps what it leaves out', () => {
    const byId = new Map(merged.messages.map((message) => [message.id, message]));
    expect(merged).toMatchObject({
      title: 'New title',
      starred: true,
      createdAtMs: 9000,
      updatedAtMs: 200_000,
      currentMessageId: 'b',
    });
    expect(byId.get('q')).toMatchObject({
      text: 'question, edited',
      createdAtMs: 10_000,
      parentId: null,
      assets: [{ externalId: 'file-1' }],
    });
    expect(byId.get('a')).toMatchObject({
      text: 'answer',
      model: 'gpt-4o',
      kind: 'VISIBLE',
      parentId: 'out',
      onActivePath: true,
    });
    expect(byId.get('call')).toMatchObject({ kind: 'TOOL' });
    expect(byId.get('out')).toMatchObject({ kind: 'HIDDEN' });
    expect(byId.get('b')).toMatchObject({ parentId: 'a', onActivePath: true });
  });

  it('takes a newer parent when it is another one', () => {
    const moved = chatGpt(
      [
        node('q', null, say('user', 'question')),
        node('other', 'q', say('user', 'more')),
        node('a', 'other', say('assistant', 'answer')),
      ],
      { update_time: 200, current_node: 'a' },
    );
    expect(merge(full, moved).messages.find(({ id }) => id === 'a')).toMatchObject({ parentId: 'other' });
    const pruned = chatGpt([node('call', null, null), node('a', 'call', say('assistant', 'answer'))], {
      update_time: 200,
    });
    expect(merge(full, pruned).messages.find(({ id }) => id === 'a')).toMatchObject({ parentId: 'out' });
  });

  it('does not depend on the order, the number or the repetition of versions', () => {
    expect(merge(slim, full)).toEqual(merged);
    expect(merge(slim, full, slim, full)).toEqual(merged);
    expect(merge(full)).toEqual(read(full));
    expect(merge(full, full)).toEqual(read(full));
  });

  it('leaves a branch a branch where the older one went on with something visible', () => {
    const edited = chatGpt(
      [node('q', null, say('user', 'question')), node('q2', 'q', say('user', 'another question'))],
      { update_time: 200, current_node: 'q2' },
    );
    const merged = merge({ ...full, current_node: 'old' }, edited);
    expect(merged.messages.find(({ id }) => id === 'q2')).toMatchObject({ parentId: 'q', siblingCount: 3 });
  });

  it('takes the current node of the newest version that has one', () => {
    expect(merge(full, { ...slim, current_node: 'nowhere' }).currentMessageId).toBe('a');
  });

  it('keeps the order of an export that links nothing, though a later one left out the beginning', () => {
    const flat = (...ids: string[]) => ids.map((id) => node(id, undefined, say('user', id)));
    const merged = merge(
      chatGpt(flat('a', 'b', 'c'), { update_time: 1 }),
      chatGpt(flat('c', 'd'), { update_time: 2 }),
    );
    expect(merged.messages.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('leaves a conversation that names no id the one that its first message gave it', () => {
    const unnamed = (id: string, update_time: number) => ({
      ...chatGpt([node('first', null, say('user', 'one')), node(id, 'first', say('user', 'two'))]),
      conversation_id: null,
      update_time,
    });
    const [older, newer] = [unnamed('x', 1), unnamed('y', 2)];
    expect(read(older).externalId).toBe(read(newer).externalId);
    expect(merge(older, newer).externalId).toBe(read(newer).externalId);
  });

  it('leaves versions out that cannot be read, and needs one that can', () => {
    expect(mergeKept([Buffer.from('{'), bytesOf(full), Buffer.from('5')].map(keep))).toEqual(read(full));
    expect(() => mergeKept([keep(Buffer.from('{'))])).toThrow(/No version/);
  });

  it('treats keys such as __proto__ as keys', () => {
    const hostile = Buffer.from(
      `{"conversation_id":"conv-1","__proto__":{"title":"x"},"mapping":{"__proto__":{"parent":null,"message":{"__proto__":{"polluted":1},"author":{"role":"user"},"content":"hi"}}}}`,
    );
    expect(mergeKept([hostile, bytesOf(full)].map(keep)).messages).toHaveLength(6);
    expect(({} as Json).polluted).toBeUndefined();
  });
});

describe('merging any versions', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const message = fc.option(
    fc.record(
      {
        role: fc.constantFrom('user', 'assistant', 'tool'),
        text: fc.string(),
        create_time: fc.option(fc.integer({ min: 1, max: 9 })),
        recipient: fc.constantFrom('all', 'web', null),
        hidden: fc.boolean(),
      },
      { requiredKeys: ['role', 'text'] },
    ),
  );
  const version = fc
    .record({
      nodes: fc.uniqueArray(fc.tuple(ids, fc.option(ids), message, fc.array(ids)), {
        selector: ([id]) => id,
        minLength: 1,
      }),
      update_time: fc.integer({ min: 1, max: 3 }),
      current_node: fc.option(ids),
    })
    .map(({ nodes, ...rest }) =>
      chatGpt(
        nodes.map(([id, parent, said, children]) =>
          node(
            id,
            parent,
            said === null
              ? null
              : {
                  ...say(said.role, said.text, { create_time: said.create_time, recipient: said.recipient }),
                  metadata: said.hidden ? { is_visually_hidden_from_conversation: true } : {},
                },
            { children },
          ),
        ),
        rest,
      ),
    );

  it('gives the same conversation in any order and any repetition', () => {
    fc.assert(
      fc.property(
        fc.array(version, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (versions, random) => {
          const shuffled = [...versions, ...versions.slice(0, 1)]
            .map((value) => ({ value, key: random.next().value }))
            .toSorted((x, y) => x.key - y.key)
            .map(({ value }) => value);
          expect(merge(...shuffled)).toEqual(merge(...versions));
        },
      ),
    );
  });

  it('loses no message and no text', () => {
    fc.assert(
      fc.property(fc.array(version, { minLength: 1, maxLength: 4 }), (versions) => {
        const merged = new Map(merge(...versions).messages.map((each) => [each.id, each]));
        for (const value of versions) {
          for (const [id, each] of Object.entries(value.mapping as Json)) {
            const said = (each as { message: { content: { parts: string[] } } | null }).message;
            if (said === null) continue;
            expect(merged.has(id)).toBe(true);
            if (said.content.parts[0]?.trim()) expect(merged.get(id)?.text.trim()).not.toBe('');
          }
        }
      }),
    );
  });
});

describe('merging versions of a Claude conversation', () => {
  it('is the union of their messages, in which emptiness takes nothing away', () => {
    const message = (uuid: string, text: string, rest: Json = {}): Json => ({
      uuid,
      sender: 'human',
      text,
      content: [],
      ...rest,
    });
    const older = {
      uuid: 'c',
      name: 'Old',
      updated_at: '2025-01-01T00:00:00Z',
      chat_messages: [message('1', 'one'), message('2', 'two')],
    };
    const newer = {
      uuid: 'c',
      name: '',
      updated_at: '2025-01-02T00:00:00Z',
      chat_messages: [message('2', ''), message('3', 'three')],
    };
    expect(merge(newer, older)).toEqual(merge(older, newer));
    expect(merge(older, newer)).toMatchObject({
      title: 'Old',
      messages: [{ text: 'one' }, { text: 'two' }, { text: 'three' }],
    });
  });
});
