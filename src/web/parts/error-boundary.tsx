import { Component, type ReactNode } from 'react';
import { texts } from '../texts/index.ts';

/** In place of a page that broke while it was drawn. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    if (!this.state.broken) return this.props.children;
    const { crashed } = texts.shell;
    return (
      <div className="state" role="alert">
        <h1>{crashed.title}</h1>
        <p>{crashed.text}</p>
        <button type="button" className="button primary" onClick={() => location.reload()}>
          {crashed.reload}
        </button>
      </div>
    );
  }
}
