import { conversationFiles } from '../src/domain/conversation/export.ts';
import { countFiltered } from '../src/domain/conversation/list.ts';
import type { BackgroundHandler } from './background.ts';
import { zipOf } from './zip.ts';

/** Makes the zip of the conversations that a filter matches. A run that was broken off begins anew. */
export const exportFiltered: BackgroundHandler<'CONVERSATION_EXPORT'> = async (services, run) => {
  const { userId, input } = run.lease;
  let done = 0;
  run.report({ done, total: await countFiltered(services, userId, input.filter) });
  const onConversation = () => {
    done += 1;
    run.report({ done });
  };
  const day = new Date().toISOString().slice(0, 10);
  const zip = zipOf(conversationFiles(services, userId, input, onConversation), run.signal);
  await run.store(`sidecar-conversations-${day}.zip`, zip);
  return { conversations: done };
};
