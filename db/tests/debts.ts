/** Wallets with debts, and the refusals of the functions that end debts. */
import {
  BAD_AMOUNTS,
  BAD_KEYS,
  BAD_METADATA,
  call,
  type Database,
  newAsset,
  newKey,
  newWallet,
  type Receipt,
  type RefusalCase,
  type Session,
  setStatus,
  UNKNOWN_WALLET,
} from './helpers.ts';

/** A wallet that topped up 100, spent `owed` of it and was charged back: it owes that. Then it topped up `bought`. */
export async function owing(
  db: Session,
  { owed = 80, bought = 0, asset }: { owed?: number; bought?: number; asset?: string } = {},
): Promise<string> {
  const wallet_id = await newWallet(db, asset ?? (await newAsset(db)));
  const key = () => ({ wallet_id, idem_key: newKey() });
  const { transfer_id } = await call(db, 'wallet_top_up', { ...key(), amount: 100 });
  await call(db, 'wallet_spend', { ...key(), amount: owed });
  await call(db, 'wallet_reverse', { ...key(), transfer_id, owe: true });
  if (bought > 0) await call(db, 'wallet_top_up', { ...key(), amount: bought });
  return wallet_id;
}

export async function owedOf(db: Session, wallet: string): Promise<string | undefined> {
  const { rows } = await db.query<{ owed: string }>(
    'select ledger.wallets_owed(w) as owed from ledger.wallets w where id = $1',
    [wallet],
  );
  return rows[0]?.owed;
}

/** The newest entries of a wallet, the newest first. */
export async function newestLines(db: Session, wallet: string, count: number): Promise<Record<string, unknown>[]> {
  const { rows } = await db.query<Record<string, unknown>>(
    `select kind, ledger.entries_side(e) as side, debit, credit, amount::int, balance::int, owed::int
     from ledger.entries e where wallet_id = $1 order by seq desc limit $2`,
    [wallet, count],
  );
  return rows;
}

export const reverseOwing = (
  db: Session,
  wallet_id: string,
  { transfer_id }: Receipt,
  args: Record<string, unknown> = {},
): Promise<Receipt> => call(db, 'wallet_reverse', { wallet_id, transfer_id, idem_key: newKey(), owe: true, ...args });

/** The common refusals of a collection and a forgiveness, in the documented order. `more` has further arguments. */
export function debtRefusals(db: Database, kind: string, more: object = {}): RefusalCase[] {
  /** A closed wallet without debt, and a key that a spend has used. */
  const closed = async () => {
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 3 });
    const idem_key = newKey();
    await call(db, 'wallet_spend', { wallet_id, amount: 3, idem_key });
    await setStatus(db, wallet_id, 'closed');
    return { wallet_id, idem_key, amount: 4, ...more };
  };
  const unknown = (other: object) => () =>
    Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), ...more, ...other });

  return [
    ...BAD_AMOUNTS.map((amount) => ({
      code: 'WLAMT',
      what: `the amount ${amount} for no wallet, without a key`,
      detail: { amount },
      arrange: unknown({ wallet_id: null, amount, idem_key: '', metadata: '[]' }),
    })),
    {
      code: 'WLARG',
      what: 'no wallet',
      detail: { argument: 'wallet_id' },
      arrange: unknown({ wallet_id: null, idem_key: '' }),
    },
    ...BAD_KEYS.map((idem_key) => ({
      code: 'WLARG',
      what: `the key ${JSON.stringify(idem_key).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'idem_key' },
      arrange: unknown({ idem_key, metadata: '[]' }),
    })),
    ...BAD_METADATA.map((metadata) => ({
      code: 'WLARG',
      what: `the metadata ${metadata.slice(0, 10)} for an unknown wallet`,
      detail: { argument: 'metadata' },
      arrange: unknown({ metadata }),
    })),
    { code: 'WLNOW', what: 'an unknown wallet', detail: { wallet_id: UNKNOWN_WALLET }, arrange: unknown({}) },
    {
      code: 'WLKEY',
      what: 'a taken key of a closed wallet',
      detail: { field: 'kind', first: 'spend', again: kind },
      arrange: closed,
    },
    {
      code: 'WLCLS',
      what: 'a closed wallet that owes nothing',
      detail: {},
      arrange: async () => ({ ...(await closed()), idem_key: newKey() }),
    },
    {
      code: 'WLLIM',
      what: 'more than an empty wallet owes',
      detail: { limit: 'owed', max: '80', left: '80' },
      arrange: async () => ({ wallet_id: await owing(db), amount: 81, idem_key: newKey(), ...more }),
    },
  ];
}
