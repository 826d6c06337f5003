import { imageOf } from './image.ts';
import {
  assistantMessage,
  customInstructions,
  hiddenSystemMessage,
  type Image,
  reasoning,
  toolCall,
  toolResult,
  userMessage,
} from './messages.ts';
import { openWriter, type Writer } from './prose.ts';
import { type Random, randomFrom } from './random.ts';
import type { ExportConversation, ExportMessage, ExportNode } from './shape.ts';
import { topicOf } from './topic.ts';

const contentStream = 2;
const changeStream = 3;
const firstDayS = Date.UTC(2023, 2, 1) / 1000;
const lastDayS = Date.UTC(2026, 4, 1) / 1000;
const brokenReplyShare = 1 / 2500;

/** From when each model answers, and how often it thinks first. */
const models = [
  { slug: 'text-davinci-002-render-sha', fromS: 0, thinks: 0 },
  { slug: 'gpt-4', fromS: Date.UTC(2023, 6, 1) / 1000, thinks: 0 },
  { slug: 'gpt-4o', fromS: Date.UTC(2024, 4, 13) / 1000, thinks: 0 },
  { slug: 'o1', fromS: Date.UTC(2024, 11, 5) / 1000, thinks: 0.8 },
  { slug: 'o3', fromS: Date.UTC(2025, 3, 16) / 1000, thinks: 0.8 },
  { slug: 'gpt-5', fromS: Date.UTC(2025, 7, 7) / 1000, thinks: 0.3 },
];

/**
 * Conversation `index` of a seed as a ChatGPT export holds it; always the same, whatever else is generated. `changed`
 * gives its later state: two more messages and a newer `update_time`, everything else equal.
 */
export function conversationAt(
  seed: number,
  index: number,
  options?: { changed?: boolean },
): ExportConversation {
  const random = randomFrom(seed, index, contentStream);
  const topic = topicOf(seed, index);
  const writer = openWriter(random, topic);
  const startS = firstDayS + random.next() * (lastDayS - firstDayS);
  const model = random.pick(models.filter((candidate) => candidate.fromS <= startS).slice(-3));
  const thread = openThread(random, writer, startS, model);

  // Log-normal: most conversations are short and a few are very long.
  const exchanges = Math.min(120, Math.ceil(Math.exp(random.normal() * 0.85 + 1.13)));
  const branches = exchanges > 1 && random.chance(0.137);
  const branchAt = branches ? random.between(1, exchanges - 1) : -1;
  const branchKind = random.pick(['edit', 'regenerate']);
  const image = imageOf(seed, index);

  let tip = thread.begin();
  for (let exchange = 0; exchange < exchanges; exchange++) {
    const lastWords = exchange === 0 ? topic.fact : '';
    if (exchange === branchAt && branchKind === 'edit') thread.answer(thread.ask(tip));
    const question = thread.ask(tip, exchange === 0 ? image : undefined);
    if (exchange === branchAt && branchKind === 'regenerate') thread.answer(question);
    tip = thread.answer(question, lastWords);
  }
  const update_time = roundS(thread.nowS());

  const conversation: ExportConversation = {
    title: topic.title,
    create_time: roundS(startS),
    update_time,
    mapping: thread.mapping,
    moderation_results: [],
    current_node: tip,
    plugin_ids: null,
    conversation_id: random.uuid(),
    conversation_template_id: null,
    gizmo_id: null,
    gizmo_type: null,
    is_archived: random.chance(0.05),
    is_starred: random.chance(0.03) ? true : null,
    safe_urls: [],
    blocked_urls: [],
    default_model_slug: model.slug,
    conversation_origin: null,
    voice: null,
    async_status: null,
    disabled_tool_ids: [],
    is_do_not_remember: false,
    memory_scope: 'global_enabled',
    sugar_item_id: null,
    id: '',
  };
  conversation.id = conversation.conversation_id;
  return options?.changed ? grow(conversation, seed, index) : conversation;
}

/** Whether a share of all conversations includes this one; a larger share includes all of a smaller one. */
export function isChanged(seed: number, index: number, share: number): boolean {
  return randomFrom(seed, index, changeStream).next() < share;
}

