/** Fills a ledger with some of everything: all kinds and tables, wallets in every state, what is due and what is not, sealed and not. */
import type pg from 'pg';
import { call, callAll, inMs, passed, postBatch, postEach, type WalletRequest } from '../helpers.ts';
import { keepSeals, sealAll } from '../seals.ts';
import type { Booked, Said } from './releases.ts';

const FAR = '2199-12-31T23:59:59.123456Z';
const FARTHER = '2200-01-01T00:00:00Z';
const PLAYERS = 6;

/** Texts that are awkward to keep. */
const METADATA = [
  {},
  { order: 'A-1', note: 'a "hat", \\ and\ta tab\nof {two} lines' },
  { price: 1.5, large: 9007199254740991, small: -0.001, none: null, yes: true },
  { text: 'Ünïcode 🎩 \u202e', nested: [[{ deep: ['x'] }], []] },
];
const KEYS = ['order', 'Bestellung ü', '🎩', `long-${'x'.repeat(150)}`];

export async function fill(db: pg.Client): Promise<{ booked: Booked[]; said: Said }> {
  const booked: Booked[] = [];
  let number = 0;
  const request = (kind: string, wallet_id: string, amount: number | null, more: WalletRequest = {}): WalletRequest => {
    number += 1;
    return {
      ...{ kind, wallet_id, amount, idem_key: `${KEYS[number % KEYS.length] ?? ''} ${number}` },
      metadata: METADATA[number % METADATA.length] ?? {},
      ...more,
    };
  };
  /** By its single call. */
  const book = async (...args: Parameters<typeof request>): Promise<Booked['receipt']> => {
    const asked = request(...args);
    const { kind = '', wallet_id, counterparty_id, ...rest } = asked;
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
    const receipt = await call(db, kind === 'reversal' ? 'wallet_reverse' : `wallet_${kind ?? ''}`, {
      ...given,
      ...(kind === 'transfer' ? { from_wallet: wallet_id, to_wallet: counterparty_id } : { wallet_id }),
    });
    booked.push({ request: asked, receipt });
    return receipt;
  };

  const gold = await openAll(db, 'GOLD', 2, PLAYERS);
  const gems = await openAll(db, 'GEMS', 0, 3);
  for (const max_spend of [900_000, 1_000_000])
    await call<object>(db, 'asset_limit_set', { asset_code: 'GOLD', max_spend, max_daily_bonus: 5_000_000 });
  for (const [place, wallet] of [...gold, ...gems].entries()) {
    const list = place < gold.length ? gold : gems;
    const next = list[(list.indexOf(wallet) + 1) % list.length] ?? '';
    await book('top_up', wallet, 1_000 + place);
    await book('bonus', wallet, 100);
    await book('bonus', wallet, 60, { expires_at: FAR });
    await book('bonus', wallet, 240, { expires_at: FARTHER });
    const spent = await book('spend', wallet, 150 + place);
    const sent = await book('transfer', wallet, 33, { counterparty_id: next });
    const { hold_id: captured } = await book('hold', wallet, 70, { expires_at: FAR });
    const { hold_id: released } = await book('hold', wallet, 20);
    await book('capture', wallet, 45, { hold_id: captured });
    await book('release', wallet, null, { hold_id: released });
    await book('reversal', wallet, 30, { transfer_id: spent.transfer_id });
    await book('reversal', wallet, 8, { transfer_id: sent.transfer_id });
    await book('hold', wallet, 9, { expires_at: FAR });
    await book('hold', wallet, 5);
    await sealAll(db);
  }
  for (const post of [postBatch, each]) {
    const requests = gems.flatMap((wallet, place) => [
      request('top_up', wallet, 10),
      request('bonus', wallet, 3, { expires_at: FAR }),
      request('transfer', wallet, 4, { counterparty_id: gems[(place + 1) % gems.length] ?? '' }),
      request('spend', wallet, 5),
    ]);
    const receipts = await post(db, requests);
    for (const [place, receipt] of receipts.entries()) booked.push({ request: requests[place] ?? {}, receipt });
  }
  await fallDue(db, gold, book);
  await changeStates(db, gold, book);
  for (let turn = 0; turn < 2; turn += 1) {
    expectNothing(await callAll<object>(db, 'ledger_prove', {}));
    await sealAll(db);
  }
  // And what is not sealed yet: due before anybody looks at it again, tried in vain, and open.
  const [, , , , five = '', six = ''] = gold;
  await book('bonus', five, 7, { expires_at: await inMs(db, 60_000) });
  await book('hold', five, 6, { expires_at: await inMs(db, 60_000) });
  await call<object>(db, 'wallet_freeze', { wallet_id: six, reason: 'a second doubt' });
  await db.query('begin; set local session_replication_role = replica');
  await db.query("insert into ledger_private.unsettled_wallets values ($1, 'XX001', 1, now(), now(), now())", [five]);
  await db.query('commit');
  expectNothing(await callAll<object>(db, 'ledger_verify', {}));
  return { booked, said: await say(db) };
}

