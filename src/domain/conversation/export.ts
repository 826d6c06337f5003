import type { z } from 'zod';
import type { BackgroundTask, Conversation } from '../../generated/prisma/client.ts';
import { startBackgroundTask } from '../background/task.ts';
import { NotFoundError } from '../errors.ts';
import {
  createEntries,
  type ExportEntry,
  encodeText,
  safeFileName,
  type WrittenEntry,
} from '../export-entry.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import {
  type ConversationExportInput,
  type conversationExportInput,
  oneExportInput,
} from './export-input.ts';
import { getConversation } from './read.ts';
import { exportFormats } from './render.ts';
import { readMessages, readWholeConversations } from './whole.ts';

/** JSON is for programs and keeps every branch; what is for reading shows the path that the provider shows. */
const pathOf = ({ format, path }: z.output<typeof oneExportInput>) =>
  path ?? (format === 'JSON' ? 'ALL' : 'ACTIVE');

export interface ConversationFile {
  name: string;
  mimeType: string;
  content: AsyncIterable<Uint8Array>;
}

/** One conversation as a file, read as it is sent. Throws a NotFoundError and an InvalidInputError. */
export async function exportConversation(
  services: Services,
  viewer: Viewer | null,
  id: string,
  input: z.input<typeof oneExportInput>,
): Promise<ConversationFile> {
  requireScope(viewer, 'read');
  const form = parseInput(oneExportInput, input);
  const head = await getConversation(services, viewer, id);
  if (!head) throw new NotFoundError('conversation');
  const { extension, mimeType, render } = exportFormats[form.format];
  const messages = readMessages(services, viewer.userId, id, pathOf(form));
  return {
    name: `${safeFileName(head.title) || 'conversation'}.${extension}`,
    mimeType,
    content: encodeText(render({ head, messages })),
  };
}

/**
 * Queues the making of a zip of all conversations that a filter matches, each as a file. Throws as `startBackgroundTask`
 * does, and a TooManyRequestsError.
 */
export async function exportConversations(
  services: Services,
  viewer: Viewer | null,
  input: z.input<typeof conversationExportInput>,
  requestId?: string,
): Promise<BackgroundTask> {
  requireScope(viewer, 'read');
  await services.limits.spend('export', viewer);
  return startBackgroundTask(services, viewer, 'CONVERSATION_EXPORT', input, {
    requestId,
    audit: { action: 'data.exported', subject: 'conversations' },
  });
}

/** The files of such a zip, then `manifest.json` with the size and hash of each. */
export async function* conversationFiles(
  services: Services,
  userId: string,
  input: ConversationExportInput,
  onConversation: () => void,
): AsyncGenerator<ExportEntry> {
  const written: WrittenEntry[] = [];
  const entries = createEntries(written);
  const { extension, render } = exportFormats[input.format];
  for await (const whole of readWholeConversations(services, userId, input.filter, pathOf(input))) {
    yield entries.text(`${fileNameOf(whole.head)}.${extension}`, render(whole));
    onConversation();
  }
  yield entries.json('manifest.json', {
    format: 'sidecar-conversations',
    version: 1,
    madeAt: new Date(),
    asked: input,
    files: [...written],
  });
}

/** By day, then title; the end of the id tells namesakes apart. */
function fileNameOf({ id, title, createdAt }: Conversation): string {
  const day = createdAt ? `${createdAt.toISOString().slice(0, 10)} ` : '';
  return `${day}${safeFileName(title) || 'conversation'} ${id.slice(-12)}`;
}
