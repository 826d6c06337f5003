/** A moment by which all must be over, shared by those who have to hurry one after the other. */
export interface Deadline {
  /** The milliseconds that are left of it, but no more than these. */
  within(ms: number): number;
  /** An earlier one, behind this part (0 to 1) of what is left: the rest is for those who come after. */
  share(part: number): Deadline;
}

export function deadlineIn(ms: number): Deadline {
  const end = performance.now() + ms;
  const leftMs = () => Math.max(0, end - performance.now());
  return {
    within: (atMostMs) => Math.min(atMostMs, leftMs()),
    share: (part) => deadlineIn(leftMs() * part),
  };
}

/** Waits for `work`, but no longer than this; answers whether it was done by then. Rejects as `work` does. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer));
}
