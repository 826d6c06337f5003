import { texts } from '../texts/index.ts';

/** Lines in the place of what comes, so that nothing jumps when it is there. */
export function Loading({ lines = 6, height = '3rem' }: { lines?: number; height?: string }) {
  return (
    <div className="stack" role="status" aria-label={texts.shell.loading}>
      {Array.from({ length: lines }, (_, line) => (
        <div key={`line ${String(line)}`} className="skeleton" style={{ height }} />
      ))}
    </div>
  );
}
