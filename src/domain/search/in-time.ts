import type { Transaction } from '../services.ts';

export type Ask = Transaction['query'];

/** Statements that together take no longer than they may; then PostgreSQL cancels one, as `isCancelled` tells. */
export function withinTime(tx: Transaction, timeMs: number): Ask {
  let leftMs = timeMs;
  return async (text, values) => {
    // 0 would be for ever.
    const timeout = `${Math.max(1, Math.ceil(leftMs))}ms`;
    await tx.query(`SELECT set_config('statement_timeout', $1, true)`, [timeout]);
    const beganMs = performance.now();
    try {
      return await tx.query(text, values);
    } finally {
      leftMs -= performance.now() - beganMs;
    }
  };
}

/** Whether PostgreSQL says that a statement took too long. */
export const isCancelled = (error: unknown) => (error as { code?: string } | null)?.code === '57014';
