/** The changes of a wallet, over a websocket. */
import { named, pauseAfter, type ClientOptions } from './call.ts';
import { OutcomeUnknown, Refused, withAmounts, type Answered, type AsText } from './errors.ts';
import type { Balance } from './types.ts';

export const CHANGED =
  'subscription($id:UUID!){walletChanged(walletId:$id){wallet{balance bonusBalance heldBalance available seq}}}';
/** In a row, without an event: some half a minute. */
const MOST_TRIES = 15;
const UNAUTHORIZED = 4401;

interface Event {
  data?: { walletChanged: { wallet: AsText<Balance> } | null } | null;
  errors?: unknown;
}

export async function* changesOf(
  options: ClientOptions,
  id: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Balance, void, undefined> {
  const { url, token, webSocket } = options;
  const { createClient } = await import('graphql-ws').catch((cause: unknown) => {
    throw new Error('changes() needs the package graphql-ws', { cause });
  });
  // Of events that come faster than they are taken, the newest is enough.
  let event: Event | undefined;
  let ended: { error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const end = (error?: unknown): void => {
    ended ??= { error };
    wake?.();
  };
  const stop = (): void => end();
  const pause = (tries: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, pauseAfter(tries)));
  const socket = createClient({
    url: `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}/graphql`,
    webSocketImpl: webSocket,
    connectionParams: async () => ({
      authorization: `Bearer ${typeof token === 'string' ? token : await token()}`,
    }),
    retryAttempts: MOST_TRIES,
    shouldRetry: () => true,
    retryWait: pause,
  });
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  let seen = -1n;
  try {
    const document = await named(options, CHANGED);
    for (let tries = 0; ; tries += 1) {
      socket.subscribe<Event['data']>(
        { query: '', ...document, variables: { id } },
        {
          next: (value: Event) => {
            event = value;
            wake?.();
          },
          error: end,
          complete: stop,
        },
      );
      while (event || !ended) {
        const { data, errors } = event ?? {};
        event = undefined;
        if (errors) end(errors);
        else if (data?.walletChanged) {
          const wallet = withAmounts<Balance>(data.walletChanged.wallet);
          tries = 0;
          // An event may come twice.
          if (wallet.seq > seen) yield wallet;
          seen = wallet.seq;
        } else await new Promise<void>((resolve) => (wake = resolve));
      }
      const { error } = ended;
      if (signal?.aborted) return;
      const refused = refusedOf(error);
      if (refused) throw refused;
      // The service asks to subscribe again, or a connection was given up.
      if (!isAgain(error) || tries === MOST_TRIES) throw new OutcomeUnknown([], false, error);
      ended = undefined;
      await pause(tries);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    socket.terminate();
    void Promise.resolve(socket.dispose()).catch(() => undefined);
  }
}

const isAgain = (error: unknown): boolean =>
  error === undefined || (error as Answered[])[0]?.extensions.code === 'RETRY';

/** Of what the service answered, or of how it closed the connection. */
function refusedOf(error: unknown): Refused | undefined {
  const { code, reason, 0: answered } = (error ?? {}) as { code?: number; reason?: string; 0?: Answered };
  if (code === UNAUTHORIZED)
    return new Refused({ message: `unauthenticated: ${reason ?? ''}`, extensions: { code: 'UNAUTHENTICATED' } });
  return answered && !isAgain(error) ? new Refused(answered) : undefined;
}
