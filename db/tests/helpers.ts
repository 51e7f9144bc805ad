/** For tests of the ledger: databases, sessions of all kinds of callers, wallets, refusals. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { setRights } from '../../src/migrate/rights.ts';

/** A pool or a connection. */
export interface Session {
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>>;
}

/** Amounts and times are strings: a Date would lose microseconds. */
export interface Receipt {
  transfer_id: string;
  wallet_id: string;
  seq: string;
  kind: string;
  amount: string;
  bonus_amount: string;
  balance: string;
  bonus_balance: string;
  held_balance: string;
  available: string;
  hold_id: string | null;
  replayed: boolean;
  created_at: string;
  owed: string;
  in_flight: boolean;
}

export interface Refusal {
  code: string;
  message: string;
  detail: Record<string, unknown>;
  hint: string;
}

export type GatewayRole = 'player' | 'service' | 'operator' | 'auditor';

const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, String);

/** A clone of the template, for one describe block. */
export class Database {
  readonly name = `${environment('TEST_TEMPLATE').replace(/template$/, '')}${randomUUID().slice(0, 8)}`;
  /** Sessions of a superuser. */
  readonly pool = new pg.Pool({ connectionString: this.url, types, max: 4 });
  asset: Promise<string> | undefined;
  #open: { end: () => Promise<void> }[] = [this.pool];

  constructor() {
    this.pool.on('error', () => undefined);
  }

  /** An administrator's URL, for other processes such as the gateway. */
  get url(): string {
    const url = new URL(environment('TEST_SERVER_URL'));
    url.pathname = `/${this.name}`;
    return url.href;
  }

  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<R>> {
    return this.pool.query<R>(text, values);
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url, types });
    client.on('error', () => undefined);
    await client.connect();
    this.#open.push(client);
    return client;
  }

  /** A connection of a login without any special rights. */
  async connectLogin(login: string): Promise<pg.Client> {
    const client = await this.connect();
    await client.query(`set session authorization ${login}`);
    return client;
  }

  /** A connection as the gateway uses it for a request. */
  async connectAs(role: GatewayRole, sub?: string): Promise<pg.Client> {
    const client = await this.connectLogin('wallet_gateway');
    await client.query(`set role wallet_${role}`);
    if (sub !== undefined) await client.query("select set_config('jwt.claims.sub', $1, false)", [sub]);
    return client;
  }

  /** A connection of a trusted SQL job: a login that is a member of wallet_job. */
  connectJob(): Promise<pg.Client> {
    return this.connectLogin('wallet_test_job');
  }

  /** At most half of the server's connections: other test files run in parallel. */
  jobPool(count: number): pg.Pool {
    const room = Math.floor(Number(environment('TEST_CONNECTIONS')) / 2);
    const pool = new pg.Pool({
      connectionString: this.url,
      types,
      max: Math.max(2, Math.min(count, room)),
      verify: (client, done) => {
        client.query('set session authorization wallet_test_job').then(() => {
          done();
        }, done);
      },
    });
    pool.on('error', () => undefined);
    this.#open.push(pool);
    return pool;
  }

  /** The number of open sessions and pools. */
  get open(): number {
    return this.#open.length;
  }

  /** Ends the sessions and pools opened after the first `keep`. */
  async close(keep = 0): Promise<void> {
    await Promise.all(this.#open.splice(keep).map((session) => session.end()));
  }
}

/** For a describe block: created before its tests and dropped after them; sessions opened in a test end with it. */
export function createDatabase(): Database {
  const db = new Database();
  const administer = async (sql: string) => {
    const admin = new pg.Client({ connectionString: environment('TEST_SERVER_URL') });
    await admin.connect();
    await admin.query(sql).finally(() => admin.end());
  };
  beforeAll(async () => {
    const clone = () => administer(`create database ${db.name} template ${environment('TEST_TEMPLATE')}`);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await clone();
        // Rights on a database are not cloned.
        await setRights(db.url);
        return;
      } catch (error) {
        // 55006: another test file is cloning the template.
        if (!(error instanceof pg.DatabaseError && error.code === '55006' && attempt < 600)) throw error;
        await sleep(100);
      }
    }
  });
  let shared = 0;
  beforeEach(() => {
    shared = db.open;
  });
  afterEach(() => db.close(shared));
  afterAll(async () => {
    await db.close();
    await administer(`drop database if exists ${db.name} with (force)`);
  });
  return db;
}

