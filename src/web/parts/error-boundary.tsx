import { Component, type ReactNode } from 'react';
import { ApiError } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';
import { Unreached } from './unreached.tsx';

/** In place of a page that broke while it was drawn, or whose files did not come. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    if (error instanceof ApiError) return <Unreached error={error} />;
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
