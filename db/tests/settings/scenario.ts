/** A history in which every function of the schema ledger is called, written down so that two of them can be compared. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Database, inMs, passed, type Session } from '../helpers.ts';
import { keepSeals } from '../seals.ts';
import { apply, type Settings } from './list.ts';
import { fieldsOf, Names, rowsAsSent, uuidOf } from './rows.ts';

type Caller = 'job' | 'operator' | 'auditor' | 'player' | 'admin';

/** An answer, or a refusal with all that is said. */
export type Outcome = { rows: string[][] } | { code: string; message: string; detail: string; hint: string };

export interface Entry {
  call: string;
  outcome: Outcome;
}

/** One of many calls in one. */
interface Item {
  kind: string;
  owner: Owner;
  to?: Owner;
  amount: number;
  /** A new one where it is left out. */
  key?: string;
  expires_at?: string;
  metadata?: string;
}

const OWNERS = ['ann', 'ben', 'cid', 'dan'] as const;
type Owner = (typeof OWNERS)[number];

const ASSET = 'GOLD';
/** Without limits: there many usual calls in one are booked by few statements. */
const PLAIN_ASSET = 'GEMS';
const LATE = '2101-01-01T02:30:00.000001Z';
const LATER = '2101-07-01T12:00:00Z';
/** Where each is in a receipt. */
const [TRANSFER_ID, HOLD_ID] = [0, 10];
const FEED_LIMIT_MS = 60_000;

/** What a block summed is a row for each quarter of an hour: of two where one ended meanwhile. */
const WITHOUT_QUARTERS = [
  `distinct t.asset_code, t.kind, t.debit, t.credit, t.block_seq, sum(t.movements) over key as movements,
  sum(t.amount) over key as amount, sum(t.bonus_amount) over key as bonus_amount, max(t.total_movements) over key as total_movements,
  max(t.total_amount) over key as total_amount,
  max(t.total_bonus_amount) over key as total_bonus_amount`,
  ' window key as (partition by t.asset_code, t.kind, t.debit, t.credit, t.block_seq)',
] as const;

