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
  UNREADABLE_AMOUNTS,
} from '../helpers.ts';

describe('wallet_collect', () => {
  const db = createDatabase();

  const collect = (wallet_id: string, amount: number, args: Record<string, unknown> = {}) =>
    call(db, 'wallet_collect', { wallet_id, amount, idem_key: newKey(), ...args });

  it('takes paid credits for the debt, and refuses more than the debt', async () => {
    const wallet = await owing(db, { bought: 100 });

    expect(await collect(wallet, 30)).toMatchObject({
      ...{ kind: 'collection', amount: '30', bonus_amount: '0', balance: '70', available: '70', owed: '50' },
    });
    expect(await refusal(collect(wallet, 51))).toMatchObject({
      code: 'WLLIM',
      message: 'limit exceeded: owed is 50, 50 left',
      detail: { limit: 'owed', max: '50', left: '50' },
    });
    expect(await collect(wallet, 50)).toMatchObject({ balance: '20', owed: '0' });
    expect(await refusal(collect(wallet, 1))).toMatchObject({ code: 'WLLIM', detail: { max: '0' } });
    await expectSound(db);
  });

  it('takes neither bonus nor reserved credits (WLFND)', async () => {
    const wallet = await owing(db, { bought: 30 });
    await call(db, 'wallet_bonus', { wallet_id: wallet, amount: 10, idem_key: newKey() });
    // 10 of 15 are bonus credits.
    await call(db, 'wallet_hold', { wallet_id: wallet, amount: 15, idem_key: newKey() });

    expect(await refusal(collect(wallet, 26))).toMatchObject({
      code: 'WLFND',
      detail: { available: '25', requested: '26' },
    });
    expect(await collect(wallet, 25)).toMatchObject({
      balance: '15',
      bonus_balance: '10',
      held_balance: '15',
      owed: '55',
    });
    await expectSound(db);
  });

  it('replays the original receipt after other movements', async () => {
    const wallet = await owing(db, { bought: 30 });
    const idem_key = newKey();
    const first = await collect(wallet, 5, { idem_key });
    await call(db, 'wallet_spend', { wallet_id: wallet, amount: 25, idem_key: newKey() });

    expect(await collect(wallet, 5, { idem_key })).toEqual({ ...first, replayed: true });
    expect(await refusal(collect(wallet, 6, { idem_key }))).toMatchObject({
      code: 'WLKEY',
      detail: { field: 'amount' },
    });
  });

  it('books in a frozen wallet', async () => {
    const wallet = await owing(db, { bought: 10 });
    await setStatus(db, wallet, 'frozen');

    expect(await collect(wallet, 10)).toMatchObject({ owed: '70' });
  });

  const table: RefusalCase[] = [
    ...debtRefusals(db, 'collection'),
    {
      code: 'WLFND',
      what: 'what an empty wallet owes',
      detail: { available: '0', requested: '80' },
      arrange: async () => ({ wallet_id: await owing(db), amount: 80, idem_key: newKey() }),
    },
  ];

  it.each(table)('refuses $what ($code)', async ({ code, arrange, detail }) => {
    const request = await arrange();
    const before = await rowsOf(db);

    const refused = await refusal(call(db, 'wallet_collect', request));

    expect(refused).toMatchObject({ code, detail });
    expect(refused.hint).not.toBe('');
    expect(await rowsOf(db)).toEqual(before);
  });

  it.each(UNREADABLE_AMOUNTS)('cannot read the amount %s (%s)', async (amount, code) => {
    const wallet_id = await owing(db);

    expect(await refusal(call(db, 'wallet_collect', { wallet_id, amount, idem_key: newKey() }))).toMatchObject({
      code,
    });
  });
});