/** Calls a function of the ledger with named arguments; omitted ones take their defaults. */
export async function callAll<R extends object = Receipt>(
  session: Session,
  name: string,
  args: Record<string, unknown>,
): Promise<R[]> {
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  const list = given.map(([key], index) => `"${key}" => $${index + 1}`).join(', ');
  const { rows } = await session.query<R & pg.QueryResultRow>(
    `select * from ledger.${name}(${list})`,
    given.map(([, value]) => value),
  );
  return rows;
}

/** Calls a function of the ledger that returns one row. */
export async function call<R extends object = Receipt>(
  session: Session,
  name: string,
  args: Record<string, unknown>,
): Promise<R> {
  const [row, ...more] = await callAll<R>(session, name, args);
  if (!row || more.length > 0) throw new Error(`${name} answered ${more.length + (row ? 1 : 0)} rows`);
  return row;
}

/** Returns the error of a refused call; fails if it was not refused. */
export async function refusal(promise: Promise<unknown>): Promise<Refusal> {
  const error = await promise.then(
    (answer: unknown) => {
      throw new Error(`not refused, but answered ${JSON.stringify(answer)}`);
    },
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof pg.DatabaseError)) throw error;
  const { code = '', message, detail = '{}', hint = '' } = error;
  return { code, message, hint, detail: code.startsWith('WL') ? (JSON.parse(detail) as Record<string, unknown>) : {} };
}

/** A row of a table of refusals: the request breaks the rule of `code`, and all later rules that can be broken at the same time. */
export interface RefusalCase {
  code: string;
  what: string;
  arrange: () => Promise<Record<string, unknown>>;
  detail: Record<string, unknown>;
}

export const UNKNOWN_WALLET = '00000000-0000-8000-8000-000000000000';
/** The maximum of balances and lifetime totals. */
export const MAX_BALANCE = '9000000000000000000';
export const BAD_AMOUNTS = ['0', '-1', '1000000000000001', '9223372036854775807', '-9223372036854775808', null];
export const UNREADABLE_AMOUNTS = [
  ['abc', '22P02'],
  ['NaN', '22P02'],
  ['1.5', '22P02'],
  ['', '22P02'],
  ['9223372036854775808', '22003'],
];
export const BAD_KEYS = [
  '',
  'x'.repeat(201),
  ' x',
  'x ',
  'x\n',
  '\u00a0x',
  'x\u3000',
  '\t \u2003',
  '\u0001\u009f',
  null,
];
export const BAD_METADATA = ['null', '[]', '1', '"text"', JSON.stringify({ a: 'x'.repeat(8192) })];

export const newKey = (): string => `key-${randomUUID()}`;
export const newOwner = (): string => `player-${randomUUID()}`;

/** An asset that the tests of one database share. */
export async function someAsset(db: Database): Promise<string> {
  db.asset ??= newAsset(db);
  return db.asset;
}

/** A new asset, for tests of sums. */
export async function newAsset(db: Session): Promise<string> {
  const code = `T${randomUUID().slice(0, 8)}`;
  await call(db, 'asset_create', { code, name: 'For a test' });
  return code;
}

/** A new owner's wallet with paid and bonus credits. */
export async function newWallet(
  db: Session,
  asset: string,
  has: { bought?: number; bonus?: number; owner?: string } = {},
): Promise<string> {
  const { id } = await call<{ id: string }>(db, 'wallet_open', {
    owner_id: has.owner ?? newOwner(),
    asset_code: asset,
  });
  if (has.bought) await call(db, 'wallet_top_up', { wallet_id: id, amount: has.bought, idem_key: newKey() });
  if (has.bonus) await call(db, 'wallet_bonus', { wallet_id: id, amount: has.bonus, idem_key: newKey() });
  return id;
}

