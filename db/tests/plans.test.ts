/**
 * Each hot statement looks up what it needs by an index, whatever the statistics were when its plan was made: none, those of tables that
 * were empty, or those of today. Plans are read, not clocks.
 */
import type pg from 'pg';
import { call, callAll, createDatabase, inMs, newKey, passed, postBatch, postEach, type Database } from './helpers.ts';
import { scansOf, watchPlans, type Scan } from './plans.ts';

const ARRANGE_LIMIT_MS = 900_000;
const TEST_LIMIT_MS = 600_000;
/** More of them than one call may look at: with something due in each. */
const WALLETS = 1_500;
/** Of one wallet, as of holds and lots that have ended; each is more than one call may look at. */
const HISTORY = 1_000;
const ENDED = 300;
/** Of that wallet, what is open: calls look at these. */
const OPEN = 30;
/** How many rows a statement may look at in one table. */
const MOST_ROWS = 100;
/** How many movements one page of a list over all wallets looks at. */
const LOOKED_AT = 2_000;
/** How often PL/pgSQL runs a statement before it may keep one plan for all. */
const UNTIL_KEPT = 7;
/** These have few rows for ever, or are PostgreSQL's own. */
const SMALL = new Set(['pg_proc', 'unsettled_wallets', 'assets', 'asset_limits', 'feed_epochs', 'blocks']);
const ASSET = 'PLAN';
const NEVER = 'never analysed';

/** Sessions whose plans are watched, by whom they act for. */
interface Sessions {
  job: pg.Client;
  service: pg.Client;
  player: pg.Client;
  operator: pg.Client;
  auditor: pg.Client;
}

interface Ledger extends Sessions {
  db: Database;
  main: string;
  other: string;
  /** When lots and holds expire: after the test. */
  later: string;
}

const key = (): { idem_key: string } => ({ idem_key: newKey() });

async function openSessions(db: Database): Promise<Sessions> {
  const open = async (login: string, role?: string) => {
    const session = await db.connect();
    await watchPlans(session);
    await session.query(`set session authorization ${login}`);
    if (role !== undefined) await session.query(`set role ${role}`);
    return session;
  };
  const [job, service, player, operator, auditor] = [
    await open('wallet_test_job'),
    await open('wallet_gateway', 'wallet_service'),
    await open('wallet_gateway', 'wallet_player'),
    await open('wallet_gateway', 'wallet_operator'),
    await open('wallet_gateway', 'wallet_auditor'),
  ];
  await player.query("select set_config('jwt.claims.sub', 'player-0001', false)");
  return { job, service, player, operator, auditor };
}

