/** What an import asks of the database: rows are kept in a table of the session, judged there all at once, and booked in batches. */
import type pg from 'pg';
import type { Fault, Row } from './rows.ts';

const STAGE = `create temporary table import_rows (
  line int primary key, wallet_id uuid not null, owner text not null, asset text not null, paid bigint not null,
  bonus bigint not null, expiry text, reference text not null, booked boolean not null default false
);
grant select, update on pg_temp.import_rows to wallet_operator`;

const ADD = `insert into pg_temp.import_rows (line, wallet_id, owner, asset, paid, bonus, expiry, reference)
  select r.line, ledger.wallet_id(r.owner, r.asset), r.owner, r.asset, r.paid, r.bonus, r.expiry, r.reference
  from unnest($1::int[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
    as r (line, owner, asset, paid, bonus, expiry, reference)`;

/** The first one of each row. Whether an instant can be read is asked before it is read. */
const JUDGE = `with judged as (
  select f.line, f."column", f.why, row_number() over (partition by f.line order by f.place) as rank
  from (
    select r.line, 1 as place, 'asset' as "column", 'is not there: create it with asset_create' as why
    from pg_temp.import_rows r where not exists (select from ledger.assets a where a.code = r.asset)
    union all
    select r.line, 2, 'owner', format('is that of line %s, for the same asset', r.first)
    from (select line, min(line) over (partition by wallet_id) as first from pg_temp.import_rows) r
    where r.line > r.first
    union all
    select r.line, 3, 'reference', format('is that of line %s', r.first)
    from (select line, min(line) over (partition by reference) as first from pg_temp.import_rows) r
    where r.line > r.first
    union all
    select r.line, 4, 'owner', 'has a closed wallet: reopen it with wallet_reopen'
    from pg_temp.import_rows r join ledger.wallets w on w.id = r.wallet_id
    where w.status = 'closed' and not exists (
      select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.reference)
    union all
    select r.line, 5, 'expiry', 'cannot be read as an instant'
    from pg_temp.import_rows r where r.expiry is not null and not pg_input_is_valid(r.expiry, 'timestamptz')
    union all
    select r.line, 6, 'owner', format('has had an opening balance, by the reference %s', t.idem_key)
    from pg_temp.import_rows r
    join ledger.transfers t on t.wallet_id = r.wallet_id and t.kind = 'opening'
    where t.idem_key <> r.reference
    union all
    select r.line, 7, 'reference', case
        when t.kind <> 'opening' then format('has been used as the key of a %s', t.kind)
        else format('has been booked with other facts: %s, of it %s bonus credits', t.amount, t.bonus_amount) end
    from pg_temp.import_rows r
    join ledger.transfers t on t.wallet_id = r.wallet_id and t.idem_key = r.reference
    where (t.kind, t.amount, t.bonus_amount, t.metadata) is distinct from ('opening', r.paid + r.bonus, r.bonus, $2::jsonb)
      or t.expires_at is distinct from case when pg_input_is_valid(r.expiry, 'timestamptz') then r.expiry::timestamptz end
    union all
    select r.line, 8, 'expiry', 'has passed'
    from pg_temp.import_rows r
    where case when pg_input_is_valid(r.expiry, 'timestamptz') then r.expiry::timestamptz <= clock_timestamp() end
      and not exists (select from ledger.transfers t where t.wallet_id = r.wallet_id and t.idem_key = r.reference)
  ) f
)
select j.line, j."column", j.why, count(*) over ()::int as all from judged j where j.rank = 1 order by j.line limit $1`;

const FIND_BOOKED = `update pg_temp.import_rows r set booked = true from ledger.transfers t
  where t.wallet_id = r.wallet_id and t.idem_key = r.reference`;

const NEXT = `select coalesce(max(n.line), 0) as last, count(*)::int as rows, array_agg(distinct n.asset) as assets
  from (select r.asset, r.line from pg_temp.import_rows r where not r.booked and r.line > $1 order by r.line limit $2) n`;

const OPEN = `select count(*) from ledger.wallet_open_many(array(
  select r.owner from pg_temp.import_rows r
  where not r.booked and r.line > $1 and r.line <= $2 and r.asset = $3 order by r.line
), $3)`;

