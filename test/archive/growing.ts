/** Forms of one conversation in small alphabets, so that they often share words, files, nodes and mistakes. */
import fc from 'fast-check';
import type { Json } from './builders.ts';

const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const odd = fc.constantFrom<unknown>(null, '', 'odd', 5, []);
const text = fc.constantFrom('', ' ', 'one', 'two', 'one two', 'one\ntwo', 'two three', 'three');
const image = fc
  .constantFrom('x', 'y', 'z')
  .map((id) => ({ content_type: 'image_asset_pointer', asset_pointer: `sediment://${id}` }));
const words = fc.oneof(text, image, fc.record({ text, asset_pointer: fc.constant('sediment://x') }));
const content = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ content_type: fc.constant('text'), parts: fc.array(text, { maxLength: 2 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      content_type: fc.constant('multimodal_text'),
      parts: fc.array(words, { maxLength: 3 }),
    }),
  },
  fc.record({
    content_type: fc.constant('thoughts'),
    thoughts: fc.array(fc.record({ summary: text, content: text }), { maxLength: 2 }),
  }),
  fc.record({ content_type: fc.constantFrom('code', 'computer_output'), text, screenshot: image }),
  // What a type says in a field of another.
  fc.record(
    {
      content_type: fc.constantFrom('text', 'thoughts', 'tether_quote'),
      title: text,
      parts: fc.array(words, { maxLength: 2 }),
      text,
      content: text,
    },
    { requiredKeys: ['content_type'] },
  ),
  fc.record({ content_type: fc.constant('computer_output'), parts: fc.array(words, { maxLength: 1 }) }),
  text,
  odd,
);
const attachments = fc.array(fc.constantFrom({ id: 'x' }, { id: 'y', name: 'y.png' }, { name: 'none' }), {
  maxLength: 2,
});
const metadata = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ attachments, model_slug: fc.constantFrom('m', null) }, { requiredKeys: [] }),
  },
  odd,
);
const author = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      role: fc.constantFrom('user', 'assistant', 'tool'),
      name: fc.constantFrom('n', null),
    }),
  },
  odd,
);
const message = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        author,
        content,
        metadata,
        create_time: fc.constantFrom(null, 1, 2),
        recipient: fc.constantFrom('all', '', null),
      },
      { requiredKeys: ['author', 'content'] },
    ),
  },
  odd,
);
const parent = fc.oneof({ weight: 5, arbitrary: ids }, fc.constantFrom(null, 'gone', undefined, 5));
const node = fc.record(
  { message, parent, children: fc.array(ids, { maxLength: 3 }) },
  { requiredKeys: ['message'] },
);
const mapping = fc.dictionary(ids, node, { minKeys: 1, maxKeys: 4 });
const head = fc.record(
  {
    title: fc.constantFrom('', 'Old', 'New'),
    is_starred: fc.constantFrom(true, false, null),
    current_node: fc.oneof(ids, odd),
  },
  { requiredKeys: ['title'] },
);

const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value));

/** Any form. */
export const anyForm = fc
  .record({ head, mapping })
  .map((form) => plain({ ...form.head, mapping: form.mapping }));

const rarely = <T>(each: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: each });

/** What a later form has more, or otherwise: most of it is what providers do, some is not. */
const growth = fc.record({
  head: rarely(head),
  nodes: mapping,
  /** Whose message is another one now. */
  changed: rarely(
    fc.tuple(
      ids,
      fc.oneof(
        message,
        author.map((each) => ({ author: each })),
        metadata.map((each) => ({ metadata: each })),
      ),
    ),
  ),
  parent: rarely(fc.tuple(ids, parent)),
  children: rarely(fc.tuple(ids, fc.array(ids, { maxLength: 3 }))),
  gone: rarely(ids),
  current: fc.option(ids, { freq: 8 }),
  sorted: fc.boolean(),
});

/** A later form of the same conversation. */
function laterThan(form: Json, more: typeof growth extends fc.Arbitrary<infer T> ? T : never): Json {
  const later = plain({ ...form, ...more.head });
  const nodes = { ...(later.mapping as Record<string, Json>) };
  for (const [id, each] of Object.entries(more.nodes)) nodes[id] ??= plain(each);
  const touch = (id: string | undefined, change: (node: Json) => Json) => {
    const known = id === undefined ? undefined : nodes[id];
    if (id !== undefined && known) nodes[id] = plain({ ...known, ...change(known) });
  };
  const [changedId, changed] = more.changed ?? [];
  touch(changedId, ({ message: before }) => ({
    message: typeof changed === 'object' && changed !== null ? { ...(before as Json), ...changed } : changed,
  }));
  touch(more.parent?.[0], () => ({ parent: more.parent?.[1] }));
  touch(more.children?.[0], () => ({ children: more.children?.[1] }));
  if (more.gone !== null && more.gone in nodes) delete nodes[more.gone];
  if (more.current !== null) later.current_node = more.current;
  const order = more.sorted
    ? Object.entries(nodes).toSorted(([a], [b]) => (a < b ? -1 : 1))
    : Object.entries(nodes);
  return { ...later, mapping: Object.fromEntries(order) };
}

/** A form and later ones, each grown from the one before. */
export const growingForms = fc
  .tuple(anyForm, fc.array(growth, { minLength: 1, maxLength: 3 }))
  .map(([first, growths]) => {
    const forms = [first];
    for (const more of growths) forms.push(laterThan(forms.at(-1) ?? first, more));
    return forms;
  });

const turn = fc.record(
  {
    uuid: ids,
    sender: fc.constantFrom('human', 'assistant'),
    text,
    content: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.array(fc.record({ type: fc.constantFrom('text', 'thinking'), text }), { maxLength: 2 }),
      },
      text,
    ),
    parent_message_uuid: fc.oneof(ids, fc.constantFrom(null, 'gone')),
    created_at: fc.constantFrom(null, '2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z'),
    files: fc.array(fc.record({ file_name: fc.constantFrom('f', 'g') }), { maxLength: 1 }),
  },
  { requiredKeys: ['sender', 'text'] },
);
const turns = fc.array(fc.oneof({ weight: 9, arbitrary: turn }, odd), { maxLength: 4 });
const claudeHead = fc.record(
  {
    uuid: fc.constant('c'),
    name: fc.constantFrom('', 'Old', 'New'),
    current_leaf_message_uuid: fc.oneof(ids, odd),
  },
  { requiredKeys: ['name'] },
);

export const anyClaudeForm = fc
  .record({ head: claudeHead, turns })
  .map((form) => plain({ ...form.head, chat_messages: form.turns }));

/** A form and a later one that begins with its messages. */
export const growingClaudeForms = fc
  .tuple(anyClaudeForm, turns, rarely(claudeHead), rarely(fc.tuple(fc.nat(3), turn)))
  .map(([form, more, newHead, changed]) => {
    const messages = [...(form.chat_messages as unknown[]), ...more].map((each, index) =>
      changed?.[0] === index ? { ...(each as Json), ...changed[1] } : each,
    );
    return [form, plain({ ...form, ...newHead, chat_messages: messages })];
  });
