import type { ProviderReader } from '../provider.ts';
import { isObject } from '../values/json.ts';
import { coversChatGpt } from './covers.ts';
import { mergeChatGpt } from './merge.ts';
import { identifyChatGpt, readChatGpt } from './read.ts';

export const chatGpt: ProviderReader = {
  provider: 'chatgpt',
  matches(value) {
    if (isObject(value.mapping)) return true;
    // Folders and new projects are listed as conversations without any content.
    return (
      !('chat_messages' in value) &&
      ('conversation_id' in value || 'current_node' in value || 'mapping' in value)
    );
  },
  identify: identifyChatGpt,
  read: readChatGpt,
  merge: mergeChatGpt,
  covers: coversChatGpt,
};
