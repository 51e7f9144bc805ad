import {
  call,
  createDatabase,
  newKey,
  newWallet,
  refusal,
  type Session,
  someAsset,
  UNKNOWN_WALLET,
} from '../helpers.ts';

interface Statement {
  wallet_id: string;
  from_time: string;
  to_time: string;
  opening: string;
  closing: string;
}

const db = createDatabase();
const statement = (wallet_id: string | null, from_time: string | null, to_time: string | null, session: Session = db) =>
  call<Statement>(session, 'wallet_statement', { wallet_id, from_time, to_time });

/** Entries on both sides, some within a microsecond of each other. */
async function busyWallet(): Promise<string> {
  const wallet = await newWallet(db, await someAsset(db), { bought: 100, bonus: 30 });
  for (let index = 1; index <= 6; index += 1) {
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: index, idem_key: newKey() });
    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 1, idem_key: newKey() });
  }
  return wallet;
}

/** What is wrong with the statements between any two of these instants. */
const WRONG = `
  with times as (
    select e.created_at + step as t
      from ledger.entries e
      cross join (values ('-1 microsecond'::interval), ('0'), ('1 microsecond')) s (step)
      where e.wallet_id = $1
    union select w.created_at - interval '1 day' from ledger.wallets w where w.id = $1
    union select '-infinity' union select 'infinity' union select clock_timestamp() + interval '1 day'
  ),
  periods as materialized (
    select a.t as from_time, b.t as to_time from times a join times b on b.t >= a.t
  )
  select p.from_time, p.to_time
    from periods p
    cross join lateral ledger.wallet_statement($1, p.from_time, p.to_time) s
    cross join lateral (
      select coalesce(sum(case ledger.entries_side(e) when 'credit' then e.amount else -e.amount end), 0) as amount,
          coalesce(sum(case ledger.entries_side(e) when 'credit' then e.bonus_amount else -e.bonus_amount end), 0) as bonus,
          coalesce(sum(e.held_amount), 0) as held,
          count(*) as lines, min(e.seq) as first, max(e.seq) as last
        from ledger.entries e
        where e.wallet_id = $1 and e.created_at >= p.from_time and e.created_at < p.to_time
    ) l
    where ((s.opening).balance + l.amount, (s.opening).bonus_balance + l.bonus, (s.opening).held_balance + l.held,
        (s.opening).seq + l.lines) is distinct from
      ((s.closing).balance::numeric, (s.closing).bonus_balance::numeric, (s.closing).held_balance::numeric, (s.closing).seq)
      or l.first is distinct from nullif((s.opening).seq + 1, (s.closing).seq + 1)
      or l.last is distinct from case when l.lines > 0 then (s.closing).seq end`;

describe('wallet_statement', () => {
  it('adds up for any two instants: opening + entries = closing, also at the instant of an entry', async () => {
    const wallet = await busyWallet();

    const { rows } = await db.query(WRONG, [wallet]);

    expect(rows).toEqual([]);
  });

  it('begins where the previous one ended', async () => {
    const wallet = await busyWallet();
    const { rows } = await db.query<{ at: string }>(
      'select created_at::text as at from ledger.entries where wallet_id = $1 and seq in (3, 7) order by seq',
      [wallet],
    );
    const [first = '', second = ''] = rows.map(({ at }) => at);

    const before = await statement(wallet, first, second);
    const after = await statement(wallet, second, 'infinity');

    expect(after.opening).toBe(before.closing);
    expect(before.opening).toMatch(/^\(130,30,0,130,2,/);
  });

  it('includes an entry at its instant, as wallet.entries(from, to) does; wallet_balance_at includes it at its instant', async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const { rows } = await db.query<{ at: string; opening: string; then: string; after: string }>(
      `select e.created_at::text as at, ((ledger.wallet_statement($1, e.created_at, 'infinity')).opening).balance as opening,
         (ledger.wallet_balance_at($1, e.created_at)).balance as then,
         ((ledger.wallet_statement($1, e.created_at + interval '1 microsecond', 'infinity')).opening).balance as after
       from ledger.entries e where e.wallet_id = $1`,
      [wallet],
    );

    expect(rows).toMatchObject([{ opening: '0', then: '10', after: '10' }]);
  });

  it("does not find another player's wallet (WLNOW)", async () => {
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const player = await db.connectAs('player', 'somebody else');

    expect(await refusal(statement(wallet, '2026-01-01', '2099-01-01', player))).toMatchObject({
      code: 'WLNOW',
      detail: { wallet_id: wallet },
    });
  });

  it.each([
    ['WLARG', 'no start', null, '2026-01-01', { argument: 'from_time' }],
    ['WLARG', 'no end', '2026-01-01', null, { argument: 'to_time' }],
    ['WLARG', 'an end before the start', '2026-01-02', '2026-01-01', { argument: 'to_time' }],
    ['WLNOW', 'an unknown wallet', '2026-01-01', '2026-01-01', { wallet_id: UNKNOWN_WALLET }],
  ])('refuses, with %s, %s', async (code, _what, from, to, detail) => {
    expect(await refusal(statement(UNKNOWN_WALLET, from, to))).toMatchObject({ code, detail });
  });
});