export class Scenario {
  readonly transcript: Entry[] = [];
  readonly names = new Names();
  readonly #db: Database;
  readonly #callers = new Map<Caller, Session>();
  readonly #owners = new Map<Owner, string>();
  readonly #wallets = new Map<Owner, string>();
  readonly #plain = new Map<Owner, string>();
  #number = 0;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** In a database of its own. All callers' sessions have these settings. */
  static async start(db: Database, settings: Settings): Promise<Scenario> {
    const scenario = new Scenario(db);
    for (const name of OWNERS) {
      const owner = `${name}-1`;
      const { rows } = await db.query<{ wallet: string; plain: string }>(
        'select ledger.wallet_id($1, $2) as wallet, ledger.wallet_id($1, $3) as plain',
        [owner, ASSET, PLAIN_ASSET],
      );
      const { wallet = '', plain = '' } = rows[0] ?? {};
      scenario.#owners.set(name, owner);
      scenario.#wallets.set(name, wallet);
      scenario.#plain.set(name, plain);
      scenario.names.call(owner, name);
      scenario.names.callId(wallet, `wallet of ${name}`);
      scenario.names.callId(plain, `plain wallet of ${name}`);
    }
    const callers = {
      job: await db.connectJob(),
      operator: await db.connectAs('operator', 'ops'),
      auditor: await db.connectAs('auditor', 'ada'),
      player: await db.connectAs('player', scenario.#owners.get('ann')),
      admin: await db.connect(),
    };
    for (const [name, session] of Object.entries(callers) as [Caller, pg.Client][]) {
      await apply(session, settings);
      scenario.#callers.set(name, session);
    }
    return scenario;
  }

  async run(): Promise<this> {
    await this.#open();
    await this.#flow();
    await this.#fallDue();
    await this.#batch();
    await this.#each();
    await this.#plainGroups();
    await this.#others();
    await this.#merge();
    await this.#refusals();
    await this.#read('job');
    await this.#read('player');
    await this.#lists();
    await this.#feed();
    await this.#prove();
    return this;
  }

  /** The rows that it left in every table that is about its wallets, as an observer finds them. */
  async state(): Promise<Record<string, string[][]>> {
    const { rows: tables } = await this.#db.query<{ name: string; condition: string }>(
      `select c.oid::regclass::text as name, a.condition from pg_class c,
         lateral (select coalesce(
           (select 't.' || attname || ' in (select id from ledger.wallets where asset_code = any ($1))' from pg_attribute
             where attrelid = c.oid and attname = 'wallet_id'),
           (select 't.' || attname || ' = any ($1)' from pg_attribute where attrelid = c.oid and attname = 'asset_code'),
           case c.relname when 'assets' then 't.code = any ($1)' end)) a (condition)
       where c.relkind = 'r' and c.relnamespace in ('ledger'::regnamespace, 'ledger_private'::regnamespace) and a.condition is not null
         and c.relname <> 'block_heads'
       order by 1`,
    );
    const state: Record<string, string[][]> = {};
    for (const { name, condition } of tables) {
      const [columns, window] = name === 'ledger.house_totals' ? WITHOUT_QUARTERS : ['t.*', ''];
      const rows = await rowsAsSent(this.#db, `(select ${columns} from ${name} t where ${condition}${window})`, [
        [ASSET, PLAIN_ASSET],
      ]);
      state[name] = rows.map((row) => this.names.row(row)).sort((one, two) => (String(one) < String(two) ? -1 : 1));
    }
    return state;
  }

  async #open(): Promise<void> {
    await this.#ask('operator', 'asset_create', { code: ASSET, name: 'For a test', scale: 2 });
    await this.#ask('operator', 'asset_set', { asset_code: ASSET, unique_reference: 'payment' });
    await this.#ask('operator', 'asset_limit_set', { asset_code: ASSET, max_spend: 500, max_daily_bonus: 5000 });
    for (const owner of this.#owners.keys()) {
      const pair = { owner_id: this.#owners.get(owner), asset_code: ASSET };
      await this.#ask('operator', 'wallet_open', pair);
      await this.#ask('job', 'wallet_id', pair);
    }
    await this.#ask('job', 'wallet_open_many', { owner_ids: [...this.#owners.values()], asset_code: ASSET });
    await this.#ask('job', 'wallet_node', { wallet_id: this.#wallets.get('ann') });
    await this.#ask('operator', 'wallet_limit_set', { wallet_id: this.#wallets.get('ann'), max_transfer: 4000 });
    await this.#ask('job', 'ledger_unsettled', {});
  }

  /** What is brought along, corrected and exchanged, and taken back of that. */
  async #others(): Promise<void> {
    const wallet_id = this.#wallet('ben');
    const opening = { amount: 70, bonus_amount: 20, expires_at: LATE, metadata: '{"as_of": "2030-01-01"}' };
    await this.#ask('operator', 'wallet_opening', { ...this.#request('ben'), ...opening });
    await this.#ask('operator', 'wallet_opening', { ...this.#request('ben'), ...opening });
    for (const side of ['credit', 'debit'])
      await this.#ask('operator', 'wallet_adjust', { ...this.#request('ben'), side, amount: 9, reason: 'why' });
    const exchange = {
      from_wallet: wallet_id,
      to_wallet: this.#plain.get('ben'),
      ...{ amount: 30, to_amount: 7, metadata: '{"offer": 1.50}' },
    };
    const [row] = await this.#ask('job', 'wallet_exchange', { ...exchange, idem_key: this.#key() });
    const bytes = row && fieldsOf(row)[TRANSFER_ID]?.bytes;
    const reversal = { wallet_id, transfer_id: bytes ? uuidOf(bytes) : '' };
    await this.#ask('operator', 'wallet_reverse', { ...reversal, idem_key: this.#key(), amount: 3 });
    await this.#ask('operator', 'wallet_reverse', { ...reversal, idem_key: this.#key() });
    await this.#debts();
  }

  /** A chargeback of credits that are gone, paid and given up in part. */
  async #debts(): Promise<void> {
    const [bought] = await this.#book('ben', 'wallet_top_up', { amount: 450 });
    const reversal = { wallet_id: this.#wallet('ben'), transfer_id: bought, idem_key: this.#key() };
    await this.#book('ben', 'wallet_spend', { amount: 450 });
    for (let call = 0; call < 2; call += 1) await this.#ask('operator', 'wallet_reverse', { ...reversal, owe: true });
    await this.#book('ben', 'wallet_top_up', { amount: 20 });
    await this.#ask('operator', 'wallet_collect', { ...this.#request('ben'), amount: 2 });
    await this.#ask('operator', 'wallet_forgive', { ...this.#request('ben'), amount: 1, reason: 'why' });
    await this.#ask('operator', 'asset_set', { asset_code: ASSET, collect_debts: true });
    await this.#book('ben', 'wallet_top_up', { amount: 30, metadata: '{"paid": 2.50}' });
  }

  /** A wallet that is merged into another one, which gets back what it had spent. */
  async #merge(): Promise<void> {
    await this.#ask('operator', 'wallet_reopen', { wallet_id: this.#wallet('dan'), reason: 'why' });
    await this.#book('dan', 'wallet_top_up', { amount: 10 });
    await this.#book('dan', 'wallet_bonus', { amount: 12, expires_at: LATE });
    const [spend] = await this.#book('dan', 'wallet_spend', { amount: 8 });
    const request = { from_wallet: this.#wallet('dan'), to_wallet: this.#wallet('cid'), reason: 'two accounts' };
    const merge = { ...request, idem_key: this.#key() };
    await this.#ask('operator', 'wallet_merge', merge);
    await this.#ask('operator', 'wallet_merge', merge);
    await this.#ask('operator', 'wallet_merge', { ...request, idem_key: this.#key() });
    await this.#ask('operator', 'wallet_reverse', { ...this.#request('cid'), transfer_id: spend, amount: 5 });
    await this.#ask('operator', 'wallet_reopen', { wallet_id: request.from_wallet, reason: 'why' });
  }

  async #flow(): Promise<void> {
    await this.#book('ann', 'wallet_top_up', { amount: 100, metadata: '{"paid": 1.50, "at": "2030-01-01"}' });
    await this.#book('ann', 'wallet_bonus', { amount: 30, expires_at: LATE });
    await this.#book('ann', 'wallet_bonus', { amount: 40, expires_at: LATER });
    await this.#book('ann', 'wallet_bonus', { amount: 20 });
    await this.#ask('job', 'wallet_transfer', this.#sends('ann', 'ben', 45, 'gift'));
    const [spend] = await this.#book('ann', 'wallet_spend', { amount: 35, metadata: '{"name": "Ada"}' });
    const [, captured] = await this.#book('ann', 'wallet_hold', { amount: 10, expires_at: LATER });
    await this.#book('ann', 'wallet_capture', { hold_id: captured, amount: 4 });
    const [, released] = await this.#book('ben', 'wallet_hold', { amount: 12 });
    await this.#book('ben', 'wallet_release', { hold_id: released });
    await this.#book('ben', 'wallet_hold', { amount: 6 });
    await this.#ask('operator', 'wallet_reverse', { ...this.#request('ann'), transfer_id: spend, amount: 33 });
    await this.#ask('admin', 'transfer_redact', { transfer_id: spend, reason: 'a law' });
    await this.#ask('operator', 'wallet_freeze', { wallet_id: this.#wallet('ben'), reason: 'why' });
    await this.#ask('operator', 'wallet_reopen', { wallet_id: this.#wallet('ben'), reason: 'well' });
    await this.#ask('operator', 'wallet_close', { wallet_id: this.#wallet('dan'), reason: 'gone' });
  }

  /** A hold, what it pins and lots fall due, and are booked by a spend, by the worker's call and by the end of a hold. */
  async #fallDue(): Promise<void> {
    const hold = await this.#beforeDue(async (first, then) => {
      await this.#book('cid', 'wallet_top_up', { amount: 10 });
      await this.#book('cid', 'wallet_bonus', { amount: 50, expires_at: then });
      await this.#book('cid', 'wallet_bonus', { amount: 5, expires_at: LATE });
      await this.#book('cid', 'wallet_hold', { amount: 20, expires_at: then });
      await this.#book('ben', 'wallet_bonus', { amount: 8, expires_at: first });
      await this.#book('ann', 'wallet_bonus', { amount: 7, expires_at: then });
      const [, held] = await this.#book('ann', 'wallet_hold', { amount: 9 });
      return held;
    });
    await this.#ask('job', 'wallet_expire_due', { max_wallets: 1 });
    await this.#book('cid', 'wallet_spend', { amount: 1 });
    await this.#book('ben', 'wallet_spend', { amount: 1 });
    await this.#book('ann', 'wallet_release', { hold_id: hold });
  }

  /** Books in a transaction that ends before these instants, and waits until they have passed; a slow machine gets later ones. */
  async #beforeDue<T>(book: (first: string, then: string) => Promise<T>): Promise<T> {
    const job = this.#session('job');
    for (let ms = 100; ms < 60_000; ms *= 2) {
      const [entries, known, number] = [this.transcript.length, this.names.known, this.#number];
      const first = await inMs(this.#db, ms);
      const then = await inMs(this.#db, ms);
      await job.query('begin');
      const booked = await book(first, then);
      const { rowCount: early } = await this.#db.query('select where clock_timestamp() < $1', [first]);
      await job.query(early ? 'commit' : 'rollback');
      if (early) {
        await passed(this.#db, then);
        return booked;
      }
      this.transcript.length = entries;
      this.names.forget(known);
      this.#number = number;
    }
    throw new Error('too slow');
  }

  async #batch(): Promise<void> {
    const items = [
      { kind: 'top_up', owner: 'ann', amount: 15 },
      { kind: 'bonus', owner: 'ann', amount: 25, expires_at: LATE },
      { kind: 'spend', owner: 'ann', amount: 30 },
      { kind: 'transfer', owner: 'ann', to: 'cid', amount: 28 },
      { kind: 'spend', owner: 'cid', amount: 6 },
    ] as const;
    const values = items.flatMap((item) => [
      item.kind,
      this.#wallet(item.owner),
      'to' in item ? this.#wallet(item.to) : null,
      item.amount,
      this.#key(),
      'expires_at' in item ? item.expires_at : null,
    ]);
    const places = items.map((_, index) => {
      const [kind, wallet, to, amount, key, expires] = [1, 2, 3, 4, 5, 6].map((n) => `$${6 * index + n}`);
      return `ledger.request(${kind}, ${wallet}, ${to}, ${amount}, ${key}, ${expires}, null)`;
    });
    await this.#write('job', 'wallet_post_batch', `ledger.wallet_post_batch(array[${places.join(', ')}])`, values);
  }

  async #each(): Promise<void> {
    await this.#group('each', this.#wallets, [
      { kind: 'top_up', owner: 'ann', amount: 3 },
      { kind: 'hold', owner: 'ann', amount: 2, expires_at: LATE },
      { kind: 'bonus', owner: 'ann', amount: 1, expires_at: '2001-02-03T04:05:06.789Z' },
      { kind: 'spend', owner: 'cid', amount: 501 },
      { kind: 'transfer', owner: 'ann', to: 'cid', amount: 1 },
    ]);
    await this.#ask('job', 'request', { kind: 'bonus', wallet_id: this.#wallet('ann'), expires_at: LATE });
  }

  /** Usual calls, with and without refusals and others in between. */
  async #plainGroups(): Promise<void> {
    await this.#ask('operator', 'asset_create', { code: PLAIN_ASSET, name: 'Without limits', scale: 0 });
    await this.#ask('job', 'wallet_open_many', { owner_ids: [...this.#owners.values()], asset_code: PLAIN_ASSET });
    const metadata = '{"paid": 1.50, "at": "2030-01-01", "who": "u \\"\\\\"}';
    const usual: Item[] = [
      { kind: 'top_up', owner: 'ann', amount: 50, metadata },
      { kind: 'bonus', owner: 'ann', amount: 9 },
      { kind: 'spend', owner: 'ann', amount: 4 },
      { kind: 'transfer', owner: 'ann', to: 'ben', amount: 20 },
      { kind: 'spend', owner: 'ben', amount: 6, metadata },
      { kind: 'top_up', owner: 'cid', amount: 5 },
    ];
    await this.#group('each', this.#plain, usual);
    await this.#group('batch', this.#plain, usual);
    await this.#group(
      'each, not waiting',
      this.#plain,
      usual.flatMap((item): Item[] => [
        item,
        { kind: 'spend', owner: 'cid', amount: 1000 },
        { kind: 'bonus', owner: 'dan', amount: 2, expires_at: LATER },
        { kind: 'hold', owner: 'dan', amount: 1, expires_at: LATE },
      ]),
    );
    // The second is answered with the receipt of the first, the third is refused.
    const again: Item = { kind: 'top_up', owner: 'cid', amount: 5, key: this.#key() };
    await this.#group('each', this.#plain, [again, again, { ...again, amount: 6 }, ...usual]);
  }

  async #group(how: 'each' | 'each, not waiting' | 'batch', wallets: Map<Owner, string>, items: Item[]): Promise<void> {
    const values = items.flatMap(({ kind, owner, to, amount, key, expires_at, metadata }) => [
      kind,
      wallets.get(owner),
      to === undefined ? null : wallets.get(to),
      amount,
      key ?? this.#key(),
      expires_at ?? null,
      metadata ?? null,
    ]);
    const places = items.map(
      (_, index) => `ledger.request(${[1, 2, 3, 4, 5, 6, 7].map((n) => `$${7 * index + n}`).join(', ')})`,
    );
    const list = `array[${places.join(', ')}]`;
    if (how === 'batch') await this.#write('job', 'wallet_post_batch', `ledger.wallet_post_batch(${list})`, values);
    else {
      const call = `ledger.wallet_post_each(${list}${how === 'each' ? '' : ', false'})`;
      const from = `(select (r.receipt).*, (r.refusal).code as refused, (r.refusal).message, (r.refusal).detail, (r.refusal).hint
        from ${call} r)`;
      await this.#write('job', 'wallet_post_each', from, values);
    }
  }

  /** Those that tell of instants, and of each part of the posting path one. */
  async #refusals(): Promise<void> {
    const bonus = { ...this.#request('ann'), amount: 1, expires_at: LATE };
    await this.#ask('job', 'wallet_bonus', bonus);
    await this.#ask('job', 'wallet_bonus', bonus);
    await this.#ask('job', 'wallet_bonus', { ...bonus, expires_at: LATER });
    await this.#ask('job', 'wallet_bonus', { ...bonus, metadata: '{"other": true}' });
    await this.#book('ann', 'wallet_bonus', { amount: 1, expires_at: '2001-02-03T04:05:06.789Z' });
    await this.#book('ann', 'wallet_hold', { amount: 1, expires_at: '2001-02-03T04:05:06.789Z' });
    await this.#book('cid', 'wallet_spend', { amount: 400 });
    await this.#book('cid', 'wallet_spend', { amount: 501 });
    await this.#book('cid', 'wallet_spend', { amount: 0 });
    await this.#book('dan', 'wallet_top_up', { amount: 1 });
    await this.#ask('job', 'wallet_balance_at', {
      wallet_id: this.#wallet('ann'),
      at_time: '2001-02-03T04:05:06.789Z',
    });
    await this.#ask('job', 'ledger_events', { after: '1x0x00000000-0000-0000-0000-000000000000' });
    await this.#ask('auditor', 'ledger_verify_seals', { kept: '{}' });
  }

  async #read(caller: Caller): Promise<void> {
    const wallet_id = this.#wallet('ann');
    await this.#ask(caller, 'wallet_balance', { wallet_id });
    await this.#ask(caller, 'wallet_balance_at', { wallet_id, at_time: await inMs(this.#db, 0) });
    const month = { from_time: '2001-01-01T00:00:00Z', to_time: '2001-02-01T00:00:00Z' };
    await this.#ask(caller, 'wallet_statement', { wallet_id, ...month });
    await this.#ask(caller, 'wallet_explain', { wallet_id });
    await this.#ask(caller, 'wallet_history', { wallet_id });
    const ofWallet = ['available', 'balance', 'bonus_balance', 'held_balance', 'owed', 'seq', 'holds', 'limits'];
    for (const name of ofWallet) await this.#askOf(caller, `wallets_${name}`, 'wallets', 'id', wallet_id);
    for (const open of [true, false])
      await this.#write(
        caller,
        'wallets_holds',
        `ledger.wallets w cross join lateral ledger.wallets_holds(w, ${open})`,
        [wallet_id],
        'w.id operator(pg_catalog.=) $1',
      );
    for (const name of ['entries_counterparty', 'entries_side'])
      await this.#askOf(caller, name, 'entries', 'wallet_id', wallet_id, 'of.seq');
    for (const name of ['holds_status', 'holds_closing'])
      await this.#askOf(caller, name, 'holds', 'wallet_id', wallet_id, 'of.seq');
    await this.#askOf(caller, 'assets_limits', 'assets', 'code', ASSET);
  }

  /** Lists over all wallets; their cursors tell of the clock. */
  async #lists(): Promise<void> {
    const show = (row: string[]) => row.map((text) => text.replaceAll(/\b\d{16}\./g, 'micros.'));
    const range = { from: '2026-01-01T00:30:00+01:00', to: '2026-01-31T12:00:00Z' };
    const all: [Caller, string, Record<string, unknown>][] = [
      ['player', 'wallets', {}],
      ['job', 'wallets', { owner_prefix: 'a', asset_code: ASSET, status: 'open' }],
      ['job', 'transfers', { last: 5 }],
      ['operator', 'transfers', { idem_key: 'key 1' }],
      ['operator', 'transfers', { kinds: ['spend'], metadata: '{"n": 1}', ...range }],
      ['operator', 'transfers', { kinds: ['spend'] }],
      ['job', 'holds', { open: true }],
      ['job', 'holds', { open: false, due_before: LATE }],
      ['job', 'expiring_lots', { before: LATER }],
      // Of now, the newest ones are in an order that the millisecond decides.
      ['auditor', 'operator_actions', { ...range, first: 5 }],
    ];
    for (const [caller, list, args] of all) await this.#ask(caller, `${list}_page`, args, show);
    await this.#askOf('player', 'transfers_reversible', 'transfers', 'wallet_id', this.#wallet('ann'), 'of.id');
    await this.#ask('job', 'ledger_events_newest', { before: 'x' });
    await this.#ask('operator', 'ledger_state', {}, () => []);
  }

  /** From the first movement on, once nobody else's open transaction holds the last one back. */
  async #feed(): Promise<void> {
    const { rows: ends } = await this.#db.query<{ id: string; first: boolean }>(
      `select e.transfer_id as id, e.idem_key = 'key 1' as first from ledger.entries e join ledger.wallets w on w.id = e.wallet_id
       where w.asset_code = $1 and e.actor is not null and (e.idem_key = 'key 1' or e.xid = (
         select max(e.xid) from ledger.entries e join ledger.wallets w on w.id = e.wallet_id where w.asset_code = $1 and e.actor is not null))`,
      [ASSET],
    );
    const cursorOf = async (isFirst: boolean) => {
      const { rows } = await this.#db.query<{ cursor: string }>(
        'select cursor from ledger.ledger_events(null, 10000) where transfer_id = $1',
        [ends.find(({ first }) => first === isFirst)?.id],
      );
      return rows[0]?.cursor;
    };
    for (const deadline = Date.now() + FEED_LIMIT_MS; !(await cursorOf(false)); await sleep(20))
      if (Date.now() > deadline) throw new Error('the feed does not come to the last movement');
    const after = await cursorOf(true);
    await this.#ask('job', 'ledger_events', { after, limit: 1000 });
    await this.#ask('job', 'ledger_notify', { after, limit: 1000 });
    await this.#ask('job', 'ledger_events_newest', { before: await cursorOf(false), limit: 5 });
  }

  async #prove(): Promise<void> {
    // How many others have left to seal, and the cluster's transactions, are not this scenario's.
    await this.#ask('job', 'ledger_seal', {}, () => []);
    const kept = await keepSeals(this.#db);
    await this.#ask('auditor', 'ledger_verify', { wallet_id: this.#wallet('ann') });
    await this.#ask('auditor', 'ledger_verify_seals', { kept });
    await this.#ask('auditor', 'ledger_trial_balance', { asset_code: ASSET });
    await this.#askOf('auditor', 'blocks_final_until', 'blocks', 'seq', '1');
    await this.#report();
    await this.#ask('job', 'ledger_prove', { kept });
    await this.#ask('auditor', 'ledger_metrics', {}, ([name = '', labels = '']) => [name, labels]);
  }

  /** All that was booked, without the instants of its own. */
  async #report(): Promise<void> {
    await this.#ask('auditor', 'ledger_balances_at', {
      at_times: '{-infinity,2001-02-03T04:05:06Z}',
      asset_code: ASSET,
    });
    const { rows } = await this.#db.query<{ from_time: string; to_time: string }>(
      `select date_trunc('month', clock_timestamp() - interval '60 days')::text as from_time,
         date_trunc('month', clock_timestamp() + interval '60 days')::text as to_time`,
    );
    const period = { asset_code: ASSET, ...rows[0] };
    const summed = `(select a.kind, a.debit, a.credit, pg_catalog.sum(a.movements) as movements,
        pg_catalog.sum(a.amount) as amount, pg_catalog.sum(a.bonus_amount) as bonus_amount
      from ledger.ledger_activity($1, $2::pg_catalog.timestamptz, $3::pg_catalog.timestamptz, $4, $5) a
      group by a.kind, a.debit, a.credit order by a.kind, a.debit, a.credit)`;
    for (const [bucket, zone] of [
      ['day', 'Europe/Berlin'],
      ['month', 'UTC'],
    ])
      await this.#write('auditor', 'ledger_activity', summed, [ASSET, period.from_time, period.to_time, bucket, zone]);
    const journal = `(select j.kind, j.side, j.account, j.wallet_id, j.amount, j.bonus_amount, j.idem_key, j.actor
      from ledger.ledger_journal($1) j)`;
    await this.#write('auditor', 'ledger_journal', journal, [ASSET]);
    await this.#ask('auditor', 'ledger_activity', { ...period, time_zone: 'CET' });
    await this.#ask('auditor', 'ledger_journal', { after: '1x0x00000000-0000-0000-0000-000000000000' });
  }

  #session(caller: Caller): Session {
    const session = this.#callers.get(caller);
    if (!session) throw new Error(`no ${caller}`);
    return session;
  }

  #wallet(owner: Owner): string {
    return this.#wallets.get(owner) ?? '';
  }

  #key(): string {
    this.#number += 1;
    return `key ${this.#number}`;
  }

  #request(owner: Owner): { wallet_id: string; idem_key: string } {
    return { wallet_id: this.#wallet(owner), idem_key: this.#key() };
  }

  #sends(from: Owner, to: Owner, amount: number, note: string): Record<string, unknown> {
    return {
      from_wallet: this.#wallet(from),
      to_wallet: this.#wallet(to),
      amount,
      idem_key: this.#key(),
      metadata: JSON.stringify({ note }),
    };
  }

  /** A trusted job's call for a wallet, with a new key; the ids of the movement and of its hold. */
  async #book(owner: Owner, name: string, args: Record<string, unknown>): Promise<[string, string]> {
    const [row] = await this.#ask('job', name, { ...this.#request(owner), ...args });
    const fields = row ? fieldsOf(row) : [];
    const idAt = (place: number) => {
      const bytes = fields[place]?.bytes;
      return bytes ? uuidOf(bytes) : '';
    };
    return [idAt(TRANSFER_ID), idAt(HOLD_ID)];
  }

  #ask(
    caller: Caller,
    name: string,
    args: Record<string, unknown>,
    show?: (row: string[]) => string[],
  ): Promise<Buffer[]> {
    const given = Object.entries(args).filter(([, value]) => value !== undefined);
    const list = given.map(([arg], index) => `"${arg}" => $${index + 1}`).join(', ');
    const values = given.map(([, value]) => value);
    return this.#write(caller, name, `ledger.${name}(${list})`, values, undefined, show);
  }

  /** Of a function that takes a row. */
  #askOf(caller: Caller, name: string, table: string, column: string, value: string, order = '1'): Promise<Buffer[]> {
    const from = `ledger.${table} of cross join lateral ledger.${name}(of)`;
    return this.#write(caller, name, from, [value], `of.${column} operator(pg_catalog.=) $1 order by ${order}`);
  }

  async #write(
    caller: Caller,
    name: string,
    from: string,
    values: unknown[],
    condition?: string,
    show?: (row: string[]) => string[],
  ): Promise<Buffer[]> {
    const call = `${name} by ${caller}`;
    try {
      const rows = await rowsAsSent(this.#session(caller), from, values, condition);
      const { known } = this.names;
      const named = rows.map((row) => this.names.row(row));
      this.transcript.push({ call, outcome: { rows: show ? named.map(show) : named } });
      // An id that is left out must not count, or the ids after it have other names where it is another one.
      if (show) this.names.forget(known);
      return rows;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      const told = (text: string | undefined) => this.names.text(text ?? '');
      const { code = '', message, detail, hint } = error;
      this.transcript.push({
        call,
        outcome: { code, message: told(message), detail: told(detail), hint: told(hint) },
      });
      return [];
    }
  }
}
