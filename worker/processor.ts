import type { JobName, JobPayload } from '../src/jobs/jobs.ts';

/** What handles a job. Rejects to have it tried again; `signal` aborts when this worker is to stop. */
export type Processor<N extends JobName> = (payload: JobPayload<N>, signal: AbortSignal) => Promise<void>;

/** One for every job: a job without a processor does not compile. */
export type Processors = { [N in JobName]: Processor<N> };

/** The job cannot be done now and is to be tried after a while, by whichever worker, without losing an attempt. */
export class LaterError extends Error {
  /** Whole, as queues want it. */
  readonly waitMs: number;

  constructor(waitMs: number) {
    super('The job is to be tried later.');
    this.name = 'LaterError';
    this.waitMs = waitMs;
  }
}

/** The processor stopped because it was told to, and the job is to go to another worker. */
export class HandedBackError extends Error {
  constructor() {
    super('The job goes back to the queue.');
    this.name = 'HandedBackError';
  }
}
