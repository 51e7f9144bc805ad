/** Runs the promotion runbook with its own statements (ops/promotion) under load. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { withClient } from '../../../bench/databases.ts';
import { execute } from '../../../src/testing.ts';
import { Chance } from '../prove/chance.ts';
import { checkAtRest, withChecker } from '../prove/checker.ts';
import { Cluster } from '../prove/cluster.ts';
import { GatewayDoor } from '../prove/doors.ts';
import { Gateway } from '../prove/gateway.ts';
import { openWallets, prepareLedger } from '../prove/ledger.ts';
import { Promises } from '../prove/promises.ts';
import { Tally } from '../prove/tally.ts';
import { Load } from './load.ts';

const DATA = fileURLToPath(new URL(`../../../.data/promotion-test-${process.pid}`, import.meta.url));
const LIMIT_MS = 600_000;
const WAIT_MS = 60_000;

describe('the promotion of a synchronous standby, by the runbook', () => {
  let cluster: Cluster;
  const gateways: Gateway[] = [];
  beforeAll(async () => {
    cluster = await Cluster.start(DATA, {});
    await prepareLedger(cluster.url('postgres'), 'wallet');
    await cluster.addStandby();
  }, LIMIT_MS);
  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await cluster.stop();
  }, LIMIT_MS);

  it(
    'loses nothing that was acknowledged, and the gateways continue',
    async () => {
      const tally = new Tally();
      const promises = new Promises(tally);
      const stock = await withClient(cluster.url('wallet'), openWallets);
      for (let count = 0; count < 2; count += 1)
        gateways.push(await Gateway.start(cluster.url('wallet'), () => undefined));
      const doors = await Promise.all(
        [...gateways, ...gateways].map(async (gateway) => new GatewayDoor(gateway, await gateway.token())),
      );
      const load = new Load({ doors, promises, stock, tally, chance: new Chance(1), name: 'promotion', pauseMs: 20 });
      try {
        await acknowledged(load, 100);

        // First check for a standby that has everything.
        const [standby] = await runFile(cluster.url('postgres'), 'standby.sql');
        expect(standby).toMatchObject({ application_name: 'standby', state: 'streaming', sync_state: 'sync' });

        // The primary is lost and stays down. The standby may have its configuration.
        await runFile(cluster.standbyUrl('postgres'), 'wait.sql');
        await cluster.failOver(
          () => undefined,
          async (url) => {
            expect(await runFile(url, 'promote.sql')).toContainEqual({ promoted: true });
          },
        );

        // Restart the gateways one after the other with the new URL.
        const before = load.acknowledged.length;
        for (const gateway of gateways) await gateway.restart({ DATABASE_URL: cluster.url('wallet') });
        await acknowledged(load, before + 100);
        const verified = await execute(process.execPath, ['src/commands/verify.ts'], {
          env: { DATABASE_URL: cluster.url('wallet') },
        });
        expect(verified).toMatchObject({ code: 0, stdout: '', stderr: '' });

        // Add a new standby, and let commits wait for it again.
        await cluster.addStandby();
        await runFile(cluster.url('postgres'), 'wait.sql');
        const synchronous = await runFile(cluster.url('postgres'), 'standby.sql');
        expect(synchronous).toMatchObject([{ sync_state: 'sync', waits_for: 'standby' }]);
        await acknowledged(load, load.acknowledged.length + 20);
      } finally {
        await load.stop();
      }
      await withChecker(cluster.url('wallet'), (client) => checkAtRest(client, promises, tally));
      expect(tally.words).toEqual([]);
      expect(tally.isClean).toBe(true);
    },
    LIMIT_MS,
  );
});

/** Runs each statement by itself, as psql does. */
async function runFile(url: string, name: string): Promise<object[]> {
  const path = new URL(`../../../ops/promotion/${name}`, import.meta.url);
  const statements = (await readFile(path, 'utf8')).split(/;\n/).filter((text) => /^\w/m.test(text));
  return withClient(url, async (client: pg.Client) => {
    const rows: object[] = [];
    for (const statement of statements) rows.push(...(await client.query<object>(statement)).rows);
    return rows;
  });
}

async function acknowledged(load: Load, count: number): Promise<void> {
  for (const deadline = Date.now() + WAIT_MS; load.acknowledged.length < count; await sleep(20))
    if (Date.now() > deadline) throw new Error(`${load.acknowledged.length} calls of ${count}`);
}
