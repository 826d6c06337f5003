import type { ReactNode } from 'react';

/** A table in a box of its own, in which one that is too wide for the page is moved sideways, by keyboard as well. */
export function TableBox({ children }: { children: ReactNode }) {
  return (
    <div className="table-box" ref={letIn}>
      <table>{children}</table>
    </div>
  );
}

/** Only a box that hides something is worth a stop of the keyboard. */
function letIn(box: HTMLElement | null): (() => void) | undefined {
  if (!box) return;
  const observer = new ResizeObserver(() => {
    box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1;
  });
  for (const each of [box, ...box.children]) observer.observe(each);
  return () => observer.disconnect();
}
