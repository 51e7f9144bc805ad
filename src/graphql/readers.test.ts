/** Reads must not slow down calls that post. */
import { setTimeout as sleep } from 'node:timers/promises';
import { newKey, newWallet, someAsset } from '../../db/tests/helpers.ts';
import { createGateway, errorOf, type Answer, type Caller } from '../testing.ts';

/** With eight connections for calls, six are for reads. */
const gateway = createGateway({ POOL_SIZE: '10' });
const { db } = gateway;
const service = gateway.as('service', 'shop');
const WALLETS = '{ wallets(first: 1) { nodes { id } } }';
const VERIFY = '{ ledgerVerify { nodes { rule } } }';

let walletId = '';
beforeAll(async () => {
  walletId = await newWallet(db, await someAsset(db), { bought: 100 });
  // Readers with these roles wait until they are cancelled, for as long as the table says.
  await db.query(`
    create table public.staying as select 3600 as seconds;
    grant select on public.staying to public;
    create function public.stay() returns boolean language plpgsql
      as $$ begin perform pg_sleep(seconds) from public.staying; return true; end $$;
    create policy stay on ledger.wallets as restrictive for select to wallet_auditor, wallet_operator using ((select public.stay()))`);
});

const staying = async (name: string): Promise<number> => {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and application_name = $1 and wait_event = 'PgSleep'`,
    [name],
  );
  return rows[0]?.count ?? 0;
};
const cancel = () =>
  db.query(
    "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
  );

/** Waits until `count` readers wait, and checks that no more do while others are served. */
async function stay(count: number, name: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; (await staying(name)) < count; await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`${await staying(name)} stay`);
  }
}

/** Cancels waiting readers until all have an answer. */
async function end(answers: Promise<Answer>[]): Promise<Answer[]> {
  const all = Promise.all(answers);
  const isOver = { value: false };
  const over = all.finally(() => (isOver.value = true));
  while (!isOver.value) {
    await cancel();
    await Promise.race([over, sleep(20)]);
  }
  return all;
}

const spend = () => service.receipt('walletSpend', { walletId, amount: 1, idemKey: newKey() });
const many = (caller: Caller, query: string, count: number) => Array.from({ length: count }, () => caller.post(query));
const codeOf = (answer: Answer) => errorOf(answer).extensions.code;

describe('a posting', () => {
  it('does not wait for auditors, two of whom are served at a time', async () => {
    const answers = many(gateway.as('auditor'), VERIFY, 10);
    await stay(2, 'wallet-audit');

    const receipts = [await spend(), await spend()];

    expect(receipts.map(({ replayed }) => replayed)).toEqual([false, false]);
    expect([await staying('wallet-audit'), await staying('wallet-gateway')]).toEqual([2, 0]);
    expect((await end(answers)).map(codeOf)).toEqual(Array(10).fill('TIMEOUT'));
  });

  it('does not wait for readers, which leave connections free', async () => {
    const answers = many(gateway.as('operator'), WALLETS, 20);
    await stay(6, 'wallet-gateway');

    const receipts = await Promise.all([spend(), spend(), spend()]);

    expect(receipts.map(({ replayed }) => replayed)).toEqual([false, false, false]);
    expect(await staying('wallet-gateway')).toBe(6);
    expect((await end(answers)).map(codeOf)).toEqual(Array(20).fill('TIMEOUT'));
  });
});

describe('an auditor', () => {
  it('is RETRY if too many wait already, and is served after them', async () => {
    const auditor = gateway.as('auditor');
    const query = `{ ${Array.from({ length: 50 }, (_, nth) => `a${nth}: ledgerTrialBalance(assetCode: "X${nth}") { nodes { debit } }`).join(' ')} }`;
    const first = [auditor.post(query), auditor.post(query)];
    await stay(2, 'wallet-audit');

    const late = await Promise.race(many(auditor, VERIFY, 10));

    expect(errorOf(late)).toMatchObject({
      message: 'retry: too many audits at a time',
      extensions: { code: 'RETRY' },
    });
    await db.query('delete from public.staying');
    await end(first);
    expect((await auditor.post(VERIFY)).body).toEqual({ data: { ledgerVerify: { nodes: [] } } });
  });
});
