import { randomFrom } from './random.ts';

const sideStream = 5;

/** The small files that stand beside the conversations; `shards` is empty for an export of one file. */
export function sideFiles(
  seed: number,
  shards: { path: string; size_bytes: number }[],
): { path: string; content: string }[] {
  const random = randomFrom(seed, sideStream);
  const userId = `user-${random.hex(24)}`;
  const user = {
    id: userId,
    email: `person-${seed}@example.org`,
    chatgpt_plus_user: true,
    phone_number: null,
    birth_year: 1984,
  };
  const feedback = {
    id: random.uuid(),
    conversation_id: random.uuid(),
    user_id: userId,
    rating: 'thumbsUp',
    create_time: '2025-03-04T05:06:07.000000Z',
    content: '{"tags": [], "text": ""}',
  };
  const files = [
    { path: 'user.json', content: JSON.stringify(user) },
    { path: 'message_feedback.json', content: JSON.stringify([feedback]) },
    { path: 'shared_conversations.json', content: '[]' },
    { path: 'chat.html', content: '<!doctype html><title>ChatGPT Data Export</title><div id="root"></div>' },
  ];
  if (shards.length === 0) return files;
  const manifest = {
    version: 1,
    manifest_file: 'export_manifest.json',
    export_files: [...shards, ...files.map((file) => ({ path: file.path, size_bytes: file.content.length }))],
    logical_files: {
      'conversations.json': { files: shards.map((shard) => shard.path), sharded: true },
    },
  };
  return [...files, { path: 'export_manifest.json', content: JSON.stringify(manifest) }];
}