async function openAll(db: pg.Client, code: string, scale: number, count: number): Promise<string[]> {
  await call<object>(db, 'asset_create', { code, name: `${code} – for a release`, scale });
  const owner_ids = Array.from({ length: count }, (_, place) => `player "${place + 1}" ü`);
  const wallets = await callAll<{ id: string }>(db, 'wallet_open_many', { owner_ids, asset_code: code });
  return wallets.map(({ id }) => id);
}

async function each(db: pg.Client, requests: WalletRequest[]): Promise<Booked['receipt'][]> {
  return (await postEach(db, requests)).map(({ receipt, refusal }) => {
    if (!receipt) throw new Error(JSON.stringify(refusal));
    return receipt;
  });
}

type Book = (kind: string, wallet: string, amount: number | null, more?: WalletRequest) => Promise<Booked['receipt']>;

/** Lots and holds that expire: some are booked by the worker's call, some by the wallet's next movement. */
async function fallDue(db: pg.Client, [one = '', two = '']: string[], book: Book): Promise<void> {
  const soon = await inMs(db, 5_000);
  for (const wallet of [one, two]) {
    await book('bonus', wallet, 12, { expires_at: soon });
    await book('hold', wallet, 7, { expires_at: soon });
  }
  await passed(db, soon);
  await book('spend', one, 1);
  await call<object>(db, 'wallet_expire_due', {});
}

/** One is frozen, one was, one is closed. */
async function changeStates(db: pg.Client, wallets: string[], book: Book): Promise<void> {
  const [, , three = '', four = '', , six = ''] = wallets;
  await call<object>(db, 'wallet_freeze', { wallet_id: three, reason: 'a chargeback is under review' });
  await call<object>(db, 'wallet_freeze', { wallet_id: six, reason: 'a doubt' });
  await call<object>(db, 'wallet_reopen', { wallet_id: six, reason: 'no doubt' });
  const { id } = await call<{ id: string }>(db, 'wallet_open', { owner_id: 'player who left', asset_code: 'GOLD' });
  await book('transfer', four, 3, { counterparty_id: id });
  await book('spend', id, 3);
  await call<object>(db, 'wallet_close', { wallet_id: id, reason: 'gone' });
}

async function say(db: pg.Client): Promise<Said> {
  const { rows: balances } = await db.query<Said['balances'][number]>(
    `select w.id as wallet_id, b.seq, b.balance, b.bonus_balance, b.held_balance
     from ledger.wallets w cross join ledger.wallet_balance(w.id) b order by w.id`,
  );
  const { rows: trial_balance } = await db.query<Said['trial_balance'][number]>(
    'select asset_code, account, debit, credit from ledger.ledger_trial_balance() order by 1, 2',
  );
  return { balances, trial_balance, seals: JSON.parse(await keepSeals(db)) as unknown[] };
}

function expectNothing(findings: object[]): void {
  if (findings.length > 0) throw new Error(`not sound: ${JSON.stringify(findings)}`);
}
