import { z } from 'zod';
import type { BackgroundTaskKind } from '../../generated/prisma/client.ts';
import { conversationExportInput } from '../conversation/export-input.ts';

/**
 * The kinds of work that exist, with what each is asked for, as it stands in the row. A kind that is added here does not
 * compile until worker/background.ts has a handler for it.
 */
export const backgroundInputs = {
  ACCOUNT_EXPORT: z.strictObject({}),
  CONVERSATION_EXPORT: conversationExportInput,
  EMBEDDING: z.strictObject({}),
  /** Whether to tell what came of it by layers. */
  REINDEX: z.strictObject({ layered: z.boolean() }),
} satisfies Partial<Record<BackgroundTaskKind, z.ZodType>>;

export type BackgroundKind = keyof typeof backgroundInputs;
export type BackgroundInput<K extends BackgroundKind> = z.output<(typeof backgroundInputs)[K]>;

export const backgroundKinds = Object.keys(backgroundInputs) as BackgroundKind[];
