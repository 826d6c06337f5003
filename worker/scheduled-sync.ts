import type { Services } from '../src/domain/services.ts';
import { runScheduledSync } from '../src/domain/sync/run-scheduled.ts';
import type { Processor } from './processor.ts';

/** Starts what a user's schedule says is due. Safe to run again: the row knows whether it still is. */
export function createScheduledSyncProcessor(services: Services): Processor<'scheduledSync'> {
  return ({ userId }) => runScheduledSync(services, userId);
}
