/** A short slice of `npm run prove`, with a seed, and what it rests on. */
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { publicError } from '../../../src/errors.ts';
import { createWithPgClient } from '../../../src/database/pg_client.ts';
import { createPool } from '../../../src/database/pool.ts';
import { FlowBench, readFlows } from '../../../src/flows/testing_flows.ts';
import { newAsset, newKey, newWallet, type Receipt } from '../helpers.ts';
import { Chance } from './chance.ts';
import { Cluster } from './cluster.ts';
import { proveLossIsSeen } from './control.ts';
import { FAULTS } from './faults.ts';
import { prepareLedger, TEMPLATE } from './ledger.ts';
import { runRound } from './round.ts';
import { Tally } from './tally.ts';

const DATA = fileURLToPath(new URL(`../../../.data/prove-test-${process.pid}`, import.meta.url));
const LIMIT_MS = 600_000;

describe('a server that is killed, replaced, paused and cut off', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(DATA, {});
    await prepareLedger(cluster.url('postgres'));
    await cluster.addStandby();
  }, LIMIT_MS);
  afterAll(() => cluster.stop(), LIMIT_MS);

  const round = { clients: 6, chance: new Chance(1) };

  it(
    'loses nothing that was acknowledged, and books nothing twice',
    async () => {
      const tally = new Tally();
      const isEnough = (): boolean => (['resolved', 'faults', 'cuts'] as const).every((table) => tally.sum(table) > 0);
      const slice = { seconds: 8, isEnough, database: 'slice', name: 'slice', faults: FAULTS };
      await runRound({ ...round, cluster, tally, ...slice });
      expect(tally.words).toEqual([]);
      expect(tally.isClean).toBe(true);
      expect(tally.sum('resolved')).toBeGreaterThan(0);
      expect(tally.sum('faults')).toBeGreaterThan(0);
      expect(tally.sum('cuts')).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );

  it(
    'whose standby is not waited for loses some, and that is seen',
    async () => {
      const tally = new Tally();
      await proveLossIsSeen({ ...round, cluster, tally });
      expect(tally.words).toEqual([]);
      expect(tally.of('checks')).toEqual([[expect.stringMatching(/^control/), expect.any(Number)]]);
    },
    LIMIT_MS,
  );

  it(
    'whose standby has not confirmed a call is RETRY at the gateway, and the same key gives the receipt when it has',
    async () => {
      await cluster.administer(`create database unconfirmed template ${TEMPLATE}`);
      const admin = await cluster.connect('unconfirmed');
      const pool = createPool({
        url: cluster.url('unconfirmed'),
        login: 'wallet_gateway',
        size: 1,
        name: 'unconfirmed',
        statementTimeoutMs: 30_000,
      });
      const withPgClient = createWithPgClient(pool);
      const wallet = await newWallet(admin, await newAsset(admin), { bought: 10 });
      const key = newKey();
      const spend = (): Promise<Receipt | undefined> =>
        withPgClient({ role: 'wallet_service' }, async (client) => {
          const text = 'select * from ledger.wallet_spend($1, 4, $2)';
          const { rows } = await client.query<Receipt>({ text, values: [wallet, key] });
          return rows[0];
        });

      await awaitStandby(admin, 'nobody');
      // The repetition finds it booked, and waits like the first call.
      for (const attempt of ['first', 'again']) {
        const refused = spend().then(
          () => 'a receipt',
          (error: unknown) => publicError(error).extensions.code,
        );
        await cancelWhenItWaits(admin);
        expect([attempt, await refused]).toEqual([attempt, 'RETRY']);
      }
      await awaitStandby(admin, '');
      expect(await spend()).toMatchObject({ replayed: true, balance: '6' });
      await pool.end();
      await admin.end();
    },
    LIMIT_MS,
  );

  it(
    'whose standby has not confirmed a group of calls is RETRY for each of its callers, and each key gives its receipt when it has',
    async () => {
      await cluster.administer(`create database unconfirmed_group template ${TEMPLATE}`);
      const admin = await cluster.connect('unconfirmed_group');
      const pool = createPool({
        url: cluster.url('unconfirmed_group'),
        login: 'wallet_gateway',
        size: 1,
        name: 'unconfirmed',
        statementTimeoutMs: 30_000,
      });
      const bench = new FlowBench(await readFlows(pool), pool);
      const asset = await newAsset(admin);
      const wallets = [await newWallet(admin, asset, { bought: 10 }), await newWallet(admin, asset, { bought: 3 })];
      const calls = [...wallets, ...wallets].map((walletId) => ({
        name: 'walletSpend',
        input: { walletId, amount: '2', idemKey: newKey() },
      }));

      await awaitStandby(admin, 'nobody');
      const answers = bench.together(calls);
      await cancelWhenItWaits(admin);
      // The last one is refused, upon what might yet be lost.
      expect((await answers).map(({ refusal }) => refusal?.extensions.code)).toEqual(calls.map(() => 'RETRY'));
      await awaitStandby(admin, '');

      const again = await bench.together(calls);
      expect(bench.sent).toEqual([4, 4]);
      expect(again.slice(0, 3).map(({ receipt }) => receipt)).toEqual([
        expect.objectContaining({ replayed: true, balance: '8' }),
        expect.objectContaining({ replayed: true, balance: '1' }),
        expect.objectContaining({ replayed: true, balance: '6' }),
      ]);
      expect(again[3]?.refusal?.extensions.code).toBe('INSUFFICIENT_FUNDS');
      await pool.end();
      await admin.end();
    },
    LIMIT_MS,
  );
});

/** From now on commits wait for the standby of that name. */
async function awaitStandby(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`alter system set synchronous_standby_names = '${name}'`);
  await admin.query('select pg_reload_conf()');
  for (let attempt = 0; attempt < 6_000; attempt += 1) {
    const { rows } = await admin.query<{ name: string }>("select current_setting('synchronous_standby_names') as name");
    if (rows[0]?.name === name) return;
    await sleep(10);
  }
  throw new Error('the setting does not arrive');
}

async function cancelWhenItWaits(admin: pg.Client): Promise<void> {
  for (let attempt = 0; attempt < 6_000; attempt += 1) {
    const { rowCount } = await admin.query(
      "select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'unconfirmed' and wait_event = 'SyncRep'",
    );
    if (rowCount) return;
    await sleep(10);
  }
  throw new Error('nobody waits for a standby');
}
