/** A customer's requests to a running service, for any URL and any deployment. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Caller, type Answer, type GraphqlReceipt } from '../../../src/testing.ts';

export interface Target {
  url: string;
  /** For the role service. */
  token: string;
  asset: string;
}

export interface Trace {
  walletId: string;
  /** A spend with its receipt: a retry must replay it. */
  input: Record<string, unknown>;
  receipt: GraphqlReceipt;
}

const HISTORY_HEADER =
  'seq,created_at,kind,side,amount,bonus_amount,held_amount,balance,bonus_balance,held_balance,transfer_id,counterparty,idem_key,actor,metadata';

export const callerOf = ({ url, token }: Pick<Target, 'url' | 'token'>): Caller =>
  new Caller({ url }, Promise.resolve(token));

/** Throws at the first wrong answer; reports successful steps. */
export async function walkThrough({ url, token, asset }: Target, report: (step: string) => void): Promise<Trace> {
  const service = callerOf({ url, token });
  const ownerId = `e2e-${randomUUID()}`;

  await refuses(new Caller({ url }, Promise.resolve(undefined)).post('{ __typename }'), 'UNAUTHENTICATED', 401);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  report('is ready, and refuses a call without a token');

  const open = () =>
    service.data<{ walletOpen: { wallet: { id: string } } }>(
      'mutation ($input: WalletOpenInput!) { walletOpen(input: $input) { wallet { id } } }',
      { input: { ownerId, assetCode: asset } },
    );
  const { id: walletId } = (await open()).walletOpen.wallet;
  assert.equal((await open()).walletOpen.wallet.id, walletId);
  report('opens a wallet, once');

  const topUp = await service.receipt('walletTopUp', { walletId, amount: '100', idemKey: 'payment' });
  holds(topUp, { seq: '1', balance: '100', bonusBalance: '0', replayed: false });
  const bonus = await service.receipt('walletBonus', { walletId, amount: '50', idemKey: 'gift' });
  holds(bonus, { seq: '2', balance: '150', bonusBalance: '50' });
  report('tops up and gives a bonus');

  const input = { walletId, amount: '60', idemKey: 'order', metadata: { item: 'sword' } };
  const receipt = await service.receipt('walletSpend', input);
  holds(receipt, { seq: '3', amount: '60', bonusAmount: '50', balance: '90', bonusBalance: '0', replayed: false });
  report('spends, the bonus first');

  await replays(service, { walletId, input, receipt });
  report('answers the same call with the same receipt, and books nothing');

  await refuses(service.mutate('walletSpend', { ...input, amount: '61' }), 'IDEMPOTENCY_KEY_REUSED');
  const poor = await refuses(
    service.mutate('walletSpend', { walletId, amount: '91', idemKey: 'too much' }),
    'INSUFFICIENT_FUNDS',
  );
  holds(poor, { available: '90', requested: '91' });
  await refuses(service.mutate('walletSpend', { walletId, amount: '0', idemKey: 'nothing' }), 'INVALID_AMOUNT');
  await refuses(
    service.mutate('walletReverse', { walletId, transferId: receipt.transferId, idemKey: 'not mine to do' }),
    'FORBIDDEN',
  );
  report('refuses a key used again, more than there is, nothing, and what the role may not');

  const hold = await service.receipt('walletHold', { walletId, amount: '40', idemKey: 'reserve' });
  holds(hold, { balance: '90', heldBalance: '40', available: '50' });
  const capture = await service.receipt('walletCapture', {
    walletId,
    holdId: hold.holdId,
    amount: '30',
    idemKey: 'deliver',
  });
  holds(capture, { balance: '60', heldBalance: '0', available: '60' });
  report('reserves and captures');

  const { wallet } = await service.data<{ wallet: { balance: string; entries: { nodes: { kind: string }[] } } }>(
    '{ wallet(id: "' + walletId + '") { balance entries(first: 10) { nodes { kind } } } }',
  );
  assert.equal(wallet.balance, '60');
  assert.deepEqual(
    wallet.entries.nodes.map(({ kind }) => kind),
    ['capture', 'hold', 'spend', 'bonus', 'top_up'],
  );
  report('shows the balance and the movements, newest first');

  const history = await service.fetch(`/wallets/${walletId}/history.csv`);
  assert.equal(history.status, 200);
  const [header, ...rows] = (await history.text()).trim().split(/\r?\n/);
  assert.equal(header, HISTORY_HEADER);
  assert.deepEqual(
    rows.map((row) => row.split(',').filter((_, column) => [0, 2, 4, 7].includes(column))),
    [
      ['1', 'top_up', '100', '100'],
      ['2', 'bonus', '50', '150'],
      ['3', 'spend', '60', '90'],
      ['4', 'hold', '0', '90'],
      ['5', 'capture', '30', '60'],
    ],
  );
  assert.equal((await service.fetch(`/wallets/${randomUUID()}/history.csv`)).status, 404);
  report('writes the history as CSV, and none of a wallet that is not there');

  return { walletId, input, receipt };
}

export async function replays(service: Caller, { input, receipt }: Trace): Promise<void> {
  assert.deepEqual(await service.receipt('walletSpend', input), { ...receipt, replayed: true });
}

/** Expects the refusal and returns its detail. */
async function refuses(answer: Promise<Answer>, code: string, status = 200): Promise<object> {
  const { status: given, body } = await answer;
  assert.deepEqual([given, body.errors?.map(({ extensions }) => extensions.code)], [status, [code]]);
  return body.errors?.[0]?.extensions.detail ?? {};
}

function holds(actual: object, expected: Record<string, unknown>): void {
  const seen = Object.entries(actual).filter(([name]) => name in expected);
  assert.deepEqual(Object.fromEntries(seen), expected);
}