function grow(conversation: ExportConversation, seed: number, index: number): ExportConversation {
  const random = randomFrom(seed, index, changeStream, 1);
  const writer = openWriter(random, topicOf(seed, index));
  const model = { slug: String(conversation.default_model_slug), thinks: 0 };
  const laterS = conversation.update_time + 86_400 * (1 + random.next() * 20);
  const thread = openThread(random, writer, laterS, model, conversation.mapping);
  const question = thread.ask(conversation.current_node);
  const answer = thread.say(question, (fields) => assistantMessage(random, fields, writer.reply(500)));
  return { ...conversation, update_time: roundS(thread.nowS()), current_node: answer };
}

interface Thread {
  mapping: Record<string, ExportNode>;
  nowS(): number;
  /** Adds the root and the hidden beginnings; answers the node to go on from, as the rest do. */
  begin(): string;
  ask(parentId: string, image?: Image): string;
  /** An answer with whatever the model did for it; `lastWords` end its text. */
  answer(questionId: string, lastWords?: string): string;
  say(
    parentId: string,
    make: (fields: { timeS: number; model: string; askedBy: string }) => ExportMessage,
  ): string;
}

function openThread(
  random: Random,
  writer: Writer,
  startS: number,
  model: { slug: string; thinks: number },
  mapping: Record<string, ExportNode> = {},
): Thread {
  let clockS = startS;

  function add(id: string, parent: string | null, message: ExportMessage | null): string {
    mapping[id] = { id, message, parent, children: [] };
    if (parent !== null) mapping[parent]?.children.push(id);
    return id;
  }
  function append(parentId: string, message: ExportMessage): string {
    return add(message.id, parentId, message);
  }
  function tick(maxS: number): number {
    clockS += 0.5 + random.next() * maxS;
    return roundS(clockS);
  }
  const say: Thread['say'] = (parentId, make) =>
    append(parentId, make({ timeS: tick(30), model: model.slug, askedBy: parentId }));

  return {
    mapping,
    nowS: () => clockS,
    say,
    begin() {
      const isNew = startS > Date.UTC(2024, 6, 1) / 1000;
      const root = add(isNew ? 'client-created-root' : `aaa1${random.uuid().slice(4)}`, null, null);
      const hidden = append(root, hiddenSystemMessage(random));
      if (!random.chance(0.15)) return hidden;
      return append(hidden, customInstructions(random, writer.sentence(), writer.sentence()));
    },
    ask(parentId, image) {
      return append(parentId, userMessage(random, tick(600), writer.prompt(), image));
    },
    answer(questionId, lastWords = '') {
      let tip = questionId;
      if (random.chance(model.thinks)) {
        const thought = { summary: writer.sentence(), content: writer.reply(200) };
        const fields = { timeS: tick(40), model: model.slug, askedBy: questionId };
        for (const message of reasoning(random, fields, thought)) tip = append(tip, message);
      }
      const source = {
        title: writer.sentence(),
        url: `https://example.org/${writer.word()}/${random.below(1e6)}`,
      };
      const toolKind = random.next();
      const tool = toolKind < 0.05 ? 'python' : toolKind < 0.08 ? 'web.search' : null;
      if (tool !== null) {
        const asked = tool === 'python' ? writer.code(6) : JSON.stringify({ query: writer.sentence() });
        tip = say(tip, (fields) => toolCall(random, fields, tool, asked));
        const found = tool === 'python' ? writer.code(2) : `${source.title}\n${writer.reply(600)}`;
        tip = say(tip, (fields) => toolResult(random, fields, tool, found));
      }
      const targetChars = Math.min(12_000, Math.exp(random.normal() * 0.8 + 6.6));
      let text = writer.reply(targetChars);
      // What pasted binaries and emoji cut in two leave in real exports.
      if (random.chance(brokenReplyShare)) text += ' \u0000';
      if (random.chance(brokenReplyShare)) text += ' \ud83d';
      if (lastWords !== '') text += `\n\n${lastWords}`;
      return append(
        tip,
        assistantMessage(
          random,
          { timeS: tick(30), model: model.slug, askedBy: questionId },
          text,
          tool === 'web.search' ? source : undefined,
        ),
      );
    },
  };
}

/** Exports give microseconds. */
function roundS(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
