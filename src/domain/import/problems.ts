import type { ProblemOutcome } from '../../generated/prisma/client.ts';
import type { Transaction } from '../services.ts';
import type { Lease } from '../sync/lease.ts';

/** Why a conversation did not arrive whole, and where it stands in the export. */
export interface Problem {
  outcome: ProblemOutcome;
  code: string;
  reason: string;
  externalId?: string;
  title?: string;
  shard?: string;
  element?: number;
}

/** Adds to the task's problems, numbered on from those that are there. */
export async function writeProblems(
  tx: Pick<Transaction, 'execute'>,
  lease: Lease,
  problems: Problem[],
): Promise<void> {
  if (problems.length === 0) return;
  const column = <T>(pick: (problem: Problem) => T) => problems.map(pick);
  await tx.execute(
    `INSERT INTO sync_problems (user_id, task_id, ordinal, outcome, code, reason, external_id, title, entry, element)
     SELECT $1, $2, $3 + number, outcome::"ProblemOutcome", code, reason, external_id, title, entry, element
     FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[])
       WITH ORDINALITY AS p (outcome, code, reason, external_id, title, entry, element, number)`,
    [
      lease.userId,
      lease.taskId,
      lease.problems,
      column((problem) => problem.outcome),
      column((problem) => problem.code),
      column((problem) => problem.reason.slice(0, 2_000)),
      column((problem) => problem.externalId?.slice(0, 500) ?? null),
      column((problem) => problem.title?.slice(0, 500) ?? null),
      column((problem) => problem.shard ?? null),
      column((problem) => problem.element ?? null),
    ],
  );
}