const BOOK = `select count(*) filter (where not b.replayed)::int as booked from ledger.wallet_post_batch(array(
  select ledger.request(kind => 'opening', wallet_id => r.wallet_id, amount => r.paid + r.bonus, bonus_amount => r.bonus,
    idem_key => r.reference, expires_at => r.expiry::timestamptz, metadata => $3::jsonb)
  from pg_temp.import_rows r where not r.booked and r.line > $1 and r.line <= $2 order by r.line
)) b`;

const LINE_AT = `select r.line from pg_temp.import_rows r
  where not r.booked and r.line > $1 and r.line <= $2 and r.asset = any ($3) order by r.line offset $4 limit 1`;

const TOTALS = `select r.asset, count(*)::int as rows, sum(r.paid)::text as paid, sum(r.bonus)::text as bonus,
  count(*) filter (where r.booked)::int as before
  from pg_temp.import_rows r group by r.asset order by r.asset`;

export interface Totals {
  asset: string;
  rows: number;
  paid: string;
  bonus: string;
  /** Rows that an earlier run has booked. */
  before: number;
}

interface Batch {
  last: number;
  rows: number;
  /** Null where nothing is left. */
  assets: string[] | null;
}

/** A row that the ledger refuses after all: something has changed since the rows were judged. */
export class RowRefused extends Error {
  override name = 'RowRefused';
}

export class ImportLedger {
  readonly #client: pg.Client;
  readonly #metadata: string;

  private constructor(client: pg.Client, metadata: object) {
    this.#client = client;
    this.#metadata = JSON.stringify(metadata);
  }

  /** In a session that may make temporary tables, and become an operator. */
  static async start(client: pg.Client, metadata: object): Promise<ImportLedger> {
    await client.query(STAGE);
    return new ImportLedger(client, metadata);
  }

  async add(rows: readonly Row[]): Promise<void> {
    const column = (name: keyof Row) => rows.map((row) => row[name]);
    await this.#client.query(ADD, [
      ...[column('line'), column('owner'), column('asset'), column('paid'), column('bonus')],
      ...[column('expiry'), column('reference')],
    ]);
  }

  /** All rows are there: the first faults, by line, and how many rows have one. From now on, this session is an operator's. */
  async judge(most: number): Promise<{ faults: Fault[]; all: number }> {
    await this.#client.query('analyze pg_temp.import_rows');
    await this.#client.query('set role wallet_operator');
    const { rows } = await this.#client.query<Fault & { all: number }>(JUDGE, [most, this.#metadata]);
    await this.#client.query(FIND_BOOKED);
    return { faults: rows.map(({ line, column, why }) => ({ line, column, why })), all: rows[0]?.all ?? 0 };
  }

  async totals(): Promise<Totals[]> {
    return (await this.#client.query<Totals>(TOTALS)).rows;
  }

  /** Books what is not booked yet, a batch in a transaction, and tells after each how many rows have been booked so far. */
  async *book(batch: number): AsyncGenerator<number> {
    let booked = 0;
    for (let after = 0; ;) {
      const [next] = (await this.#client.query<Batch>(NEXT, [after, batch])).rows;
      if (!next?.assets) return;
      await this.#bookBatch(after, next.last, next.assets);
      after = next.last;
      booked += next.rows;
      yield booked;
    }
  }

  async #bookBatch(after: number, last: number, assets: string[]): Promise<void> {
    await this.#client.query('begin');
    // Whose rows a refusal counts.
    let asked = assets;
    try {
      for (const asset of assets) {
        asked = [asset];
        await this.#client.query(OPEN, [after, last, asset]);
      }
      asked = assets;
      await this.#client.query(BOOK, [after, last, this.#metadata]);
      await this.#client.query('commit');
    } catch (error) {
      const { code = '', detail, message, hint } = error as Partial<pg.DatabaseError>;
      if (!code.startsWith('WL')) throw error;
      await this.#client.query('rollback');
      const { index = 0 } = JSON.parse(detail ?? '{}') as { index?: number };
      const { rows } = await this.#client.query<{ line: number }>(LINE_AT, [after, last, asked, index]);
      throw new RowRefused(`line ${rows[0]?.line ?? 0}: ${message ?? ''}: ${hint ?? ''}`, { cause: error });
    }
  }
}