/** Two wallets and nothing else. */
async function begin(db: Database): Promise<Ledger> {
  await call(db, 'asset_create', { code: ASSET, name: 'For plans' });
  const { rows: tables } = await db.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relkind = 'r' and relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace)`,
  );
  // Statistics are what the test says.
  for (const { name } of tables) await db.query(`alter table ${name} set (autovacuum_enabled = false)`);
  const open = async (owner_id: string) =>
    (await call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code: ASSET })).id;
  const [main, other] = [await open('player-0001'), await open('player-0002')];
  for (const wallet_id of [main, other])
    await call(db, 'wallet_top_up', { wallet_id, amount: 100_000, idem_key: 'first' });
  return { db, main, other, later: await inMs(db, 3_600_000), ...(await openSessions(db)) };
}

/** Books, all or nothing, what expires soon, but not before it is booked, however long that takes; and tells when. */
async function booked(db: Database, book: (soon: string) => Promise<unknown>): Promise<string> {
  for (let ms = 5_000; ; ms *= 4) {
    const soon = await inMs(db, ms);
    const code = await book(soon).then(
      () => undefined,
      (error: unknown) => (error as { code?: string }).code,
    );
    if (code === undefined) return soon;
    if (code !== 'WLARG' || ms > 600_000) throw new Error(`not booked: ${code}`);
  }
}

/** Many wallets, with something due in most; and one with much that has ended. */
async function fill({ db, main, later }: Ledger): Promise<void> {
  await db.query(
    `select ledger.wallet_open('player-' || to_char(n, 'FM0000'), '${ASSET}') from generate_series(1, ${WALLETS}) n`,
  );
  const { rows } = await db.query<{ id: string }>('select id from ledger.wallets where id <> $1', [main]);
  const others = rows.map(({ id }) => id);
  const many = (count: number, item: (n: number) => object) =>
    postBatch(
      db,
      Array.from({ length: count }, (_, n) => ({ wallet_id: main, amount: 1, ...key(), ...item(n) })),
    );
  const after = (seconds: number) => new Date(Date.parse(later) + seconds * 1_000).toISOString();

  await many(HISTORY, () => ({ kind: 'top_up' }));
  await many(ENDED, (n) => ({ kind: 'bonus', expires_at: after(n) }));
  await call(db, 'wallet_spend', { wallet_id: main, amount: ENDED, ...key() });
  await db.query(
    `select ledger.wallet_release($1, (ledger.wallet_hold($1, 1, 'ended ' || n, $2)).hold_id, 'release ' || n) from generate_series(1, ${ENDED}) n`,
    [main, later],
  );
  await many(OPEN, (n) => ({ kind: 'bonus', amount: 1_000, expires_at: after(n) }));
  await db.query(`select ledger.wallet_hold($1, 1, 'open ' || n, $2) from generate_series(1, ${OPEN}) n`, [
    main,
    later,
  ]);
  await postBatch(
    db,
    others.map((wallet_id) => ({ kind: 'top_up', wallet_id, amount: 100, ...key() })),
  );
  const due = await booked(db, (soon) =>
    postBatch(
      db,
      others.map((wallet_id) => ({ kind: 'bonus', wallet_id, amount: 10, ...key(), expires_at: soon })),
    ),
  );
  const freed = await booked(db, (soon) =>
    db.query("select ledger.wallet_hold(w, 1, 'soon', $2) from unnest($1::uuid[]) w", [others, soon]),
  );
  await callAll(db, 'ledger_seal', {});
  await passed(db, due);
  await passed(db, freed);
}

const hold = async ({ db, main, later }: Ledger): Promise<string | null> =>
  (await call(db, 'wallet_hold', { wallet_id: main, amount: 1, ...key(), expires_at: later })).hold_id;

/** The main wallet's owner has one of another asset, too. */
const exchanged = async ({ db }: Ledger): Promise<{ to_wallet: string }> => {
  await call(db, 'asset_create', { code: 'OTHER', name: 'For exchanges' });
  return {
    to_wallet: (await call<{ id: string }>(db, 'wallet_open', { owner_id: 'player-0001', asset_code: 'OTHER' })).id,
  };
};

/** A new wallet of an asset that books payments once and collects debts; its top-up was spent, and perhaps charged back. */
async function spent({ db }: Ledger, { owes }: { owes: boolean }): Promise<{ wallet_id: string; transfer_id: string }> {
  const rules = { unique_reference: 'payment', collect_debts: true };
  await call(db, 'asset_create', { code: 'RULED', name: 'With rules', ...rules });
  const { id } = await call<{ id: string }>(db, 'wallet_open', { owner_id: newKey(), asset_code: 'RULED' });
  const { transfer_id } = await call(db, 'wallet_top_up', { wallet_id: id, amount: 50, ...key() });
  await call(db, 'wallet_spend', { wallet_id: id, amount: 50, ...key() });
  if (owes) await call(db, 'wallet_reverse', { wallet_id: id, transfer_id, owe: true, ...key() });
  return { wallet_id: id, transfer_id };
}

/** What every call that is judged rule by rule looks up. */
const JUDGED = [
  ...['wallets_pkey', 'entries_idem_key_wallet_id_key', 'entries_pkey', 'open_holds_pkey', 'open_lots_pkey'],
  ...['?holds_pkey', '?redactions_pkey'],
];

/**
 * A call, and by which indexes it looks up what it needs: of those between bars by any; by one with a question mark where something is due.
 */
interface Hot {
  what: string;
  arrange?: (ledger: Ledger) => Promise<Record<string, unknown>>;
  run: (ledger: Ledger, given: Record<string, unknown>) => Promise<unknown>;
  by: keyof Sessions;
  looks: string[];
  /** Where nothing is known of the tables it may look at more: they are analysed within a minute of their first rows. */
  unknownRows?: number;
  /** What it may look at anyhow: lists over all wallets look at many rows for one page. */
  mostRows?: number;
}

const ENTRIES = 'select e.seq, e.kind, e.hash from ledger.entries e where e.wallet_id = $1';
/** A lot is looked up by the whole of either. */
const LOT = 'bonus_lots_pkey|bonus_lots_wallet_id_expires_at_seq_idx';
/** A player's own wallet, by its id or among the own ones. */
const OWN = 'wallets_pkey|wallets_owner_id_idx';
/** Holds that have expired since the newest entry, and whether they were ended. */
const EXPIRED_HOLDS = [
  'holds_wallet_id_expires_at_idx',
  '?entries_hold_closed_once_idx',
  '?bonus_lot_draws_seq_wallet_id_idx',
];

/** What reports look up for their instants; the entries of blocks only for one within a quarter of an hour. */
const INSTANTS = [
  ...['house_totals_pkey', '?house_totals_block_seq_idx', '?block_heads_block_seq_idx', '?block_heads_pkey'],
  ...['?entries_xid_transfer_id_idx', '?entries_pkey', '?wallets_pkey', '?node_ranges_pkey'],
];

const HOT: Hot[] = [
  {
    what: 'a top-up',
    by: 'job',
    run: ({ job, main }) => call(job, 'wallet_top_up', { wallet_id: main, amount: 1, ...key() }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      '?holds_pkey',
      'open_lots_pkey',
    ],
  },
  {
    what: 'a bonus that expires',
    by: 'job',
    run: ({ job, main, later }) =>
      call(job, 'wallet_bonus', { wallet_id: main, amount: 1, ...key(), expires_at: later }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      '?holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
    ],
  },
  {
    what: 'a spend',
    by: 'job',
    run: ({ job, main }) => call(job, 'wallet_spend', { wallet_id: main, amount: 1, ...key() }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
    ],
  },
  {
    what: 'a transfer',
    by: 'job',
    run: ({ job, main, other }) =>
      call(job, 'wallet_transfer', { from_wallet: main, to_wallet: other, amount: 1, ...key() }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      '?bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'a hold',
    by: 'job',
    run: ({ job, main, later }) =>
      call(job, 'wallet_hold', { wallet_id: main, amount: 1, ...key(), expires_at: later }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
    ],
  },
  {
    what: 'a capture',
    by: 'job',
    arrange: async (ledger) => ({ hold_id: await hold(ledger) }),
    run: ({ job, main }, given) => call(job, 'wallet_capture', { wallet_id: main, ...key(), ...given }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'entries_hold_closed_once_idx',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'a release',
    by: 'job',
    arrange: async (ledger) => ({ hold_id: await hold(ledger) }),
    run: ({ job, main }, given) => call(job, 'wallet_release', { wallet_id: main, ...key(), ...given }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'entries_hold_closed_once_idx',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    unknownRows: 3 * HISTORY,
    what: 'a reversal',
    by: 'operator',
    arrange: async ({ db, main }) => ({
      transfer_id: (await call(db, 'wallet_spend', { wallet_id: main, amount: 2, ...key() })).transfer_id,
    }),
    run: ({ operator, main }, given) =>
      call(operator, 'wallet_reverse', { wallet_id: main, amount: 1, ...key(), ...given }),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'entries_transfer_id_idx',
      'entries_reverses_idx',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'a top-up that names its payment and pays a debt',
    by: 'job',
    arrange: async (ledger) => ({ wallet_id: (await spent(ledger, { owes: true })).wallet_id }),
    run: ({ job }, given) =>
      call(job, 'wallet_top_up', { amount: 5, metadata: { payment: newKey() }, ...key(), ...given }),
    // While there is none, either index tells.
    looks: [...JUDGED, 'unique_references_pkey', '?unique_references_wallet_id_seq_key'],
  },
  {
    what: 'a chargeback that leaves a debt',
    by: 'operator',
    arrange: (ledger) => spent(ledger, { owes: false }).then((given) => ({ ...given })),
    run: ({ operator }, given) => call(operator, 'wallet_reverse', { owe: true, ...key(), ...given }),
    looks: [
      ...[...JUDGED, 'entries_transfer_id_idx', 'entries_reverses_idx'],
      ...[`?${LOT}`, '?bonus_lot_draws_seq_wallet_id_idx'],
    ],
  },
  {
    what: 'a debt that is collected',
    by: 'operator',
    arrange: async (ledger) => {
      const { wallet_id } = await spent(ledger, { owes: true });
      await call(ledger.db, 'wallet_bonus', { wallet_id, amount: 1, ...key() });
      await call(ledger.db, 'wallet_adjust', { wallet_id, side: 'credit', amount: 9, reason: 'why', ...key() });
      return { wallet_id };
    },
    run: ({ operator }, given) => call(operator, 'wallet_collect', { amount: 5, ...key(), ...given }),
    looks: JUDGED,
  },
  {
    what: 'a debt that is given up',
    by: 'operator',
    arrange: async (ledger) => ({ wallet_id: (await spent(ledger, { owes: true })).wallet_id }),
    run: ({ operator }, given) => call(operator, 'wallet_forgive', { amount: 5, reason: 'why', ...key(), ...given }),
    looks: JUDGED,
  },
  {
    what: 'a correction',
    by: 'operator',
    run: ({ operator, main }) =>
      call(operator, 'wallet_adjust', { wallet_id: main, side: 'debit', amount: 1, reason: 'why', ...key() }),
    looks: [...JUDGED, 'holds_pkey', LOT, 'bonus_lot_draws_pkey'],
  },
  {
    what: 'an opening balance',
    by: 'operator',
    arrange: async (ledger) => ({ wallet_id: (await spent(ledger, { owes: false })).wallet_id }),
    run: ({ operator }, given) => call(operator, 'wallet_opening', { amount: 5, ...key(), ...given }),
    looks: JUDGED,
  },
  {
    what: 'an exchange',
    by: 'job',
    arrange: exchanged,
    run: ({ job, main }, given) =>
      call(job, 'wallet_exchange', { from_wallet: main, amount: 1, to_amount: 1, ...key(), ...given }),
    looks: [...JUDGED, 'holds_pkey', LOT, 'bonus_lot_draws_pkey'],
  },
  {
    unknownRows: 3 * HISTORY,
    what: 'the reversal of an exchange',
    by: 'operator',
    arrange: async (ledger) => {
      const request = { from_wallet: ledger.main, ...(await exchanged(ledger)), amount: 1, to_amount: 1, ...key() };
      return { transfer_id: (await call(ledger.db, 'wallet_exchange', request)).transfer_id };
    },
    run: ({ operator, main }, given) => call(operator, 'wallet_reverse', { wallet_id: main, ...key(), ...given }),
    looks: [
      ...JUDGED,
      LOT,
      'bonus_lot_draws_pkey',
      'entries_transfer_id_idx',
      'entries_reverses_idx',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'a merge into a wallet with much in it',
    by: 'operator',
    arrange: async ({ db, later }) => {
      const { id } = await call<{ id: string }>(db, 'wallet_open', { owner_id: newKey(), asset_code: ASSET });
      await call(db, 'wallet_bonus', { wallet_id: id, amount: 1, ...key(), expires_at: later });
      return { from_wallet: id };
    },
    run: ({ operator, main }, given) =>
      call(operator, 'wallet_merge', { to_wallet: main, reason: 'why', ...key(), ...given }),
    looks: [...JUDGED, LOT, 'bonus_lot_draws_pkey', 'wallet_events_pkey'],
  },
  {
    what: 'a spend in a wallet with limits of its own',
    by: 'job',
    arrange: async ({ db }) => {
      const { id } = await call<{ id: string }>(db, 'wallet_open', { owner_id: newKey(), asset_code: ASSET });
      await call(db, 'wallet_top_up', { wallet_id: id, amount: 5, ...key() });
      await call<object>(db, 'wallet_limit_set', { wallet_id: id, max_spend: 3 });
      return { wallet_id: id };
    },
    run: ({ job }, given) => call(job, 'wallet_spend', { amount: 1, ...key(), ...given }),
    looks: [...JUDGED, 'wallet_limits_pkey'],
  },
  {
    what: 'limits of a wallet',
    by: 'operator',
    arrange: async (ledger) => ({ wallet_id: (await spent(ledger, { owes: false })).wallet_id }),
    run: ({ operator }, given) => call(operator, 'wallet_limit_set', { max_spend: 5, ...given }),
    looks: ['wallets_pkey', 'wallet_events_pkey', 'wallet_limits_pkey', '?entries_pkey'],
  },
  {
    what: 'a repetition',
    by: 'job',
    run: ({ job, main }) => call(job, 'wallet_top_up', { wallet_id: main, amount: 100_000, idem_key: 'first' }),
    looks: ['wallets_pkey', 'entries_pkey', '?open_lots_pkey', 'entries_idem_key_wallet_id_key', 'redactions_pkey'],
  },
  {
    what: 'a batch',
    by: 'job',
    run: ({ job, main, other, later }) =>
      postBatch(job, [
        { kind: 'top_up', wallet_id: other, amount: 1, ...key() },
        { kind: 'bonus', wallet_id: main, amount: 1, ...key(), expires_at: later },
        { kind: 'spend', wallet_id: main, amount: 1, ...key() },
        { kind: 'transfer', wallet_id: main, counterparty_id: other, amount: 1, ...key() },
      ]),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      // Of what is to be reversed, of which there is none.
      '?entries_transfer_id_idx',
    ],
  },
  {
    what: 'usual calls in one, in wallets of which nothing can be refused',
    by: 'job',
    arrange: async ({ db }) => {
      await call(db, 'asset_create', { code: 'USUAL', name: 'For usual calls' });
      const { rows } = await db.query<{ id: string }>(
        "select (ledger.wallet_open('usual-' || n, 'USUAL')).id from generate_series(1, 3) n",
      );
      return { wallets: rows.map(({ id }) => id) };
    },
    run: ({ job }, { wallets }) => {
      const [one = '', two = '', three = ''] = wallets as string[];
      return postEach(job, [
        { kind: 'top_up', wallet_id: one, amount: 9, ...key() },
        { kind: 'bonus', wallet_id: two, amount: 2, ...key() },
        { kind: 'transfer', wallet_id: one, counterparty_id: three, amount: 1, ...key() },
        { kind: 'spend', wallet_id: two, amount: 1, ...key() },
      ]);
    },
    looks: [...['wallets_pkey', 'entries_pkey', 'open_lots_pkey'], '?entries_transfer_id_idx'],
  },
  {
    what: 'a reversal among calls in one, which do not wait',
    by: 'operator',
    unknownRows: 3 * HISTORY,
    arrange: async ({ db, main }) => ({
      transfer_id: (await call(db, 'wallet_spend', { wallet_id: main, amount: 2, ...key() })).transfer_id,
    }),
    run: ({ operator, main }, given) =>
      postEach(operator, [{ kind: 'reversal', wallet_id: main, amount: 1, ...key(), ...given }], false),
    looks: [
      'wallets_pkey',
      'entries_idem_key_wallet_id_key',
      'entries_pkey',
      'open_holds_pkey',
      '?holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'entries_transfer_id_idx',
      'entries_reverses_idx',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'a sweep of what is due',
    by: 'job',
    run: ({ job }) => call(job, 'wallet_expire_due', { max_wallets: 2 }),
    looks: [
      'open_holds_expires_at_hold_id_idx',
      'open_lots_due_at_wallet_id_lot_seq_idx',
      'wallets_pkey',
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    what: 'opening a wallet',
    by: 'service',
    run: ({ service }) => call(service, 'wallet_open', { owner_id: newKey(), asset_code: ASSET }),
    looks: ['wallets_pkey', 'wallet_events_pkey', '?other_ranges_pkey'],
  },
  {
    what: 'a balance',
    by: 'player',
    run: ({ player, main }) => call(player, 'wallet_balance', { wallet_id: main }),
    looks: [OWN, 'entries_pkey', LOT, 'bonus_lot_draws_pkey', ...EXPIRED_HOLDS],
  },
  {
    what: 'a balance then',
    by: 'service',
    run: async ({ service, main }) =>
      call(service, 'wallet_balance_at', { wallet_id: main, at_time: new Date().toISOString() }),
    looks: ['wallets_pkey', 'entries_pkey', LOT, 'bonus_lot_draws_pkey', ...EXPIRED_HOLDS],
  },
  {
    what: 'why a balance is what it is',
    by: 'player',
    run: ({ player, main }) => callAll(player, 'wallet_explain', { wallet_id: main }),
    looks: [
      OWN,
      'entries_pkey',
      'open_holds_pkey',
      'holds_pkey',
      'open_lots_pkey',
      LOT,
      'bonus_lot_draws_pkey',
      'bonus_lot_draws_seq_wallet_id_idx',
    ],
  },
  {
    unknownRows: 3 * HISTORY,
    what: 'the newest entries',
    by: 'player',
    run: ({ player, main }) => player.query(`${ENTRIES} order by e.seq desc limit 21`, [main]),
    looks: [OWN, 'entries_pkey'],
  },
  {
    unknownRows: HISTORY,
    what: 'the next page of entries',
    by: 'service',
    run: ({ service, main }) => service.query(`${ENTRIES} and e.seq < $2 order by e.seq desc limit 21`, [main, 500]),
    looks: ['entries_pkey'],
  },
  {
    what: 'wallets of a player',
    by: 'player',
    run: ({ player }) => player.query('select w.id from ledger.wallets w order by w.id limit 21'),
    looks: ['wallets_owner_id_idx'],
  },
  {
    what: 'open holds',
    by: 'player',
    run: ({ player, main }) =>
      player.query('select h.id from ledger.wallets w, ledger.wallets_holds(w, true) h where w.id = $1 limit 21', [
        main,
      ]),
    looks: [OWN, 'entries_hold_closed_once_idx', 'open_holds_pkey', 'holds_pkey'],
  },
  {
    what: 'the first events of the feed',
    by: 'service',
    run: ({ service }) => callAll(service, 'ledger_events', { limit: 20 }),
    looks: ['entries_xid_transfer_id_idx', 'entries_transfer_id_idx', 'wallets_pkey'],
  },
  {
    what: 'the next events of the feed',
    by: 'service',
    arrange: async ({ db }) => ({
      after: (await callAll<{ cursor: string }>(db, 'ledger_events', { limit: 20 })).at(-1)?.cursor,
    }),
    run: ({ service }, given) => callAll(service, 'ledger_events', { limit: 20, ...given }),
    looks: ['entries_xid_transfer_id_idx', 'entries_transfer_id_idx', 'wallets_pkey'],
  },
  {
    what: 'wallets by the beginning of their owners',
    by: 'operator',
    run: ({ operator }) => call(operator, 'wallets_page', { owner_prefix: 'player-01', first: 20 }),
    looks: ['wallets_by_owner_idx'],
  },
  {
    what: 'the next wallets of an asset',
    by: 'operator',
    run: ({ operator, main }) => call(operator, 'wallets_page', { asset_code: ASSET, first: 20, after: main }),
    looks: ['wallets_by_asset_idx', 'wallets_pkey'],
  },
  {
    what: 'frozen wallets',
    by: 'operator',
    run: ({ operator }) => call(operator, 'wallets_page', { status: 'frozen', asset_code: ASSET }),
    looks: ['wallets_by_status_idx'],
  },
  {
    what: 'wallets of a player, looked for',
    by: 'player',
    run: ({ player }) => call(player, 'wallets_page', { owner_prefix: 'player', first: 20 }),
    looks: ['wallets_owner_id_idx'],
  },
  {
    what: 'the newest movements',
    by: 'operator',
    run: ({ operator }) => call(operator, 'transfers_page', { first: 20 }),
    looks: ['entries_transfer_id_idx'],
  },
  {
    what: 'movements with a key',
    by: 'operator',
    run: ({ operator }) => call(operator, 'transfers_page', { idem_key: 'first', first: 20 }),
    looks: ['entries_idem_key_wallet_id_key'],
  },
  {
    what: 'movements of an asset that are looked for one by one',
    by: 'operator',
    mostRows: LOOKED_AT,
    run: ({ operator }) =>
      call(operator, 'transfers_page', {
        from: new Date(Date.now() - 86_400_000).toISOString(),
        asset_code: ASSET,
        metadata: { none: 1 },
      }),
    looks: ['entries_transfer_id_idx', 'wallets_pkey'],
  },
  {
    what: 'open holds by when they are due',
    by: 'operator',
    run: ({ operator, later }) => call(operator, 'holds_page', { open: true, due_before: later, first: 20 }),
    looks: ['open_holds_expires_at_hold_id_idx'],
  },
  {
    what: 'the newest holds',
    by: 'operator',
    mostRows: LOOKED_AT,
    run: ({ operator }) => call(operator, 'holds_page', { first: 20 }),
    looks: ['entries_transfer_id_idx'],
  },
  {
    what: 'lots by when they expire',
    by: 'operator',
    run: ({ operator }) => call(operator, 'expiring_lots_page', { first: 20 }),
    looks: ['open_lots_due_at_wallet_id_lot_seq_idx'],
  },
  {
    what: 'what an operator did',
    by: 'operator',
    mostRows: LOOKED_AT,
    run: ({ operator }) =>
      call(operator, 'operator_actions_page', { from: new Date(Date.now() - 86_400_000).toISOString(), first: 20 }),
    looks: ['entries_transfer_id_idx', 'wallet_events_created_at_idx'],
  },
  {
    what: 'the end of the feed',
    by: 'job',
    run: ({ job }) => callAll(job, 'ledger_notify', {}),
    looks: ['entries_xid_transfer_id_idx', '?wallets_pkey'],
  },
  {
    what: 'a seal of a few entries',
    by: 'job',
    arrange: async ({ db }) => ({ sealed: await callAll(db, 'ledger_seal', {}) }),
    run: ({ job }) => callAll(job, 'ledger_seal', {}),
    looks: [
      'entries_xid_transfer_id_idx',
      'entries_pkey',
      'wallets_pkey',
      'house_totals_pkey',
      'unsealed_events_pkey',
      'wallet_events_pkey',
      'block_records_pkey',
      'verifications_seq_key',
      '?node_ranges_pkey',
    ],
  },
  {
    what: 'the trial balance',
    by: 'auditor',
    arrange: async ({ db }) => ({ sealed: await callAll(db, 'ledger_seal', {}) }),
    run: ({ auditor }) => callAll(auditor, 'ledger_trial_balance', {}),
    looks: ['entries_xid_transfer_id_idx', 'house_totals_pkey', '?wallets_pkey', '?node_ranges_pkey'],
  },
  {
    what: 'balances at instants',
    by: 'operator',
    arrange: async ({ db }) => ({ sealed: await callAll(db, 'ledger_seal', {}) }),
    run: ({ operator }) =>
      callAll(operator, 'ledger_balances_at', { at_times: ['2001-01-01T00:00:00Z', 'infinity'], asset_code: ASSET }),
    looks: INSTANTS,
  },
  {
    what: 'what moved in some months',
    by: 'auditor',
    arrange: async ({ db }) => ({ sealed: await callAll(db, 'ledger_seal', {}) }),
    run: ({ auditor }) => {
      const month = (more: number): string => {
        const now = new Date();
        return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + more)).toISOString();
      };
      const period = { from_time: month(-1), to_time: month(2) };
      return callAll(auditor, 'ledger_activity', { asset_code: ASSET, ...period, bucket: 'month' });
    },
    looks: INSTANTS,
  },
];

const STATES: Record<string, (ledger: Ledger) => Promise<unknown>> = {
  [NEVER]: fill,
  'analysed while they were empty': async (ledger) => {
    await ledger.db.query('analyze');
    await fill(ledger);
  },
  'analysed today': async (ledger) => {
    await fill(ledger);
    await ledger.db.query('analyze');
  },
};

describe.each(Object.entries(STATES))('in tables that were %s', (state, arrange) => {
  const db = createDatabase();
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await begin(db);
    await arrange(ledger);
  }, ARRANGE_LIMIT_MS);

  it.each(HOT)(
    '$what',
    async (hot) => {
      const most = hot.mostRows ?? (state === NEVER ? (hot.unknownRows ?? MOST_ROWS) : MOST_ROWS);
      const seen: Scan[] = [];
      for (let turn = 0; turn < UNTIL_KEPT; turn += 1) {
        const given = (await hot.arrange?.(ledger)) ?? {};
        const { scans } = await scansOf(ledger[hot.by], () => hot.run(ledger, given));
        seen.push(...scans);
      }
      const scans = seen.filter(({ table }) => !SMALL.has(table));
      const used = new Set(scans.map(({ index }) => index).filter((index) => index !== 'ctid'));
      const allowed = hot.looks.flatMap((look) => look.replace('?', '').split('|'));

      expect(scans.filter(({ index }) => index === 'none')).toEqual([]);
      expect(seen.filter(({ rows }) => rows > most)).toEqual([]);
      expect([...used].filter((index) => !allowed.includes(index))).toEqual([]);
      expect(
        hot.looks.filter((look) => !look.startsWith('?') && !look.split('|').some((index) => used.has(index))),
      ).toEqual([]);
    },
    TEST_LIMIT_MS,
  );
});