/** Sets a wallet's status without the functions, with an event, so that the ledger stays sound. */
export async function setStatus(db: Database, wallet: string, status: 'open' | 'frozen' | 'closed'): Promise<void> {
  await writing(db, async (client) => {
    await client.query('update ledger.wallets set status = $2::ledger.wallet_status where id = $1', [wallet, status]);
    await client.query('select ledger_private.record_events(array[$1::uuid], $2::ledger.wallet_event_kind, $3)', [
      wallet,
      status === 'open' ? 'reopened' : status,
      'for a test',
    ]);
  });
}

/** Runs a superuser's transaction that may write to the tables, as the posting functions may. */
export async function writing(db: Database, write: (client: Session) => Promise<unknown>): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query("select set_config('ledger.posting', 'on', true)");
    await write(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** Inserts an entry with these balances into a wallet: the ledger is not sound afterwards. */
export async function forceHead(db: Database, wallet: string, head: Partial<Record<string, string>>): Promise<void> {
  const facts = {
    balance: '0',
    bonus_balance: '0',
    held_balance: '0',
    topped_up_total: '0',
    granted_total: '0',
    spent_total: '0',
    sent_total: '0',
    ...head,
  };
  await writing(db, (client) =>
    client.query(
      `insert into ledger.entries
     select (jsonb_populate_record(null::ledger.entries, jsonb_build_object('wallet_id', $1::uuid,
       'seq', (select coalesce(max(seq), 0) + 1 from ledger.entries where wallet_id = $1::uuid),
       'transfer_id', uuidv7(), 'kind', 'top_up', 'debit', 'treasury', 'credit', 'player', 'amount', 0, 'bonus_amount', 0, 'held_amount', 0,
       'paid_balance', ($2::jsonb ->> 'balance')::bigint - ($2::jsonb ->> 'bonus_balance')::bigint,
       'free_balance', ($2::jsonb ->> 'balance')::bigint - ($2::jsonb ->> 'held_balance')::bigint,
       'hash', sha256(''), 'created_at', clock_timestamp(), 'xid', pg_current_xact_id()::text, 'metadata', '{}'::jsonb,
       'actor', 'a test') || $2::jsonb)).*`,
      [wallet, facts],
    ),
  );
}

/** The number of transfers and entries of a wallet, or of all wallets. */
export async function rowsOf(db: Session, wallet?: string): Promise<{ transfers: number; entries: number }> {
  const {
    rows: [counts],
  } = await db.query<{ transfers: number; entries: number }>(
    `select (select count(*)::int from ledger.transfers where $1::uuid is null or wallet_id = $1) as transfers,
       (select count(*)::int from ledger.entries where $1::uuid is null or wallet_id = $1) as entries`,
    [wallet],
  );
  if (!counts) throw new Error('no counts');
  return counts;
}

/** Verifies the whole ledger, and that debits equal credits in each asset. */
export async function expectSound(db: Session): Promise<void> {
  expect(await callAll(db, 'ledger_verify', {})).toEqual([]);
  const { rows } = await db.query(
    'select asset_code, sum(debit), sum(credit) from ledger.ledger_trial_balance() group by asset_code having sum(debit) <> sum(credit)',
  );
  expect(rows).toEqual([]);
}

/** The parts of a balance, such as { paid: 10, bonus: 5, 2100: 4, '2100 held': 2 }: lots by the year of their expiry. */
export async function partsOf(db: Session, wallet: string): Promise<Record<string, number>> {
  const { rows } = await db.query<{ part: string; amount: number }>(
    `select coalesce(extract(year from expires_at at time zone 'utc')::text, source::text)
         || case when hold_id is null then '' else ' held' end as part,
       sum(amount)::int as amount
     from ledger.wallet_explain($1) group by 1`,
    [wallet],
  );
  return Object.fromEntries(rows.map(({ part, amount }) => [part, amount]));
}

/** An item of a batch; omitted fields are null. */
export interface WalletRequest {
  kind?: string | null;
  wallet_id?: string | null;
  counterparty_id?: string | null;
  amount?: number | string | null;
  idem_key?: string | null;
  expires_at?: string | null;
  metadata?: object | string | null;
  hold_id?: string | null;
  transfer_id?: string | null;
  bonus_amount?: number | string | null;
  side?: string | null;
  reason?: string | null;
  to_amount?: number | string | null;
  owe?: boolean | null;
}

const FIELDS = {
  kind: 'ledger.transfer_kind',
  wallet_id: 'uuid',
  counterparty_id: 'uuid',
  amount: 'bigint',
  idem_key: 'text',
  expires_at: 'timestamptz',
  metadata: 'jsonb',
  hold_id: 'uuid',
  transfer_id: 'uuid',
  bonus_amount: 'bigint',
  side: 'ledger.entry_side',
  reason: 'text',
  to_amount: 'bigint',
  owe: 'boolean',
} as const satisfies Record<keyof WalletRequest, string>;
const NAMES = Object.keys(FIELDS) as (keyof WalletRequest)[];

/** The list of requests as an SQL argument, with one array parameter for each field. */
const REQUESTS = `array(
  select row(${NAMES.join(', ')})::ledger.wallet_request
    from unnest(${Object.values(FIELDS)
      .map((type, index) => `$${index + 1}::${type}[]`)
      .join(', ')})
      with ordinality r (${NAMES.join(', ')}, place)
    order by place)`;

function columnsOf(requests: WalletRequest[]): unknown[][] {
  return NAMES.map((name) =>
    requests.map((request) => {
      const value = request[name] ?? null;
      return typeof value === 'object' && value ? JSON.stringify(value) : value;
    }),
  );
}

export async function postBatch(session: Session, requests: WalletRequest[]): Promise<Receipt[]> {
  const { rows } = await session.query<Receipt & pg.QueryResultRow>(
    `select * from ledger.wallet_post_batch(${REQUESTS})`,
    columnsOf(requests),
  );
  return rows;
}

/** The outcome of an item of wallet_post_each: a receipt or a refusal. */
export interface Outcome {
  receipt: Receipt | null;
  refusal: Refusal | null;
}

export async function postEach(session: Session, requests: WalletRequest[], wait?: boolean): Promise<Outcome[]> {
  const { rows } = await session.query<
    Receipt & { refusal_code: string | null; message: string; detail: Record<string, unknown>; hint: string }
  >(
    `select (o.receipt).*, (o.refusal).code as refusal_code, (o.refusal).message, (o.refusal).detail, (o.refusal).hint,
       o.receipt is null as refused, o.refusal is null as booked
     from ledger.wallet_post_each(requests => ${REQUESTS}${wait === undefined ? '' : `, wait => ${wait}`}) o`,
    columnsOf(requests),
  );
  return rows.map(({ refusal_code, message, detail, hint, ...row }) => {
    const { refused, booked, ...receipt } = row as typeof row & { refused: boolean; booked: boolean };
    if (refused === booked) throw new Error(`neither booked nor refused, or both: ${JSON.stringify(row)}`);
    return {
      receipt: refused ? null : receipt,
      refusal: refused ? { code: refusal_code ?? '', message, detail, hint } : null,
    };
  });
}

function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: global-setup.ts sets it`);
  return value;
}

/** Excludes other test files from a shared resource, such as a login, during `work`. */
export async function alone<T>(what: string, work: () => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: environment('TEST_SERVER_URL') });
  session.on('error', () => undefined);
  await session.connect();
  try {
    await session.query("set lock_timeout = '5min'");
    // The lock is in one database, which all test files share.
    await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [what]);
    return await work();
  } finally {
    await session.end();
  }
}

/** Waits until the session's server process waits for a lock. */
export async function waitsForLock(db: Session, session: pg.Client): Promise<void> {
  const pid = (session as pg.Client & { processID: number }).processID;
  for (let attempt = 0; attempt < 3_000; attempt += 1) {
    const { rows } = await db.query("select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'", [pid]);
    if (rows.length > 0) return;
    await sleep(10);
  }
  throw new Error('the session does not wait');
}

/** Waits until the database's clock has passed an instant. It asks repeatedly: a timer may fire up to a millisecond too early. */
export async function passed(db: Session, instant: string): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ left: string }>(
      'select ceil(extract(epoch from $1::timestamptz - clock_timestamp()) * 1000) as left',
      [instant],
    );
    const left = Number(rows[0]?.left ?? 0);
    // At 0 the instant may not have passed yet.
    if (left < 0) return;
    await sleep(Math.max(left, 1));
  }
}

/** The instant `milliseconds` from now, by the database's clock. */
export async function inMs(db: Session, milliseconds: number): Promise<string> {
  const { rows } = await db.query<{ instant: string }>(
    // In UTC and JSON's format, independent of the session's settings.
    `select replace(to_json((clock_timestamp() + $1 * interval '1 ms') at time zone 'utc') #>> '{}', 'T', ' ') || '+00' as instant`,
    [milliseconds],
  );
  return rows[0]?.instant ?? '';
}

