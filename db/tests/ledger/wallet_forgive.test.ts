import { debtRefusals, owing } from '../debts.ts';
import {
  call,
  createDatabase,
  expectSound,
  newKey,
  refusal,
  type RefusalCase,
  rowsOf,
  setStatus,
  UNKNOWN_WALLET,
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

describe('wallet_forgive', () => {
  const db = createDatabase();

  const forgive = (wallet_id: string, amount: number, args: Record<string, unknown> = {}) =>
    call(db, 'wallet_forgive', { wallet_id, amount, idem_key: newKey(), reason: 'a gesture', ...args });

  it('reduces the debt, partly and completely, and leaves the balance unchanged', async () => {
    const wallet = await owing(db, { bought: 5 });

    expect(await forgive(wallet, 30)).toMatchObject({ kind: 'forgiveness', amount: '30', balance: '5', owed: '50' });
    expect(await forgive(wallet, 50)).toMatchObject({ balance: '5', available: '5', owed: '0' });
    const { rows } = await db.query(
      `select debit, credit, amount, metadata ->> 'reason' as reason, owed
       from ledger.entries where wallet_id = $1 and kind = 'forgiveness' order by seq`,
      [wallet],
    );
    expect(rows).toEqual([
      { debit: 'losses', credit: 'receivables', amount: '30', reason: 'a gesture', owed: '50' },
      { debit: 'losses', credit: 'receivables', amount: '50', reason: 'a gesture', owed: null },
    ]);
    await expectSound(db);
  });

  it('names the reason if the key is reused with another one (WLKEY)', async () => {
    const wallet = await owing(db);
    const idem_key = newKey();
    const first = await forgive(wallet, 3, { idem_key });

    expect(await forgive(wallet, 3, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(forgive(wallet, 3, { idem_key, reason: 'another' }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'reason', first: 'a gesture', again: 'another' },
    });
  });

  it('books in a frozen wallet', async () => {
    const wallet = await owing(db, { bought: 10 });
    await setStatus(db, wallet, 'frozen');

    expect(await forgive(wallet, 10)).toMatchObject({ owed: '70' });
  });

  const table: RefusalCase[] = [
    ...debtRefusals(db, 'forgiveness', { reason: 'a gesture' }),
    ...[null, '', 'x'.repeat(1001)].map((reason) => ({
      code: 'WLARG',
      what: `the reason ${JSON.stringify(reason).slice(0, 20)} for an unknown wallet`,
      detail: { argument: 'reason' },
      arrange: () =>
        Promise.resolve({ wallet_id: UNKNOWN_WALLET, amount: 1, idem_key: newKey(), reason, metadata: '[]' }),
    })),
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_forgive', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await owing(db);

    expect(
      await refusal(call(db, 'wallet_forgive', { wallet_id, amount, idem_key: newKey(), reason: 'a gesture' })),
    ).toMatchObject({ code });
  });
});
