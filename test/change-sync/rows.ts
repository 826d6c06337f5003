import { dialogue } from '../archive/builders.ts';
import { zipOf } from '../support/exports.ts';
import type { TestServer, TestUser } from '../support/server.ts';

/** An export in which the elements that `broken` names are no JSON. */
export const zipWith = (ids: string[], broken: string[]) =>
  zipOf({
    'conversations.json': `[${ids
      .map((id) =>
        broken.includes(id) ? `{"conversation_id": "${id}", oops}` : JSON.stringify(dialogue(id)),
      )
      .join(',')}]`,
  });

/** The texts of the messages that a search finds. */
export async function hits({ client }: TestUser, query: string): Promise<string[]> {
  const { search } = await client.request<{
    search: { edges: { node: { message: { text: string } } }[] };
  }>('query Hits($query: String!) { search(query: $query) { edges { node { message { text } } } } }', {
    query,
  });
  return search.edges.map((edge) => edge.node.message.text);
}

/** How many conversations a user has. */
export const rowCount = (server: TestServer, { viewer }: TestUser) =>
  server.services.prisma.conversation.count({ where: { userId: viewer.userId } });
