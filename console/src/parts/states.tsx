/** What stands where there is nothing to show, or not yet, or not to everybody. */
import type { ReactNode } from 'react';
import { CallError } from '../data/api.ts';
import { refusalInWords } from '../data/words.ts';

export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="what">{title}</p>
      {children}
    </div>
  );
}

export function Failed({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  if (error instanceof CallError && error.code === 'FORBIDDEN') return <NoRight />;
  const text = error instanceof CallError ? refusalInWords(error.code, error.message) : error.message;
  return (
    <div className="empty failed" role="alert">
      <p className="what">This cannot be shown.</p>
      <p>{text}</p>
      {error instanceof CallError && text !== error.message && <p className="mono">{error.message}</p>}
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function NoRight() {
  return (
    <Empty title="Not with your role.">
      <p>The service shows this to others. Ask whoever gives out the roles.</p>
    </Empty>
  );
}

interface Query<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

/** Old data stay while new ones are on their way, also where these fail. */
export function Shown<T>({
  query,
  children,
  lines,
  loading,
}: {
  query: Query<T>;
  children: (data: T) => ReactNode;
  lines?: number;
  /** Instead of the usual. */
  loading?: ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  return loading ?? <Loading lines={lines ?? 4} />;
}
