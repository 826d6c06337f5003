/** What the tabs of a browser tell each other of their uploads, which all of them find in the same store. */

/** Long enough for a tab in the background; one that was put to sleep sends nothing. */
const PATIENCE_MS = 300;

/** `asked` by a tab that wants to know, or the address of what another one is sending. */
type Word = { asked: true } | { sending: string };

let channel: BroadcastChannel | null = null;

/** Tells tabs that ask, from now on, what this one is sending: an address, or null for nothing. */
export function answerOtherTabs(sending: () => string | null): void {
  if (channel) return;
  const opened = new BroadcastChannel('uploads');
  channel = opened;
  opened.addEventListener('message', ({ data }: MessageEvent<Word>) => {
    const url = sending();
    if ('asked' in data && url !== null) opened.postMessage({ sending: url } satisfies Word);
  });
}

/** The addresses of what other tabs are sending. */
export function sentByOtherTabs(): Promise<Set<string>> {
  const sent = new Set<string>();
  const questions = new BroadcastChannel('uploads');
  questions.addEventListener('message', ({ data }: MessageEvent<Word>) => {
    if ('sending' in data) sent.add(data.sending);
  });
  questions.postMessage({ asked: true } satisfies Word);
  return new Promise((resolve) =>
    setTimeout(() => {
      questions.close();
      resolve(sent);
    }, PATIENCE_MS),
  );
}
