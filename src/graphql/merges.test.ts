/** walletMerge, and how a merged wallet and its successor are shown. */
import { call, expectSound, newAsset, newKey, newOwner, newWallet } from '../../db/tests/helpers.ts';
import { createGateway, errorOf } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;

/** Two wallets of one asset, their owners, and a call that merges the first into the second. */
async function arrange() {
  const asset = await newAsset(db);
  const [owner, successor] = [newOwner(), newOwner()];
  const from = await newWallet(db, asset, { bought: 100, bonus: 7, owner });
  const to = await newWallet(db, asset, { bought: 5, owner: successor });
  const input = { fromWallet: from, toWallet: to, idemKey: newKey(), reason: 'two accounts' };
  return { asset, owner, successor, from, to, input };
}
const operator = gateway.as('operator', 'kim');
const walletOf = `query ($id: UUID!) { wallet(id: $id) { status balance mergedIntoId mergedInto { id balance mergedInto { id } } } }`;

describe('walletMerge', () => {
  it('returns the receipt, also for a retry, and records the actor and the reason', async () => {
    const { from, to, input } = await arrange();

    const receipt = await operator.receipt('walletMerge', input);
    expect(receipt).toMatchObject({ walletId: from, kind: 'merge', amount: '107', bonusAmount: '7', balance: '0' });
    expect(await operator.receipt('walletMerge', input)).toEqual({ ...receipt, replayed: true });
    const { transfer } = await operator.data<{ transfer: object }>(
      `query ($id: UUID!) { transfer(id: $id) {
         kind amount actor reason metadata debitEntry { walletId balance side } creditEntry { walletId balance side } } }`,
      { id: receipt.transferId },
    );
    expect(transfer).toEqual({
      kind: 'merge',
      amount: '107',
      actor: 'operator:kim',
      reason: 'two accounts',
      metadata: { reason: 'two accounts' },
      debitEntry: { walletId: from, balance: '0', side: 'debit' },
      creditEntry: { walletId: to, balance: '112', side: 'credit' },
    });
    await expectSound(db);
  });

  it('books the same in a batch, in a group and over SQL', async () => {
    const [one, two, three] = [await arrange(), await arrange(), await arrange()];
    const item = ({ from, to, input }: typeof one) => ({
      kind: 'merge',
      walletId: from,
      counterpartyId: to,
      idemKey: input.idemKey,
      reason: input.reason,
    });
    const shown = { kind: 'merge', amount: '107', balance: '0', replayed: false };
    const { body } = await operator.mutate(
      'walletPostEach',
      { requests: [item(one), item(one)] },
      'outcomes { receipt { kind amount balance replayed } refusal { code } }',
    );
    expect(body.data).toEqual({
      walletPostEach: {
        outcomes: [
          { receipt: shown, refusal: null },
          { receipt: { ...shown, replayed: true }, refusal: null },
        ],
      },
    });
    const receipts = await Promise.all([one, two, three].map(({ input }) => operator.receipt('walletMerge', input)));
    expect(receipts.map(({ replayed }) => replayed)).toEqual([true, false, false]);
    const { from, to, input } = two;
    const args = { from_wallet: from, to_wallet: to, idem_key: input.idemKey, reason: input.reason };
    expect(await call(db, 'wallet_merge', args)).toMatchObject({ amount: '107', replayed: true });
    await expectSound(db);
  });

  it('is an operator’s: FORBIDDEN for a service, an auditor and a player', async () => {
    const { input } = await arrange();
    for (const role of ['service', 'auditor', 'player'] as const) {
      const answer = await gateway.as(role).mutate('walletMerge', input);
      expect([role, errorOf(answer).extensions.code]).toEqual([role, 'FORBIDDEN']);
    }
  });

  it('names the open holds (INVALID_ARGUMENT), and the successor to later callers (WALLET_CLOSED)', async () => {
    const { from, to, input } = await arrange();
    const held = await call(db, 'wallet_hold', { wallet_id: from, amount: 5, idem_key: newKey() });
    expect(errorOf(await operator.mutate('walletMerge', input)).extensions).toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: { argument: 'from_wallet', hold_ids: [held.hold_id] },
    });
    await call(db, 'wallet_release', { wallet_id: from, hold_id: held.hold_id, idem_key: newKey() });
    await operator.receipt('walletMerge', input);

    const late = { walletId: from, amount: '1', idemKey: newKey() };
    for (const name of ['walletTopUp', 'walletSpend'])
      expect(errorOf(await operator.mutate(name, late)).extensions).toMatchObject({
        code: 'WALLET_CLOSED',
        detail: { wallet_id: from, merged_into: to },
      });
  });

  it('shows the successor at the merged wallet, and the merged wallet at the successor; a player sees no other player’s wallet', async () => {
    const { asset, owner, from, to, input } = await arrange();
    const last = await newWallet(db, asset);
    await operator.receipt('walletMerge', input);
    await operator.receipt('walletMerge', { ...input, fromWallet: to, toWallet: last, idemKey: newKey() });

    expect(await gateway.as('auditor').data(walletOf, { id: from })).toEqual({
      wallet: {
        status: 'closed',
        balance: '0',
        mergedIntoId: to,
        mergedInto: { id: to, balance: '0', mergedInto: { id: last } },
      },
    });
    expect(await gateway.as('player', owner).data(walletOf, { id: from })).toEqual({
      wallet: { status: 'closed', balance: '0', mergedIntoId: to, mergedInto: null },
    });
  });

  it('lets walletReverse credit the successor', async () => {
    const { asset, to, input } = await arrange();
    const from = await newWallet(db, asset);
    const bought = await call(db, 'wallet_top_up', { wallet_id: from, amount: 30, idem_key: newKey() });
    await operator.receipt('walletMerge', { ...input, fromWallet: from });

    expect(
      await operator.receipt('walletReverse', { walletId: to, transferId: bought.transfer_id, idemKey: newKey() }),
    ).toMatchObject({ walletId: to, kind: 'reversal', amount: '30', balance: '5' });
    await expectSound(db);
  });
});
