export interface Said {
  role: 'user' | 'assistant' | 'tool';
  at: string | null;
  text: string;
  model?: string;
}

/** A conversation of one branch whose messages have their times. */
export function dated(id: string, title: string, said: Said[]): object {
  const mapping = Object.fromEntries(
    said.map(({ role, at, text, model }, index) => [
      `${id}-${index}`,
      {
        id: `${id}-${index}`,
        parent: index === 0 ? null : `${id}-${index - 1}`,
        children: index === said.length - 1 ? [] : [`${id}-${index + 1}`],
        message: {
          id: `${id}-${index}`,
          author: { role },
          create_time: at && Date.parse(at) / 1000,
          content: { content_type: 'text', parts: [text] },
          metadata: model ? { model_slug: model } : {},
        },
      },
    ]),
  );
  return { id, title, create_time: 1, update_time: 2, mapping, current_node: `${id}-${said.length - 1}` };
}

/** So many messages as a search ranks, and one more, all newer than what was said in 2020. */
export const muchOfLate = (id: string, text: string): object =>
  dated(
    id,
    'Much of late',
    Array.from({ length: 1_001 }, () => ({ role: 'user', at: '2024-05-01T12:00:00Z', text })),
  );
