import { age, tampering } from '../aged.ts';
import {
  call,
  callAll,
  createDatabase,
  type GatewayRole,
  newAsset,
  newKey,
  newWallet,
  refusal,
  type Session,
} from '../helpers.ts';
import { bookSome, type JournalLine, randomInstants, someWallets } from '../reports.ts';
import { sealAll } from '../seals.ts';

const db = createDatabase();

interface Asked {
  asset_code?: unknown;
  from_time?: unknown;
  to_time?: unknown;
  after?: unknown;
}

const journal = (asked: Asked, session: Session = db) => callAll<JournalLine>(session, 'ledger_journal', { ...asked });
const idOf = ({ transfer_id, side }: JournalLine) => `${transfer_id} ${side}`;

/** Lines of the view of the whole journal, which does not use blocks. */
async function linesOf(asset: string, from: string, to: string): Promise<string[]> {
  const { rows } = await db.query<{ line: string }>(
    `select transfer_id || ' ' || side as line from ledger.journal
     where asset_code = $1 and created_at >= $2 and created_at < $3`,
    [asset, from, to],
  );
  return rows.map(({ line }) => line).sort();
}

describe('ledger_journal', () => {
  it('has two lines for each movement, of the same amount, and none for a hold', async () => {
    const asset_code = await newAsset(db);
    const wallet_id = await newWallet(db, asset_code, { bonus: 10 });
    const friend = await newWallet(db, asset_code);
    await call(db, 'wallet_hold', { wallet_id, amount: 2, idem_key: newKey() });
    const sent = await call(db, 'wallet_transfer', {
      ...{ from_wallet: wallet_id, to_wallet: friend, amount: 4, idem_key: 'gift' },
    });

    for (const close of [() => Promise.resolve([]), () => sealAll(db)]) {
      await close();
      const lines = await journal({ asset_code });
      expect(lines).toHaveLength(4);
      expect(lines.slice(0, 2)).toMatchObject([
        { kind: 'bonus', side: 'debit', account: 'promotions', wallet_id: null, amount: '10', bonus_amount: '10' },
        { kind: 'bonus', side: 'credit', account: 'players', wallet_id, amount: '10', bonus_amount: '10' },
      ]);
      const gift = { transfer_id: sent.transfer_id, account: 'players', amount: '4', idem_key: 'gift' };
      expect(lines.slice(2)).toMatchObject([
        { side: 'debit', wallet_id, ...gift },
        { side: 'credit', wallet_id: friend, ...gift },
      ]);
    }
  });

  it('has each line of a period once, wherever it begins and ends, and without bounds those of the whole ledger', async () => {
    const asset_code = await newAsset(db);
    const wallets = await someWallets(db, asset_code, 3);
    for (let turn = 0; turn < 12; turn += 1) {
      await bookSome(db, db, wallets, turn);
      if (turn % 3 > 0 && turn < 11) await sealAll(db);
      await age(db, '9 minutes 11 seconds');
    }

    const all = await journal({ asset_code });
    expect(all.map(idOf).sort()).toEqual(await linesOf(asset_code, '-infinity', 'infinity'));
    expect(all.some(({ cursor }) => cursor === null)).toBe(true);
    const instants = (await randomInstants(db, asset_code, 30)).sort();
    for (const [place, from_time] of instants.entries()) {
      const to_time = instants[place + (place % 5)] ?? 'infinity';
      const lines = await journal({ asset_code, from_time, to_time });
      expect(lines.map(idOf).sort()).toEqual(await linesOf(asset_code, from_time, to_time));
    }
  });

  it('continues after any of its cursors, without repetitions and omissions', async () => {
    const asset_code = await newAsset(db);
    const wallets = await someWallets(db, asset_code, 2);
    for (let turn = 0; turn < 4; turn += 1) {
      await bookSome(db, db, wallets, turn);
      if (turn < 3) await sealAll(db);
    }
    const ids = (lines: JournalLine[]) => lines.map(idOf);

    const all = await journal({ asset_code });
    for (const [place, { cursor }] of all.entries()) {
      if (cursor === null) continue;
      expect(ids(await journal({ asset_code, after: cursor }))).toEqual(ids(all.slice(place + 1)));
    }
    const last = all.findLastIndex(({ cursor }) => cursor !== null);
    expect(last).toBeGreaterThan(10);
    expect(last).toBeLessThan(all.length - 4);
    // Lines that had no position yet come after the cursor.
    await bookSome(db, db, wallets, 4);
    await sealAll(db);
    const now = await journal({ asset_code });
    expect(ids(now.slice(0, last + 1))).toEqual(ids(all.slice(0, last + 1)));
    expect(ids(await journal({ asset_code, after: all[last]?.cursor }))).toEqual(ids(now.slice(last + 1)));
    expect(now.every(({ cursor }) => cursor !== null)).toBe(true);
  });

  it('comes block by block, in the order of booking, without sorting everything first', async () => {
    const asset_code = await newAsset(db);
    const wallets = await someWallets(db, asset_code, 2);
    for (let turn = 0; turn < 6; turn += 1) {
      await bookSome(db, db, wallets, turn);
      await sealAll(db);
    }

    const lines = await journal({ asset_code });
    const places = lines.map(({ cursor, created_at }) => [Number(cursor?.split('.')[0]), created_at] as const);
    expect(places).toEqual(
      places.toSorted(([block, at], [other, then]) => block - other || (at < then ? -1 : at > then ? 1 : 0)),
    );
    const { rows } = await db.query<{ 'QUERY PLAN': string }>('explain select * from ledger.ledger_journal()');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/^Incremental Sort|\n\s+->  Incremental Sort/);
    expect(plan).not.toMatch(/Function Scan on ledger_journal/);
  });

  it('has the time at which each line counts, and whether that is final', async () => {
    const own = await db.connect();
    const asset_code = await newAsset(db);
    const wallet_id = await newWallet(db, asset_code, { bought: 1 });
    await sealAll(db);
    await tampering(db, (client) =>
      client.query(
        `update ledger.blocks set final_until = date_trunc('hour', clock_timestamp() + interval '2 hours', 'UTC')
         where seq = (select max(seq) from ledger.blocks)`,
      ),
    );
    await call(db, 'wallet_top_up', { wallet_id, amount: 4, idem_key: newKey() });
    const { rows } = await own.query<{ until: string }>('select max(final_until)::text as until from ledger.blocks');
    const until = rows[0]?.until ?? '';

    for (const close of [() => Promise.resolve([]), () => sealAll(db)]) {
      await close();
      const lines = await journal({ asset_code });
      expect(lines.map(({ final }) => final)).toEqual([true, true, false, false]);
      expect(lines[1]?.counted_at).toBe(lines[1]?.created_at);
      expect(lines.slice(2).map(({ counted_at }) => counted_at)).toEqual([until, until]);
      // The final period is unchanged.
      expect(await journal({ asset_code, to_time: until })).toHaveLength(2);
      expect(await journal({ asset_code, from_time: until })).toHaveLength(2);
    }
  });

  it('is for operators and auditors, and for no other role of the gateway (42501)', async () => {
    const asset_code = await newAsset(db);
    await newWallet(db, asset_code, { bought: 3 });
    await sealAll(db);
    await newWallet(db, asset_code, { bought: 4 });
    const ask = async (role: GatewayRole) => journal({ asset_code }, await db.connectAs(role, 'x'));

    for (const role of ['operator', 'auditor'] as const) expect(await ask(role)).toHaveLength(4);
    for (const role of ['player', 'service'] as const)
      expect(await refusal(ask(role))).toMatchObject({ code: '42501' });
    expect(await refusal(journal({ asset_code }, await db.connectJob()))).toMatchObject({ code: '42501' });
  });

  it.each([
    ['an end before the beginning', 'to_time', { from_time: '2026-02-01Z', to_time: '2026-01-01Z', after: 'x' }],
    ...[
      ...[
        '',
        'x',
        '1.2.3',
        '1.2.00000000-0000-0000-0000-000000000000.',
        '0.2.00000000-0000-0000-0000-000000000000.debit',
      ],
      ...[
        '1.2.00000000-0000-0000-0000-000000000000.debit ',
        '1.99999999999999999999.00000000-0000-0000-0000-000000000000.debit',
      ],
    ].map((after): [string, string, Asked] => [
      `the cursor "${after}"`,
      'after',
      { asset_code: 'no-such-asset', after },
    ]),
  ] as [string, string, Asked][])('refuses %s with WLARG', async (_what, argument, asked) => {
    expect(await refusal(journal(asked))).toMatchObject({ code: 'WLARG', detail: { argument } });
  });

  it('refuses an unknown asset (WLNOA)', async () => {
    expect(await refusal(journal({ asset_code: 'no-such-asset' }))).toMatchObject({ code: 'WLNOA' });
  });
});
