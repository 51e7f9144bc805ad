/** Runs the queries of docs/support.md: each answers its question. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, inMs, newAsset, newKey, newOwner } from '../../db/tests/helpers.ts';
import { createGateway, ROOT } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;
const operator = gateway.as('operator', 'kim');

const QUERIES = readFileSync(join(ROOT, 'docs/support.md'), 'utf8')
  .split(/^## /m)
  .flatMap((section) =>
    [...section.matchAll(/^```graphql[^\n]*\n([^]*?)^```/gm)].map(([, query = '']) => ({
      heading: section.split('\n')[0] ?? '',
      query,
    })),
  );

/** A row with its lists, or a list. */
interface Part {
  nodes: Record<string, unknown>[];
  entries: Part;
  reversals: Part;
}

/** Runs the n-th query under a heading. */
async function ask(heading: string, variables: object = {}, n = 0): Promise<Record<string, Part>> {
  const found = QUERIES.filter((query) => query.heading.startsWith(heading))[n];
  if (!found) throw new Error(`no query under ${heading}`);
  return operator.data<Record<string, Part>>(found.query, { ...variables });
}

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Scene {
  asset: string;
  owner: string;
  walletId: string;
  bought: string;
  spent: string;
  refund: string;
  payment: string;
  order: string;
}

let scene: Scene;
beforeAll(async () => {
  const sql = await db.connectAs('operator', 'kim');
  const [asset, owner, payment, order] = [await newAsset(db), newOwner(), newKey(), newKey()];
  const walletId = (await call<{ id: string }>(sql, 'wallet_open', { owner_id: owner, asset_code: asset })).id;
  const book = (name: string, args: object) => call(sql, name, { wallet_id: walletId, idem_key: newKey(), ...args });
  const shop = await db.connectAs('service', 'shop');
  const bought = await call(shop, 'wallet_top_up', {
    wallet_id: walletId,
    amount: 100,
    idem_key: order,
    metadata: { payment, shop: 'eu' },
  });
  await call(shop, 'wallet_bonus', {
    wallet_id: walletId,
    amount: 20,
    idem_key: newKey(),
    expires_at: await inMs(db, 3 * DAY),
  });
  const spent = await call(shop, 'wallet_spend', { wallet_id: walletId, amount: 30, idem_key: newKey() });
  const refund = await book('wallet_reverse', {
    transfer_id: spent.transfer_id,
    amount: 4,
    metadata: { reason: 'a broken sword' },
  });
  await call(shop, 'wallet_bonus', {
    wallet_id: walletId,
    amount: 6,
    idem_key: newKey(),
    expires_at: await inMs(db, 2 * DAY),
  });
  await book('wallet_hold', { amount: 5 });
  await call(sql, 'wallet_freeze', { wallet_id: walletId, reason: 'a stolen card' });
  scene = {
    asset,
    owner,
    walletId,
    bought: bought.transfer_id,
    spent: spent.transfer_id,
    refund: refund.transfer_id,
    payment,
    order,
  };
});

