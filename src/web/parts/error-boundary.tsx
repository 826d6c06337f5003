import { Component, type ReactNode } from 'react';
import { ApiError } from '../api/graphql.ts';
import { texts } from '../texts/index.ts';
import { Failure } from './failure.tsx';

/** In place of a page that broke while it was drawn, or whose files did not come. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    // What did not come once is not asked for again by the page that is open.
    if ((error as unknown) instanceof ApiError)
      return <Failure error={error} retry={() => location.reload()} />;
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
