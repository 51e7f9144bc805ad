/** The feed of all movements, newest first, and what comes while one looks. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { call } from './api.ts';
import { graphql, type ResultOf } from './graphql.ts';

const NewestQuery = graphql(`
  query Newest($before: String) {
    ledgerEventsNewest(before: $before, limit: 100) {
      cursor
      transferId
      kind
      walletId
      ownerId
      assetCode
      amount
      bonusAmount
      actor
      createdAt
    }
  }
`);

const NextQuery = graphql(`
  query Next($after: String) {
    ledgerEvents(after: $after, limit: 100) {
      cursor
      transferId
      kind
      walletId
      ownerId
      assetCode
      amount
      bonusAmount
      actor
      createdAt
    }
  }
`);

export type FeedEvent = NonNullable<ResultOf<typeof NewestQuery>['ledgerEventsNewest']>[number];

const PAGE = 100;
const EVERY_MS = 2_000;
/** Whoever was away for longer than this begins at the newest end. */
const MAX_BEHIND = 1_000;

export interface Feed {
  /** Newest first; undefined until they are there. */
  events: readonly FeedEvent[] | undefined;
  /** Come since, newest first, and not shown yet. */
  waiting: readonly FeedEvent[];
  hasOlder: boolean;
  isLive: boolean;
  error: Error | undefined;
  showWaiting: () => void;
  readOlder: () => Promise<void>;
}

/** `mayJoin`: whether what comes may be put on top at once, because the reader is there. */
export function useFeed(mayJoin: () => boolean): Feed {
  const [events, setEvents] = useState<readonly FeedEvent[]>();
  const [waiting, setWaiting] = useState<readonly FeedEvent[]>([]);
  const [hasOlder, setOlder] = useState(false);
  const [isLive, setLive] = useState(false);
  const [error, setError] = useState<Error>();
  const newest = useRef<string | null>(null);
  const join = useRef(mayJoin);
  useEffect(() => {
    join.current = mayJoin;
  });

  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isBegun = false;
    const begin = async (): Promise<void> => {
      const page = (await call(NewestQuery, {}, signal)).ledgerEventsNewest ?? [];
      isBegun = true;
      newest.current = page[0]?.cursor ?? null;
      setEvents(page);
      setWaiting([]);
      setOlder(page.length === PAGE);
    };
    const look = async (): Promise<void> => {
      const come: FeedEvent[] = [];
      for (let isMore = true; isMore;) {
        const page = (await call(NextQuery, { after: newest.current }, signal)).ledgerEvents ?? [];
        come.push(...page);
        newest.current = page.at(-1)?.cursor ?? newest.current;
        isMore = page.length === PAGE;
        if (come.length > MAX_BEHIND) return begin();
      }
      if (come.length === 0) return;
      const fresh = come.reverse();
      if (join.current()) setEvents((now = []) => [...fresh, ...now]);
      else setWaiting((now) => [...fresh, ...now]);
    };
    const round = async (): Promise<void> => {
      try {
        if (!isBegun) await begin();
        else if (!document.hidden) await look();
        setLive(true);
        setError(undefined);
      } catch (trouble) {
        if (signal.aborted) return;
        setLive(false);
        setError(trouble instanceof Error ? trouble : new Error(String(trouble)));
      }
      timer = setTimeout(() => void round(), EVERY_MS);
    };
    void round();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, []);

  const showWaiting = useCallback((): void => {
    setEvents((now = []) => [...waiting, ...now]);
    setWaiting([]);
  }, [waiting]);

  const oldest = events?.at(-1)?.cursor;
  const readOlder = useCallback(async (): Promise<void> => {
    const page = (await call(NewestQuery, { before: oldest ?? null })).ledgerEventsNewest ?? [];
    setEvents((now = []) => [...now, ...page]);
    setOlder(page.length === PAGE);
  }, [oldest]);

  return { events, waiting, hasOlder, isLive, error, showWaiting, readOlder };
}
