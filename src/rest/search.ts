import { z } from 'zod';
import { encodeId } from '../domain/global-id.ts';
import { searchDiverse } from '../domain/retrieval/diverse.ts';
import {
  type DiverseInput,
  diverseInput,
  type PassageInput,
  passageInput,
} from '../domain/retrieval/input.ts';
import { layerWeights, searchLayers } from '../domain/retrieval/layers.ts';
import { PASSAGE_CHARACTERS, type Passage, searchPassages } from '../domain/retrieval/passages.ts';
import type { Call, Route } from './router.ts';

const place = { doc_id: z.string(), chunk_id: z.string(), start: z.int(), end: z.int() };

const hit = z
  .strictObject({
    rank: z.int(),
    score: z.number().meta({ description: 'Larger is better; comparable within one answer only.' }),
    source: z.string().meta({ description: 'Title of the conversation.' }),
    preview: z.string().max(PASSAGE_CHARACTERS).meta({ description: 'Where the message matches best.' }),
    loc: z.strictObject(place).meta({ description: 'The preview in the text of the message.' }),
    context_json: z
      .strictObject({
        context: z.array(z.strictObject({ doc: z.string(), loc: z.strictObject(place), quote: z.string() })),
      })
      .meta({ description: 'What was said before and after, from its beginning.' }),
  })
  .meta({ id: 'Hit', description: 'A message that matches.' });

const counts = z.strictObject({ message: z.int(), exchange: z.int(), conversation: z.int() });
const weights = z.strictObject({ message: z.number(), exchange: z.number(), conversation: z.number() });

const common = { scope: 'read', errors: ['TOO_MANY_REQUESTS'] } satisfies Partial<Route['about']>;

export const searchRoutes: Route[] = [
  {
    method: 'post',
    onlyReads: true,
    path: '/search',
    about: {
      ...common,
      summary: 'Messages that match a query, the best first.',
      details:
        'Words must all be there, whether or not this server can search by meaning; "quotes", -exclusions and OR work. Small words alone are looked for as they are typed, in the newest 50,000 messages. Titles count as their conversation’s first message.',
      body: passageInput,
      answer: z.strictObject({ query: z.string(), hits: z.array(hit) }),
    },
    async handle(services, { viewer, body }) {
      const input = pick(body, ['query', 'k']) as PassageInput;
      const passages = await searchPassages(services, viewer, input);
      return { body: { query: body.query, hits: passages.map(toHit) } };
    },
  },
  {
    method: 'post',
    onlyReads: true,
    path: '/search/advanced',
    about: {
      ...common,
      summary: 'The same, without hits that say the same.',
      details:
        'Chooses among the best `candidates` by maximal marginal relevance: with `lambda` 1 by relevance alone, with 0 by difference from the hits before alone. Likeness is the cosine of the texts’ tf-idf weights.',
      body: diverseInput,
      answer: z.strictObject({ query: z.string(), hits: z.array(hit) }),
    },
    async handle(services, { viewer, body }) {
      const input = pick(body, ['query', 'k', 'candidates', 'lambda']) as DiverseInput;
      const passages = await searchDiverse(services, viewer, input);
      return { body: { query: body.query, hits: passages.map(toHit) } };
    },
  },
  {
    method: 'post',
    onlyReads: true,
    path: '/search-multi-layer',
    about: {
      ...common,
      summary: 'Messages whose words may stand around them as well.',
      details:
        'Ranks in three layers, a message alone, with its neighbours (exchange), and its whole conversation, each by how many of the words stand together there, and fuses the ranks: a hit scores the sum of weight / (60 + rank). `total_candidates` are the different messages of all layers.',
      body: passageInput,
      answer: z.strictObject({
        query: z.string(),
        layer_weights: weights,
        layer_results_count: counts,
        total_candidates: z.int(),
        hits: z.array(hit),
      }),
    },
    async handle(services, { viewer, body }) {
      const input = pick(body, ['query', 'k']) as PassageInput;
      const { passages, counts: found, totalCandidates } = await searchLayers(services, viewer, input);
      return {
        body: {
          query: body.query,
          layer_weights: layerWeights,
          layer_results_count: found,
          total_candidates: totalCandidates,
          hits: passages.map(toHit),
        },
      };
    },
  },
];

/** What the domain knows of a body; the rest is passed over. */
const pick = (body: Call['body'], names: string[]) =>
  Object.fromEntries(names.map((name) => [name, body[name]]));

function toHit({
  rank,
  score,
  message,
  conversation,
  start,
  end,
  before,
  after,
}: Passage): z.output<typeof hit> {
  const document = encodeId('Conversation', conversation.id);
  const locOf = (nodeId: string, from: number, to: number) => ({
    doc_id: document,
    chunk_id: encodeId('Message', `${conversation.id}/${nodeId}`),
    start: from,
    end: to,
  });
  const neighbours = [before, after].filter((neighbour) => neighbour !== null);
  return {
    rank,
    score,
    source: conversation.title,
    preview: message.text.slice(start, end).toWellFormed(),
    loc: locOf(message.nodeId, start, end),
    context_json: {
      context: neighbours.map(({ nodeId, text }) => {
        const quote = text.slice(0, PASSAGE_CHARACTERS).toWellFormed();
        return { doc: document, loc: locOf(nodeId, 0, quote.length), quote };
      }),
    },
  };
}
