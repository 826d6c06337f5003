/** Text as it was written, each paragraph of it in the direction of its script. */
export function PlainText({ text }: { text: string }) {
  return (
    <div className="plain-text" dir="auto">
      {text}
    </div>
  );
}
