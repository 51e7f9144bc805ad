import { createDatabase, newOwner, newWallet, type Session, someAsset, UNKNOWN_WALLET, writing } from './helpers.ts';

const db = createDatabase();

async function seqAt(wallet: string, time: string | null, session: Session = db, name = 'seq_at'): Promise<unknown> {
  const { rows } = await session.query<{ seq: string | null }>(
    `select ledger_private.${name}($1, $2::timestamptz) as seq`,
    [wallet, time],
  );
  return rows[0]?.seq;
}

/** A wallet with entries at these minutes of an hour, by hand: the ledger is not sound afterwards. */
async function walletAt(minutes: number[], owner = newOwner()): Promise<string> {
  const wallet = await newWallet(db, await someAsset(db), { owner });
  await writing(db, (client) =>
    client.query(
      `insert into ledger.entries
         (wallet_id, transfer_id, seq, amount, bonus_amount, held_amount, balance, bonus_balance, held_balance, paid_balance, free_balance,
           topped_up_total, granted_total, spent_total, sent_total, created_at, xid, kind, debit, credit, hash)
       select $1, uuidv7(), seq, 1, 0, 0, seq, 0, 0, seq, seq,
         seq, 0, 0, 0, timestamptz '2026-01-01 00:00+00' + minute * interval '1 minute', pg_current_xact_id(), 'top_up', 'treasury', 'player', ''
       from unnest($2::int[]) with ordinality as m (minute, seq)`,
      [wallet, minutes],
    ),
  );
  return wallet;
}

/** That minute, or a microsecond before or after it. */
function at(minute: number, shift: -1 | 0 | 1 = 0): string {
  const time = new Date(Date.UTC(2026, 0, 1, 0, minute, shift < 0 ? -1 : 0)).toISOString();
  return time.replace('.000Z', shift < 0 ? '.999999Z' : `.00000${shift}Z`);
}

describe('seq_at', () => {
  it('is exact at the instant of each entry, a microsecond before it and a microsecond after it', async () => {
    const wallet = await walletAt([1, 2, 3, 4, 5, 6, 7]);

    for (let nth = 1; nth <= 7; nth += 1) {
      expect(await seqAt(wallet, at(nth, -1))).toBe(String(nth - 1));
      expect(await seqAt(wallet, at(nth))).toBe(String(nth));
      expect(await seqAt(wallet, at(nth, 1))).toBe(String(nth));
    }
  });

  it('answers the newest of the entries that share one instant', async () => {
    const wallet = await walletAt([1, 2, 2, 2, 2, 3, 3]);

    expect(await seqAt(wallet, at(2))).toBe('5');
    expect(await seqAt(wallet, at(2, -1))).toBe('1');
    expect(await seqAt(wallet, at(3))).toBe('7');
    expect(await seqAt(await walletAt([4, 4, 4]), at(4))).toBe('3');
  });

  it('says what counting says, in wallets of every length', async () => {
    for (let length = 0; length <= 20; length += 1) {
      // Never backwards, with instants that are shared and minutes in which nothing was booked.
      const minutes = Array.from({ length }, (_, nth) => 2 * Math.floor(Math.sqrt(nth * length)));
      const wallet = await walletAt(minutes);
      const { rows } = await db.query(
        `select m, ledger_private.seq_at($1, t) as found,
           (select count(*) from ledger.entries e where e.wallet_id = $1 and e.created_at <= t) as counted
         from generate_series(-1, 45) as m, lateral (select timestamptz '2026-01-01 00:00+00' + m * interval '1 minute') as x (t)`,
        [wallet],
      );

      expect(rows).toHaveLength(47);
      expect(rows.filter(({ found, counted }) => found !== counted)).toEqual([]);
    }
  });

  it('is 0 before the first entry, without entries and without a wallet, and null at no time', async () => {
    const wallet = await walletAt([1, 2]);

    expect(await seqAt(wallet, at(0))).toBe('0');
    expect(await seqAt(wallet, '-infinity')).toBe('0');
    expect(await seqAt(wallet, 'infinity')).toBe('2');
    expect(await seqAt(wallet, null)).toBeNull();
    expect(await seqAt(await walletAt([]), 'infinity')).toBe('0');
    expect(await seqAt(UNKNOWN_WALLET, 'infinity')).toBe('0');
  });

  it("looks with the caller's eyes", async () => {
    const owner = newOwner();
    const wallet = await walletAt([1, 2, 3], owner);
    const sessions = {
      owner: await db.connectAs('player', owner),
      other: await db.connectAs('player', newOwner()),
      service: await db.connectAs('service', 'shop'),
      auditor: await db.connectAs('auditor', 'audit'),
      job: await db.connectJob(),
    };
    const answers = await Promise.all(
      Object.entries(sessions).map(async ([name, session]) => [name, await seqAt(wallet, at(2), session)]),
    );

    expect(answers).toEqual([
      ['owner', '2'],
      ['other', '0'],
      ['service', '2'],
      ['auditor', '2'],
      ['job', '2'],
    ]);
  });

  it('takes a look-up for each doubling of the history', async () => {
    const wallet = await walletAt(Array.from({ length: 50_000 }, (_, nth) => nth));
    const service = await db.connectAs('service', 'shop');
    await seqAt(wallet, at(20_000), service);

    const { rows } = await service.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
      `explain (analyze, buffers, format json) select ledger_private.seq_at('${wallet}', '${at(20_000)}')`,
    );

    // 17 entries, each with its pages of the index and a look at the wallet for the caller's rights.
    expect(rows[0]?.['QUERY PLAN'][0]?.Plan['Shared Hit Blocks']).toBeLessThan(17 * 12);
  });
});

describe('seq_before', () => {
  it('leaves out what was booked at that very instant', async () => {
    const wallet = await walletAt([1, 2, 2, 3]);
    const seqBefore = (time: string | null) => seqAt(wallet, time, db, 'seq_before');

    expect(await seqBefore(at(2))).toBe('1');
    expect(await seqBefore(at(2, 1))).toBe('3');
    expect(await seqBefore(at(1))).toBe('0');
    expect(await seqBefore('infinity')).toBe('4');
    expect(await seqBefore('-infinity')).toBe('0');
    expect(await seqBefore(null)).toBeNull();
  });
});
