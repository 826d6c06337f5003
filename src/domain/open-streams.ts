import { TooManyStreamsError } from './errors.ts';

/** Counts what each user holds open in this process, over SSE and WebSockets together. */
export interface OpenStreams {
  /** Counts one more; answers the function that gives it back. Throws a TooManyStreamsError. */
  open(userId: string): () => void;
}

export function createOpenStreams(max: number): OpenStreams {
  const openOf = new Map<string, number>();
  return {
    open(userId) {
      const open = openOf.get(userId) ?? 0;
      if (open >= max) throw new TooManyStreamsError(max);
      openOf.set(userId, open + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = (openOf.get(userId) ?? 1) - 1;
        if (left > 0) openOf.set(userId, left);
        else openOf.delete(userId);
      };
    },
  };
}
