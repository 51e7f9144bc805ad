/** Changes of a wallet as they are booked: the service says that there is something new, the page reads it. */
import { useQueryClient } from '@tanstack/react-query';
import { createClient, type Client } from 'graphql-ws';
import { useEffect, useState } from 'react';
import { tokenNow } from './session.ts';

const CHANGED = 'subscription ($id: UUID!) { walletChanged(walletId: $id) { wallet { seq } } }';
let client: Client | undefined;

/** Whether changes arrive by themselves. */
export function useLive(walletId: string): boolean {
  const queries = useQueryClient();
  const [isLive, setLive] = useState(false);
  useEffect(() => {
    let seen: unknown;
    const stop = shared().subscribe<{ walletChanged: { wallet: { seq: string } | null } | null }>(
      { query: CHANGED, variables: { id: walletId } },
      {
        next: ({ data }) => {
          setLive(true);
          const seq = data?.walletChanged?.wallet?.seq;
          // The first event tells what is there, which has been read.
          if (seen !== undefined && seq !== seen) void queries.invalidateQueries({ queryKey: ['wallet', walletId] });
          seen = seq ?? null;
        },
        error: () => setLive(false),
        complete: () => setLive(false),
      },
    );
    return () => {
      stop();
      setLive(false);
    };
  }, [walletId, queries]);
  return isLive;
}

function shared(): Client {
  client ??= createClient({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/graphql`,
    connectionParams: () => ({ authorization: `Bearer ${tokenNow() ?? ''}` }),
    shouldRetry: () => true,
    retryAttempts: 20,
    lazyCloseTimeout: 5_000,
  });
  return client;
}

/** With another token, or none, the old connection counts no more. */
export function closeLive(): void {
  void client?.dispose();
  client = undefined;
}
