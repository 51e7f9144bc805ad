/** The service with many concurrent callers: those that disconnect do not affect others, and metrics and traces show groups. */
import { randomBytes } from 'node:crypto';
import { expectSound, newKey, newWallet, rowsOf, someAsset } from '../../db/tests/helpers.ts';
import { createGateway, toWaiting, type GraphqlReceipt } from '../testing.ts';

const CALLERS = 64;
/** Callers that wait for their answer. */
const PATIENT = 48;
const SPEND = `mutation ($input: WalletSpendInput!) {
  walletSpend(input: $input) { receipt { transferId walletId amount balance replayed } } }`;

function valueOf(metrics: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
}

describe('64 callers at once', () => {
  const gateway = createGateway({ POOL_SIZE: '5' });
  const { db } = gateway;
  const metrics = async (): Promise<string> => (await gateway.with(undefined).fetch('/metrics')).text();

  /** Locks the wallet until all calls have arrived. */
  async function whileBusy<T>(wallet: string, work: (arrived: () => Promise<void>) => Promise<T>): Promise<T> {
    const holder = await db.connect();
    await holder.query('begin');
    await holder.query('select from ledger.wallets where id = $1 for update', [wallet]);
    const arrived = async (): Promise<void> => {
      await toWaiting(db, 'abs');
      while (valueOf(await metrics(), 'http_requests_in_flight') < PATIENT) await toWaiting(db, 'abs');
      await holder.query('rollback');
    };
    return work(arrived).finally(() => holder.query('rollback'));
  }

  it('on one wallet, a fourth of them disconnecting and a fourth asking for too much: the others get their receipts', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 1000 });
    const service = gateway.as('service', 'shop');
    const before = await metrics();
    const inputs = Array.from({ length: CALLERS }, (_, nth) => ({
      walletId,
      amount: nth % 4 === 1 ? '100000' : '1',
      idemKey: newKey(),
    }));
    const call = (input: object, signal?: AbortSignal): Promise<Response> =>
      service.fetch('/graphql', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ query: SPEND, variables: { input } }),
        ...(signal && { signal }),
      });
    const again = async (input: object): Promise<{ data: unknown; errors?: { extensions: { code: string } }[] }> => {
      for (;;) {
        const answer = (await (await call(input)).json()) as Awaited<ReturnType<typeof again>>;
        // The lock timeout has passed on a busy machine.
        if (answer.errors?.[0]?.extensions.code !== 'RETRY') return answer;
      }
    };

    const gone = new AbortController();
    const answers = await whileBusy(walletId, async (arrived) => {
      const calls = inputs.map((input, nth) =>
        nth % 4 === 3
          ? call(input, gone.signal).then(
              () => 'answered',
              () => 'gone',
            )
          : again(input),
      );
      await arrived();
      gone.abort();
      return Promise.all(calls);
    });

    for (const [nth, answer] of answers.entries()) {
      if (nth % 4 === 3) expect(['gone', 'answered']).toContain(answer);
      else if (nth % 4 === 1)
        expect(answer).toMatchObject({ errors: [{ extensions: { code: 'INSUFFICIENT_FUNDS' } }] });
      else expect(answer).toMatchObject({ data: { walletSpend: { receipt: { walletId, amount: '1' } } } });
    }
    // A replay with their keys shows what became of the aborted calls.
    const receipts: GraphqlReceipt[] = [];
    for (const input of inputs.filter(({ amount }) => amount === '1'))
      receipts.push(await service.receipt('walletSpend', input));
    expect(new Set(receipts.map(({ transferId }) => transferId)).size).toBe(PATIENT);
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 49, entries: 49 });
    const after = await metrics();
    const sent = valueOf(after, 'wallet_group_size_count') - valueOf(before, 'wallet_group_size_count');
    expect(valueOf(after, 'wallet_group_size_sum') - valueOf(before, 'wallet_group_size_sum')).toBeGreaterThan(sent);
    expect(valueOf(after, 'wallet_group_wait_seconds_count')).toBe(valueOf(after, 'wallet_group_size_sum'));
    await expectSound(db);
  });

  it('in one document keep their order, and further fields are read after the commit', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 10 });
    const spends = Array.from(
      { length: 5 },
      (_, nth) => `s${nth}: walletSpend(input: { walletId: "${walletId}", amount: "1", idemKey: "${newKey()}" }) {
        receipt { balance } query { wallet(id: "${walletId}") { balance } } }`,
    );

    const documents = await Promise.all(
      Array.from({ length: 2 }, (_, nth) =>
        gateway
          .as('service', 'shop')
          .data<Record<string, { receipt: { balance: string }; query: { wallet: { balance: string } } }>>(
            `mutation { ${spends.map((spend) => (nth === 0 ? spend : spend.replaceAll('key-', 'other-'))).join('\n')} }`,
          ),
      ),
    );

    for (const data of documents) {
      const balances = Object.values(data).map(({ receipt }) => Number(receipt.balance));
      expect(balances).toEqual([...balances].sort((a, b) => b - a));
      for (const { receipt, query } of Object.values(data))
        expect(Number(query.wallet.balance)).toBeLessThanOrEqual(Number(receipt.balance));
    }
    expect((await rowsOf(db, walletId)).entries).toBe(11);
  });
});

describe('with GROUP_CALLS=false', () => {
  const gateway = createGateway({ GROUP_CALLS: 'false' });

  it('each call is sent alone', async () => {
    const walletId = await newWallet(gateway.db, await someAsset(gateway.db), { bought: 100 });
    const service = gateway.as('service', randomBytes(4).toString('hex'));

    await Promise.all(
      Array.from({ length: 20 }, () => service.receipt('walletSpend', { walletId, amount: '1', idemKey: newKey() })),
    );

    const text = await (await service.fetch('/metrics')).text();
    expect(valueOf(text, 'wallet_group_size_count')).toBe(0);
    expect(await rowsOf(gateway.db, walletId)).toEqual({ transfers: 21, entries: 21 });
  });
});
