/** A list that is read page by page. */
import type { ReactNode } from 'react';
import { Empty, Shown } from './states.tsx';

interface Listed<Row> {
  data: { pages: ({ nodes: Row[] } | null)[] } | undefined;
  error: Error | null;
  refetch: () => unknown;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

interface Props<Row> {
  list: Listed<Row>;
  empty: ReactNode;
  more?: string;
  children: (rows: Row[]) => ReactNode;
}

export function List<Row>({ list, empty, more = 'More', children }: Props<Row>) {
  return (
    <Shown query={list} lines={8}>
      {({ pages }) => {
        const rows = pages.flatMap((page) => page?.nodes ?? []);
        if (rows.length === 0 && !list.hasNextPage) return typeof empty === 'string' ? <Empty title={empty} /> : empty;
        return (
          <>
            {rows.length === 0 ? <Empty title="Nothing so far: there is more to look through." /> : children(rows)}
            {list.hasNextPage && (
              <button type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                {more}
              </button>
            )}
          </>
        );
      }}
    </Shown>
  );
}

/** A table that is no wider than the screen: it moves within itself. */
export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    <div className="table" role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
