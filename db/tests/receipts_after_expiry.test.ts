/** Receipts of movements that give back what has expired: the same commit books it away, and it is not available after it. */
import { age } from './aged.ts';
import { call, createDatabase, inMs, newKey, newWallet, type Receipt, refusal, someAsset } from './helpers.ts';

interface Case {
  what: string;
  /** Of 40 that expire in an hour; what it returns is asked an hour later. */
  arrange: (wallet_id: string) => Promise<{ name: string; args: Record<string, unknown> }>;
  receipt: Partial<Receipt>;
}

describe('a receipt shows what can be spent after its commit', () => {
  const db = createDatabase();
  const book = (name: string, args: Record<string, unknown>) => call(db, name, { idem_key: newKey(), ...args });
  const hold = (wallet_id: string, amount: number) => book('wallet_hold', { wallet_id, amount });

  const CASES: Case[] = [
    {
      what: 'a release',
      arrange: async (wallet_id) => {
        const { hold_id } = await hold(wallet_id, 30);
        return { name: 'wallet_release', args: { wallet_id, hold_id } };
      },
      receipt: { amount: '30', balance: '30', bonus_balance: '30', held_balance: '0', available: '0' },
    },
    {
      what: 'a release beside another hold of the same lot',
      arrange: async (wallet_id) => {
        const { hold_id } = await hold(wallet_id, 30);
        await hold(wallet_id, 7);
        return { name: 'wallet_release', args: { wallet_id, hold_id } };
      },
      receipt: { amount: '30', balance: '37', bonus_balance: '37', held_balance: '7', available: '0' },
    },
    {
      what: 'a capture of a part',
      arrange: async (wallet_id) => {
        const { hold_id } = await hold(wallet_id, 30);
        return { name: 'wallet_capture', args: { wallet_id, hold_id, amount: 10 } };
      },
      receipt: { amount: '10', balance: '20', bonus_balance: '20', held_balance: '0', available: '0' },
    },
    {
      what: 'a capture of a part, with paid credits that came later',
      arrange: async (wallet_id) => {
        const { hold_id } = await hold(wallet_id, 30);
        await book('wallet_top_up', { wallet_id, amount: 5 });
        return { name: 'wallet_capture', args: { wallet_id, hold_id, amount: 10 } };
      },
      receipt: { amount: '10', balance: '25', bonus_balance: '20', held_balance: '0', available: '5' },
    },
    {
      what: 'a reversal of a spend',
      arrange: async (wallet_id) => {
        const { transfer_id } = await book('wallet_spend', { wallet_id, amount: 30 });
        return { name: 'wallet_reverse', args: { wallet_id, transfer_id } };
      },
      receipt: { amount: '30', balance: '30', bonus_balance: '30', held_balance: '0', available: '0' },
    },
  ];

  it.each(CASES)('of $what', async ({ arrange, receipt: expected }) => {
    const wallet_id = await newWallet(db, await someAsset(db));
    const expires_at = await inMs(db, 3_600_000);
    await book('wallet_bonus', { wallet_id, amount: 40, expires_at });
    const { name, args } = await arrange(wallet_id);
    await age(db, '1 hour');
    const request = { idem_key: newKey(), ...args };

    const receipt = await call(db, name, request);

    expect(receipt).toMatchObject({ ...expected, replayed: false });
    const { available } = receipt;
    expect(await call(db, 'wallet_balance', { wallet_id })).toMatchObject({
      balance: String(Number(available) + Number(receipt.held_balance)),
      available,
    });
    const more = { wallet_id, amount: String(BigInt(available) + 1n), idem_key: newKey() };
    expect(await refusal(call(db, 'wallet_spend', more))).toMatchObject({ code: 'WLFND', detail: { available } });
    // A repetition shows the balances of then.
    await book('wallet_top_up', { wallet_id, amount: 1 });
    expect(await call(db, name, request)).toEqual({ ...receipt, replayed: true });
  });
});
