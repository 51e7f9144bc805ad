/** Sends many webhooks to a receiver that often fails, while the sending processes are killed. */
import { newAsset, newKey, newWallet, type Session } from '../../db/tests/helpers.ts';
import { Chance } from '../../db/tests/prove/chance.ts';
import { eventually, outOfOrder, Receiver, type Arrival } from './testing_receiver.ts';

export interface ProofOptions {
  count: number;
  wallets: number;
  seed: number;
  /** Opens an administrator's session, which is not killed. */
  session: () => Promise<Session & { end?: () => Promise<void> }>;
  /** Kills processes from time to time until all webhooks have arrived. */
  harm: (state: ProofState) => Promise<void>;
  withinMs: number;
}

export interface ProofState {
  harmed: (what: string) => void;
  /** The fraction of the webhooks that have arrived. */
  arrived: () => number;
}

export interface ProofReport {
  webhooks: number;
  arrivals: number;
  refused: number;
  /** How many the receiver processed more than once. */
  twice: number;
  missing: number;
  outOfOrder: number;
  harm: Record<string, number>;
  seconds: number;
}

const PATH = '/proof';
const ENDPOINT = 'proof';
const BATCH = 100;

/**
 * A third of the requests fail: with an error, or by a closed connection, after which the sender cannot know whether the receiver processed
 * it.
 */
export async function startReceiver(seed: number, taken: (arrival: Arrival) => void): Promise<Receiver> {
  const chance = new Chance(seed);
  return Receiver.start((arrival) => {
    if (chance.int(1, 3) > 1) {
      taken(arrival);
      return {};
    }
    if (chance.happens(50)) return { status: 500 };
    // Processed although the connection is closed: the retry is a duplicate.
    if (chance.happens(50)) taken(arrival);
    return { cut: true };
  });
}

export async function prove(options: ProofOptions): Promise<ProofReport> {
  const { count, wallets, seed, session, harm, withinMs } = options;
  const takes = new Map<string, number>();
  const receiver = await startReceiver(seed, ({ id }) => takes.set(id, (takes.get(id) ?? 0) + 1));
  const harmed: Record<string, number> = {};
  const began = performance.now();
  try {
    const { asset, ids } = await prepare(session, receiver, wallets);
    const chance = new Chance(seed + 1);
    const harming = harm({
      harmed: (what) => (harmed[what] = (harmed[what] ?? 0) + 1),
      arrived: () => takes.size / count,
    });
    const booked: string[] = [];
    while (booked.length < count) {
      const calls = Array.from({ length: Math.min(BATCH, count - booked.length) }, () => drawn(chance, ids));
      booked.push(...(await again(session, (db) => book(db, calls))));
    }
    const haveAll = (): boolean => takes.size >= count && booked.every((id) => takes.has(id));
    await Promise.all([harming, eventually(`all ${count} webhooks of ${asset} arrive`, haveAll, withinMs)]);
    return {
      webhooks: count,
      arrivals: receiver.arrivals.length,
      refused: receiver.arrivals.length - [...takes.values()].reduce((sum, each) => sum + each, 0),
      twice: [...takes.values()].filter((times) => times > 1).length,
      missing: booked.filter((id) => !takes.has(id)).length,
      outOfOrder: outOfOrder(receiver.arrivals).length,
      harm: harmed,
      seconds: Math.round((performance.now() - began) / 1000),
    };
  } finally {
    await receiver.stop();
  }
}

async function prepare(
  session: ProofOptions['session'],
  receiver: Receiver,
  wallets: number,
): Promise<{ asset: string; ids: string[] }> {
  const db = await session();
  const asset = await newAsset(db);
  const ids: string[] = [];
  for (let nth = 0; nth < wallets; nth += 1) ids.push(await newWallet(db, asset, { bought: 1_000_000 }));
  await db.query('select webhook.endpoint_create($1, $2, asset_code => $3)', [
    ENDPOINT,
    `${receiver.url}${PATH}`,
    asset,
  ]);
  await db.end?.();
  return { asset, ids };
}

interface Call {
  from: string;
  to: string;
  key: string;
  kind: 'top_up' | 'spend' | 'transfer';
}

function drawn(chance: Chance, ids: readonly string[]): Call {
  const from = chance.pick(ids);
  const to = chance.pick(ids);
  const kind = chance.pick(['top_up', 'spend', 'transfer'] as const);
  return { from, to, key: newKey(), kind: from === to && kind === 'transfer' ? 'spend' : kind };
}

/** Returns the ids of the movements. The keys make retries safe. */
async function book(db: Session, calls: readonly Call[]): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select r.transfer_id as id from ledger.wallet_post_batch(array(
       select ledger.request(kind => c.kind::ledger.transfer_kind, wallet_id => c.wallet,
         counterparty_id => c.other, amount => 1, idem_key => c.key)
       from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[]) with ordinality c (kind, wallet, other, key, place) order by c.place)) r`,
    [
      calls.map(({ kind }) => kind),
      calls.map(({ from }) => from),
      calls.map(({ kind, to }) => (kind === 'transfer' ? to : null)),
      calls.map(({ key }) => key),
    ],
  );
  return rows.map(({ id }) => id);
}

/** Retries until the database, which may just have been killed, answers. */
async function again<T>(session: ProofOptions['session'], work: (db: Session) => Promise<T>): Promise<T> {
  let answer: { value: T } | undefined;
  await eventually('the database answers', async () => {
    try {
      const db = await session();
      try {
        answer = { value: await work(db) };
      } finally {
        await db.end?.();
      }
    } catch {
      return false;
    }
    return true;
  });
  if (!answer) throw new Error('no answer');
  return answer.value;
}