describe('docs/support.md', () => {
  it('has a query for each of the ten questions, and one for the state of the ledger', () => {
    const headings = new Set(QUERIES.map(({ heading }) => heading));

    expect([...headings].map((heading) => heading.replace(/\..*/, ''))).toEqual([
      ...Array.from({ length: 10 }, (_, n) => String(n + 1)),
      'How is the ledger?',
    ]);
  });

  it('1: where credits went', async () => {
    const { wallet } = await ask('1.', { walletId: scene.walletId });

    expect(wallet).toMatchObject({ balance: '100', status: 'frozen' });
    expect(wallet?.entries.nodes.map(({ kind, balance }) => `${String(kind)} ${String(balance)}`)).toEqual([
      'hold 100',
      'bonus 100',
      'reversal 94',
      'spend 90',
      'bonus 120',
      'top_up 100',
    ]);
  });

  it('2: who refunded a transfer', async () => {
    const { transfer } = await ask('2.', { transferId: scene.spent });

    expect(transfer?.reversals.nodes).toMatchObject([
      { amount: '4', actor: 'operator:kim', metadata: { reason: 'a broken sword' } },
    ]);
  });

  it('3: a payment reference, as a key and in the metadata', async () => {
    const found = { id: scene.bought, wallet: { id: scene.walletId, ownerId: scene.owner } };

    expect((await ask('3.', { key: scene.order })).transfers?.nodes).toMatchObject([found]);
    const reference = { payment: scene.payment };
    expect((await ask('3.', { reference, from: ago(HOUR) }, 1)).transfers?.nodes).toMatchObject([found]);
    expect((await ask('3.', { reference, from: ago(2 * HOUR), to: ago(HOUR) }, 1)).transfers?.nodes).toEqual([]);
  });

  it('4: what expires this week', async () => {
    const week = await ask('4.', { before: await inMs(db, 7 * DAY) });

    expect(week.expiringLots?.nodes).toMatchObject([
      { amount: '1', heldAmount: '5', wallet: { id: scene.walletId, ownerId: scene.owner } },
    ]);
    expect((await ask('4.', { before: await inMs(db, DAY) })).expiringLots?.nodes).toEqual([]);
  });

  it('5: which wallets are frozen, and why', async () => {
    const { wallets } = await ask('5.');

    expect(wallets?.nodes).toMatchObject([
      { id: scene.walletId, events: { nodes: [{ kind: 'frozen', reason: 'a stolen card', actor: 'operator:kim' }] } },
    ]);
  });

  it('6: which holds are overdue', async () => {
    expect((await ask('6.')).holds?.nodes).toMatchObject([
      { amount: '5', expiresAt: null, wallet: { id: scene.walletId }, transfer: { actor: 'operator:kim' } },
    ]);
    expect((await ask('6.', { dueBefore: await inMs(db, DAY) })).holds?.nodes).toEqual([]);
  });

  it('7: what an operator did', async () => {
    const { operatorActions } = await ask('7.', { actor: 'operator:kim', from: ago(HOUR) });

    expect(operatorActions?.nodes).toMatchObject([
      { action: 'frozen', reason: 'a stolen card', wallet: { id: scene.walletId } },
      { action: 'hold', transfer: { amount: '5' } },
      { action: 'reversal', reason: 'a broken sword', transfer: { amount: '4' } },
    ]);
    const before = { actor: 'operator:kim', from: ago(2 * DAY), to: ago(DAY) };
    expect((await ask('7.', before)).operatorActions?.nodes).toEqual([]);
  });

  it('8: how much of an order can still be refunded', async () => {
    const { transfers } = await ask('8.', { key: scene.order });

    expect(transfers?.nodes).toMatchObject([{ id: scene.bought, reversible: '100', wallet: { owed: '0' } }]);
  });

  it('9: what players are owed', async () => {
    const { ledgerBalancesAt } = await ask('9.', { instants: [await inMs(db, 0)], asset: scene.asset });

    expect(ledgerBalancesAt?.nodes).toContainEqual(
      expect.objectContaining({ account: 'players', balance: '100', bonusBalance: '6' }),
    );
  });

  it('10: how much bonus was spent', async () => {
    const { ledgerActivity } = await ask('10.', { asset: scene.asset, from: ago(HOUR), to: await inMs(db, HOUR) });

    expect(ledgerActivity?.nodes).toContainEqual(
      expect.objectContaining({ kind: 'spend', credit: 'revenue', amount: '30', bonusAmount: '20' }),
    );
  });

  it('and the state of the ledger', async () => {
    const { ledgerState, ledgerEventsNewest } = await ask('How is the ledger?');

    expect(ledgerState).toMatchObject({ unsettledWallets: '0', overdueSeconds: 0 });
    expect(ledgerEventsNewest).toEqual(expect.any(Array));
  });
});
