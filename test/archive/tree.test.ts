import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatGpt, type Json, node, read, say } from './builders.ts';

type Nodes = [string, Json][];

const user = (text: string, timeS?: number): Json =>
  say('user', text, timeS === undefined ? {} : { create_time: timeS });

/** `id<parent` of every message in reading order, with `*` on the active path. */
function outline(nodes: Nodes, rest: Json = {}): string[] {
  return read(chatGpt(nodes, rest)).messages.map(
    ({ id, parentId, onActivePath }) => `${id}<${parentId ?? ''}${onActivePath ? '*' : ''}`,
  );
}

const branched: Nodes = [
  node('root', null, null),
  node('q', 'root', user('q', 1)),
  node('a1', 'q', user('a1', 2)),
  node('a2', 'q', user('a2', 3)),
  node('b', 'a1', user('b', 4)),
];

describe('the tree of messages', () => {
  it('is grown from parents alone, as newer exports have it', () => {
    expect(outline(branched, { current_node: 'a2' })).toEqual(['q<*', 'a1<q', 'b<a1', 'a2<q*']);
  });

  it('keeps the declared order of children first and appends the others by time and id', () => {
    const nodes: Nodes = [
      node('q', null, user('q'), { children: ['z', 'ghost', 'z'] }),
      node('b', 'q', user('b', 5)),
      node('a', 'q', user('a', 5)),
      node('c', 'q', user('c', 1)),
      node('z', 'q', user('z', 9)),
    ];
    expect(
      read(chatGpt(nodes)).messages.map(({ id, siblingIndex, siblingCount }) => [
        id,
        siblingIndex,
        siblingCount,
      ]),
    ).toEqual([
      ['q', 0, 1],
      ['z', 0, 4],
      ['c', 1, 4],
      ['a', 2, 4],
      ['b', 3, 4],
    ]);
  });

  it('trusts the key of the map and not the ids inside', () => {
    const nodes: Nodes = [['key', { id: 'other', parent: null, message: { ...user('x'), id: 'third' } }]];
    expect(outline(nodes)).toEqual(['key<*']);
  });

  it('splices nodes without a message out', () => {
    const nodes: Nodes = [
      node('r', null, null),
      node('q', 'r', user('q')),
      node('gap', 'q', null),
      node('gap2', 'gap', null),
      node('a1', 'gap2', user('a1', 1)),
      node('a2', 'q', user('a2', 2)),
    ];
    const { messages, branchCount } = read(chatGpt(nodes, { current_node: 'gap2' }));
    expect(outline(nodes, { current_node: 'gap2' })).toEqual(['q<*', 'a1<q', 'a2<q']);
    expect(messages.map((message) => message.siblingCount)).toEqual([1, 2, 2]);
    expect(branchCount).toBe(2);
  });

  it('prefers the parent where parent and children disagree', () => {
    const nodes: Nodes = [
      node('a', null, user('a', 1), { children: ['c'] }),
      node('b', 'a', user('b', 2), { children: [] }),
      node('c', 'b', user('c', 3)),
    ];
    expect(outline(nodes)).toEqual(['a<*', 'b<a*', 'c<b*']);
  });

  it('uses children where parents are left out or lead nowhere', () => {
    const nodes: Nodes = [
      node('a', undefined, user('a', 1), { children: ['b'] }),
      node('b', undefined, user('b', 2), { children: ['c'] }),
      node('c', 'gone', user('c', 3)),
    ];
    expect(outline(nodes)).toEqual(['a<*', 'b<a*', 'c<b*']);
  });

  it('makes roots of messages whose parent is missing, with a warning', () => {
    const nodes: Nodes = [
      node('a', null, user('a', 1)),
      node('b', 'a', user('b', 2)),
      node('c', 'gone', user('c', 3)),
    ];
    expect(outline(nodes, { current_node: 'b' })).toEqual(['a<*', 'b<a*', 'c<']);
    expect(read(chatGpt(nodes)).warnings.map((warning) => warning.code)).toEqual(['PARENT_MISSING']);
  });

  it('breaks cycles with a warning and loses no message', () => {
    const nodes: Nodes = [
      node('self', 'self', user('self', 1)),
      node('a', 'c', user('a', 2)),
      node('b', 'a', user('b', 3)),
      node('c', 'b', user('c', 4)),
      node('d', 'c', user('d', 5)),
    ];
    expect(outline(nodes)).toEqual(['self<', 'a<*', 'b<a*', 'c<b*', 'd<c*']);
    expect(read(chatGpt(nodes)).warnings).toEqual([
      { code: 'CYCLE_BROKEN', reason: expect.stringContaining(': 2.') },
    ]);
  });

  it('chains messages that name no parent at all by their times', () => {
    const nodes: Nodes = [
      node('b', undefined, user('b', 20)),
      node('untimed', undefined, user('after b')),
      node('a', undefined, user('a', 10)),
    ];
    expect(outline(nodes)).toEqual(['a<*', 'b<a*', 'untimed<b*']);
  });

  it('chains messages whose only links lead nowhere', () => {
    const nodes: Nodes = [
      node('b', null, user('b', 20), { children: ['gone'] }),
      node('a', null, user('a', 10)),
    ];
    expect(outline(nodes)).toEqual(['a<*', 'b<a*']);
  });

  it('survives nodes that are null, numbers or lists', () => {
    const nodes = [
      ['x', null],
      ['y', 5],
      ['z', []],
      ['m', { message: user('m'), parent: 'x', children: 'no' }],
    ] as unknown as Nodes;
    expect(outline(nodes)).toEqual(['m<*']);
  });

  it('treats __proto__ and constructor as ids like any other', () => {
    const json = `{"id":"c","mapping":{"__proto__":{"parent":null,"message":${JSON.stringify(user('p'))}},"constructor":{"parent":"__proto__","message":${JSON.stringify(user('c'))}}}}`;
    expect(read(JSON.parse(json)).messages).toHaveLength(2);
    expect(({} as Json).message).toBeUndefined();
  });

  it.each([20_000, 100_000])('of a chain of %i nodes does not recurse', (length) => {
    const nodes: Nodes = Array.from({ length }, (_, index) =>
      node(`n${index}`, index === 0 ? null : `n${index - 1}`, user('x')),
    );
    const { messages, branchCount, currentMessageId } = read(chatGpt(nodes.toReversed()));
    expect(messages).toHaveLength(length);
    expect(messages.at(-1)).toMatchObject({
      id: `n${length - 1}`,
      parentId: `n${length - 2}`,
      onActivePath: true,
    });
    expect([branchCount, currentMessageId]).toEqual([1, `n${length - 1}`]);
  });
});

