import { chatGpt, dialogue, type Json, node, say } from '../archive/builders.ts';

/** A conversation of builders.ts's `dialogue` as a later export shows it: two more turns and another title. */
export function grown(id: string): Json {
  const { mapping } = chatGpt([
    node('root', null, null, { children: ['q'] }),
    node('q', 'root', say('user', `question of ${id}`), { children: ['a'] }),
    node('a', 'q', say('assistant', `answer of ${id}`), { children: ['q2'] }),
    node('q2', 'a', say('user', `afterthought of ${id}`), { children: ['a2'] }),
    node('a2', 'q2', say('assistant', `last word of ${id}`), { children: [] }),
  ]);
  return dialogue(id, {
    mapping,
    current_node: 'a2',
    update_time: 1_700_000_900,
    title: `New title of ${id}`,
  });
}

export interface AttachedFile {
  id: string;
  name?: string;
  mimeType?: string;
  sizeBytes?: number;
}

/** A conversation whose question has files attached. */
export function withFiles(id: string, ...files: AttachedFile[]): Json {
  const attachments = files.map((file) => ({
    id: file.id,
    name: file.name,
    mime_type: file.mimeType,
    size: file.sizeBytes,
  }));
  const { mapping } = chatGpt([
    node('root', null, null, { children: ['q'] }),
    node('q', 'root', say('user', `look at this, ${id}`, { metadata: { attachments } }), { children: ['a'] }),
    node('a', 'q', say('assistant', `seen by ${id}`), { children: [] }),
  ]);
  return dialogue(id, { mapping });
}