/** A row of ledger_verify(). */
export interface Finding {
  rule: string;
  wallet_id: string | null;
  seq: string | null;
  transfer_id: string | null;
  detail: object;
}

export const rulesOf = (findings: Finding[]): string[] => [...new Set(findings.map(({ rule }) => rule))].sort();

/** Recomputes all chains of hashes, as an attacker who knows the format would. */
export const REHASH = `do $$
  declare
    v_entry ledger.entries;
    v_event ledger.wallet_events;
    v_limits ledger.asset_limits;
    v_wallet uuid;
    v_asset text;
    v_hash bytea;
  begin
    for v_entry in select * from ledger.entries order by wallet_id, seq loop
      v_hash := ledger_private.entry_hash(case when v_entry.wallet_id = v_wallet then v_hash end, v_entry,
        (select r.metadata_hash from ledger.redactions r where r.wallet_id = v_entry.wallet_id and r.seq = v_entry.seq));
      v_wallet := v_entry.wallet_id;
      update ledger.entries set hash = v_hash where wallet_id = v_entry.wallet_id and seq = v_entry.seq;
    end loop;
    v_wallet := null;
    for v_event in select * from ledger.wallet_events order by wallet_id, seq loop
      if v_wallet is distinct from v_event.wallet_id then
        v_hash := ledger_private.record_hash(null, ledger_private.wallet_bytes((select w from ledger.wallets w where w.id = v_event.wallet_id)));
      end if;
      v_wallet := v_event.wallet_id;
      v_hash := ledger_private.record_hash(v_hash, ledger_private.wallet_event_bytes(v_event));
      update ledger.wallet_events set hash = v_hash where wallet_id = v_event.wallet_id and seq = v_event.seq;
    end loop;
    update ledger.assets a set hash = ledger_private.record_hash(null, ledger_private.asset_bytes(a));
    for v_limits in select * from ledger.asset_limits order by asset_code, seq loop
      if v_asset is distinct from v_limits.asset_code then
        v_hash := (select a.hash from ledger.assets a where a.code = v_limits.asset_code);
      end if;
      v_asset := v_limits.asset_code;
      v_hash := ledger_private.record_hash(v_hash, ledger_private.asset_limit_bytes(v_limits));
      update ledger.asset_limits set hash = v_hash where asset_code = v_limits.asset_code and seq = v_limits.seq;
    end loop;
  end $$`;

/** Tampers with a ledger without triggers, judges it, and rolls everything back. */
export async function tamperedWith<T>(
  db: Database,
  tamper: string,
  judge: (look: (wallet?: string) => Promise<Finding[]>, rehash: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    const done = await client.query(tamper);
    if (done.rowCount === 0) throw new Error('nothing was tampered with');
    return await judge(
      (wallet) => callAll<Finding>(client, 'ledger_verify', { wallet_id: wallet }),
      () => client.query(REHASH),
    );
  } finally {
    await client.query('rollback');
    client.release();
  }
}
