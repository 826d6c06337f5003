import { chatGpt, type Json, node, say } from '../archive/builders.ts';
import type { Page } from '../support/pages.ts';
import type { TestUser } from '../support/server.ts';

export interface Hit {
  rank: number;
  score: number;
  snippet: string;
  isTitleMatch: boolean;
  message: { id: string; externalId: string; text: string };
  conversation: { id: string; externalId: string; title: string };
}

export type SearchPage = Page<Hit> & { totalCountCapped: boolean; didYouMean: string | null };

export const searchDocument = `query Search(
  $query: String!, $filter: SearchFilter, $onePerConversation: Boolean, $first: Int, $after: String, $last: Int, $before: String
) {
  search(
    query: $query, filter: $filter, onePerConversation: $onePerConversation, first: $first, after: $after, last: $last,
    before: $before
  ) {
    totalCount totalCountCapped didYouMean
    edges { cursor node {
      rank score snippet isTitleMatch message { id externalId text } conversation { id externalId title }
    } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

/** Searches as a user; whatever is left out of `variables` is the API's own default. */
export async function search(
  user: TestUser,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<SearchPage> {
  const answer = await user.client.request<{ search: SearchPage }>(searchDocument, { query, ...variables });
  return answer.search;
}

/** Of the messages found, their ids in the export, in order. */
export async function foundBy(user: TestUser, query: string, filter?: object): Promise<string[]> {
  const { edges } = await search(user, query, { filter, first: 100 });
  return edges.map((edge) => edge.node.message.externalId);
}

/** A conversation of unrelated messages, by the ids that they get. */
export function messages(texts: Record<string, string>, rest: Json = {}): Json {
  const [first, ...others] = Object.entries(texts).map(([id, text]) => node(id, null, say('user', text)));
  return chatGpt(first ? [first, ...others] : [], {
    conversation_id: 'messages',
    title: 'Untitled',
    ...rest,
  });
}
