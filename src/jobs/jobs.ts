/** The contract between the API and its workers: names and payloads of ids, nothing else. Never a URL or a secret. */
import { z } from 'zod';

const aboutTask = z.strictObject({ userId: z.uuid(), taskId: z.uuid(), requestId: z.string().optional() });

export const jobs = {
  sync: aboutTask,
  /** A user's schedule is due. */
  scheduledSync: z.strictObject({ userId: z.uuid() }),
  /** Work of any kind that is no sync; its row says which. */
  background: aboutTask,
} satisfies Record<string, z.ZodType>;

export type JobName = keyof typeof jobs;
export type JobPayload<N extends JobName> = z.infer<(typeof jobs)[N]>;

export const QUEUE_NAME = 'sidecar';

/** Throws a ZodError when the payload is not of the job's form. */
export function parsePayload<N extends JobName>(name: N, payload: unknown): JobPayload<N> {
  return jobs[name].parse(payload) as JobPayload<N>;
}

export function isJobName(name: string): name is JobName {
  return Object.hasOwn(jobs, name);
}
