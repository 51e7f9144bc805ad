/** What the tests of the console find in the ledger: a player with a history of every kind. */
import { randomUUID } from 'node:crypto';
import type { Caller } from '../../src/testing.ts';

export interface Scene {
  owner: string;
  wallet: string;
  other: string;
  spendTransfer: string;
  topUpTransfer: string;
  hold: string;
}

/** An asset with two digits after the point, two players, and what they did. */
export async function playScene(operator: Caller, asset = 'GOLD'): Promise<Scene> {
  const owner = `carol-${randomUUID().slice(0, 8)}`;
  await createAsset(operator, asset, 'Gold Coins');
  const wallet = await openWallet(operator, owner, asset);
  const other = await openWallet(operator, `dave-${randomUUID().slice(0, 8)}`, asset);
  const soon = new Date(Date.now() + 30 * 86_400_000).toISOString();
  const topUp = await operator.receipt('walletTopUp', {
    walletId: wallet,
    amount: '125000',
    idemKey: 'payment-2041',
    metadata: { payment: 'PAY-2041', method: 'card' },
  });
  await operator.receipt('walletBonus', {
    walletId: wallet,
    amount: '25000',
    idemKey: 'welcome',
    metadata: { campaign: 'welcome' },
  });
  await operator.receipt('walletBonus', {
    walletId: wallet,
    amount: '5000',
    idemKey: 'spring',
    expiresAt: soon,
    metadata: { campaign: 'spring' },
  });
  const spend = await operator.receipt('walletSpend', {
    walletId: wallet,
    amount: '3450',
    idemKey: 'order-77',
    metadata: { item: 'sword', order: 77 },
  });
  await operator.receipt('walletReverse', {
    walletId: wallet,
    transferId: spend.transferId,
    amount: '1000',
    idemKey: 'refund-77',
    metadata: { reason: 'a part was missing' },
  });
  await operator.receipt('walletTransfer', { fromWallet: wallet, toWallet: other, amount: '1250', idemKey: 'gift-1' });
  const hold = await operator.receipt('walletHold', {
    walletId: wallet,
    amount: '20000',
    idemKey: 'booking-5',
    expiresAt: soon,
  });
  return {
    owner,
    wallet,
    other,
    spendTransfer: spend.transferId,
    topUpTransfer: topUp.transferId,
    hold: hold.holdId ?? '',
  };
}

/** With two digits after the point. */
export async function createAsset(operator: Caller, code: string, name = code): Promise<void> {
  await operator.data('mutation ($input: AssetCreateInput!) { assetCreate(input: $input) { asset { code } } }', {
    input: { code, name, scale: 2 },
  });
}

export async function openWallet(operator: Caller, ownerId: string, assetCode = 'GOLD'): Promise<string> {
  const { walletOpen } = await operator.data<{ walletOpen: { wallet: { id: string } } }>(
    'mutation ($input: WalletOpenInput!) { walletOpen(input: $input) { wallet { id } } }',
    { input: { ownerId, assetCode } },
  );
  return walletOpen.wallet.id;
}
