import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { openProgressBar, type TaskView } from '../src/cli/progress-bar.ts';

function task(
  phase: string,
  progress: Partial<TaskView['progress']>,
  counts: Partial<TaskView['counts']> = {},
) {
  return {
    status: 'RUNNING',
    phase,
    progress: {
      fraction: 0,
      bytesDone: 0,
      bytesTotal: null,
      conversationsDone: 0,
      conversationsTotal: null,
      perSecond: null,
      etaSeconds: null,
      queuePosition: null,
      ...progress,
    },
    counts: { added: 0, updated: 0, unchanged: 0, skipped: 0, failed: 0, ...counts },
  };
}

function screen(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 200,
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
  });
  return { stream, text: () => String(stream.read() ?? '') };
}

const importing = task(
  'IMPORTING',
  { fraction: 0.4, conversationsDone: 40, conversationsTotal: 100, perSecond: 12.4, etaSeconds: 61 },
  { added: 30, updated: 5, unchanged: 4, failed: 1 },
);

test('Without a terminal there is a line for each phase, and the last state at the end', () => {
  const { stream, text } = screen(false);
  const bar = openProgressBar(stream);
  bar.update(task('WAITING', { queuePosition: 2 }));
  bar.update(task('DOWNLOADING', { fraction: 0.1, bytesDone: 2e6, bytesTotal: 2.5e9, perSecond: 1e6 }));
  bar.update(task('IMPORTING', { fraction: 0.3, conversationsDone: 3 }));
  bar.update(task('IMPORTING', { fraction: 0.31, conversationsDone: 31 }));
  bar.update(importing);
  bar.stop();
  expect(text().split('\n')).toEqual([
    'WAITING 0% 2 before it',
    'DOWNLOADING 10% 2.0 MB/2.50 GB | 1.0 MB/s',
    'IMPORTING 30% 3 conversations | 0 added, 0 updated, 0 unchanged, 0 failed',
    'IMPORTING 40% 40/100 conversations | 30 added, 5 updated, 4 unchanged, 1 failed | 12/s | 1m01s left',
    '',
  ]);
});

test('On a terminal the bar shows phase, share, counts, rate and time left', () => {
  const { stream, text } = screen(true);
  const bar = openProgressBar(stream);
  bar.update(importing);
  bar.stop();
  expect(text()).toMatch(
    /IMPORTING \[.+\] 40% 40\/100 conversations \| 30 added, 5 updated, 4 unchanged, 1 failed \| 12\/s \| 1m01s left/,
  );
});

test('A bar that was never updated writes nothing', () => {
  for (const isTTY of [true, false]) {
    const { stream, text } = screen(isTTY);
    openProgressBar(stream).stop();
    expect(text()).toBe('');
  }
});
