import { startBackgroundTask } from '../background/task.ts';
import type { Services } from '../services.ts';
import { nowhere } from '../viewer.ts';
import { hasMeaning } from './availability.ts';
import { findDimensions } from './dimensions.ts';
import { usersWithoutVectors } from './pending.ts';

/** Queues the reckoning of what a user's new messages mean, when that is set up. Never throws: the sweeper makes up for it. */
export async function startEmbedding(services: Services, userId: string): Promise<void> {
  if (!hasMeaning(services)) return;
  try {
    await startBackgroundTask(services, { userId, credential: null, origin: nowhere }, 'EMBEDDING', {});
  } catch (error) {
    services.logger.warn({ error }, 'what new messages mean is reckoned later');
  }
}

/** What waits is looked for without knowing how long vectors are when the model takes longer to tell. */
const MODEL_TIMEOUT_MS = 10_000;

/**
 * Does the same for every user who has messages without a vector: after a change of the model or of the length of its
 * vectors, when one is configured for the first time, and for what a task left that failed.
 */
export async function sweepEmbeddings(services: Services): Promise<void> {
  if (!services.embeddings || !hasMeaning(services)) return;
  const model = services.embeddings;
  const dimensions = await findDimensions(model, AbortSignal.timeout(MODEL_TIMEOUT_MS)).catch(() => null);
  for await (const userId of usersWithoutVectors(services, { model: model.name, dimensions })) {
    await startEmbedding(services, userId);
  }
}