describe('the active path', () => {
  it.each([
    ['missing', {}],
    ['null', { current_node: null }],
    ['dangling', { current_node: 'gone' }],
    ['of a wrong type', { current_node: 7 }],
    ['a root without a message', { current_node: 'root' }],
  ])('ends at the newest leaf when current_node is %s', (_name, rest) => {
    expect(read(chatGpt(branched, rest)).currentMessageId).toBe('b');
  });

  it('ends at the deepest leaf without times', () => {
    const nodes: Nodes = [
      node('q', null, user('q')),
      node('a', 'q', user('a')),
      node('deep', 'a', user('d')),
      node('z', 'q', user('z')),
    ];
    expect(read(chatGpt(nodes)).currentMessageId).toBe('deep');
  });

  it('may end at a hidden message', () => {
    const hidden = say('tool', 'output');
    expect(
      read(chatGpt([...branched, node('t', 'a2', hidden)], { current_node: 't' })).currentMessageId,
    ).toBe('t');
  });
});

describe('any tree', () => {
  const anyNodes = fc
    .array(
      fc.record({
        parent: fc.option(fc.integer({ min: -1, max: 40 })),
        message: fc.boolean(),
        time: fc.option(fc.integer({ min: 1, max: 99 })),
      }),
      { maxLength: 40 },
    )
    .map((list) =>
      list.map(({ parent, message, time }, index) =>
        node(`n${index}`, parent === null ? null : `n${parent}`, message ? user('x', time ?? 0) : null),
      ),
    );

  it('gives every message once, parents before children, with a path from a root to the current one', () => {
    fc.assert(
      fc.property(anyNodes, fc.integer({ min: 0, max: 40 }), (nodes, current) => {
        const expected = nodes.filter(([, value]) => value.message !== null).map(([id]) => id);
        fc.pre(expected.length > 0);
        const { messages, currentMessageId, branchCount } = read(
          chatGpt(nodes, { current_node: `n${current}` }),
        );
        expect(messages.map((message) => message.id).toSorted()).toEqual(expected.toSorted());
        const seen = new Map(messages.map((message) => [message.id, message]));
        for (const [index, message] of messages.entries()) {
          expect(message.ordinal).toBe(index);
          if (message.parentId !== null) expect(seen.get(message.parentId)?.ordinal).toBeLessThan(index);
          const siblings = messages.filter((other) => other.parentId === message.parentId);
          expect([siblings.indexOf(message), siblings.length]).toEqual([
            message.siblingIndex,
            message.siblingCount,
          ]);
        }
        const path: string[] = [];
        for (let at = currentMessageId; at !== null; at = seen.get(at)?.parentId ?? null) path.unshift(at);
        expect(messages.filter((message) => message.onActivePath).map((message) => message.id)).toEqual(path);
        const parents = new Set(messages.map((message) => message.parentId));
        expect(branchCount).toBe(messages.filter((message) => !parents.has(message.id)).length);
      }),
    );
  });
});
