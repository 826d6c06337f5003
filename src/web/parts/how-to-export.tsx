import { texts } from '../texts/index.ts';

/** How one comes by an export, for people who never did. */
export function HowToExport() {
  const { title, steps, limit } = texts.imports.howTo;
  return (
    <div className="card stack">
      <h2>{title}</h2>
      <ol>
        {steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <p className="muted">{limit}</p>
    </div>
  );
}
