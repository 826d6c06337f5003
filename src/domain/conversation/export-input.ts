import { z } from 'zod';
import { conversationFilter } from './filter.ts';

const form = {
  format: z.enum(['MARKDOWN', 'JSON', 'HTML']).default('MARKDOWN'),
  /** Every branch for JSON and the active path for reading, when it is left out. */
  path: z.enum(['ACTIVE', 'ALL']).optional(),
};

/** How one conversation is to leave. */
export const oneExportInput = z.strictObject(form);

/** Which conversations are to leave, and how. */
export const conversationExportInput = z.strictObject({ ...form, filter: conversationFilter.default({}) });
export type ConversationExportInput = z.output<typeof conversationExportInput>;
