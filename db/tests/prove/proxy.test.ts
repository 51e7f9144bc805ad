/** Each point at which a connection can be cut: what was booked by then, and what the same call says when it is sent again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withLogin } from '../../../src/testing.ts';
import { createDatabase, expectSound, newKey, newWallet, rowsOf, someAsset, type Database } from '../helpers.ts';
import { JobDoor } from './doors.ts';
import type { Operation } from './operations.ts';
import { PostgresProtocol } from './protocol.ts';
import { POINTS, Proxy, type Cut } from './proxy.ts';

/** How many times as long as others its job waits for an answer: a loaded machine is no cut. */
const PATIENCE = 20;

describe('a connection that is cut', () => {
  const db = createDatabase();

  const AFTER: Record<Cut['unit'], boolean[]> = {
    // In the order of POINTS. What was sent and not answered may have been booked: there the server has the last word.
    call: [false, false, true, true, true],
    commit: [false, false, true, true, true],
    connect: [false],
  };
  const cases = Object.entries(AFTER).flatMap(([unit, booked]) =>
    booked.map((isBooked, index) => ({ unit: unit as Cut['unit'], point: POINTS[index] ?? POINTS[0], isBooked })),
  );

  it.each(cases)('at a $unit, $point: booked is $isBooked, and the same key books once', async (wanted) => {
    const { unit, point, isBooked } = wanted;
    const made: Cut[] = [];
    const proxy = new Proxy(
      () => Number(new URL(db.url).port),
      () => new PostgresProtocol(),
      (cut) => made.push(cut),
    );
    await proxy.listen();
    const wallet = await newWallet(db, await someAsset(db), { bought: 10 });
    const operation: Operation = {
      shape: unit === 'commit' ? 'transaction' : 'single',
      postings: [{ kind: 'spend', wallet, key: newKey(), amount: 3, metadata: {} }],
    };
    await withLogin(db, 'wallet_test_job', async (url) => {
      const through = Object.assign(new URL(url), { port: String(proxy.port) });
      const door = new JobDoor(through.href, true, PATIENCE);
      proxy.arm({ unit, point, part: 0.5 });
      const kind = unit === 'connect' ? 'again' : 'unknown';
      expect(await door.post(operation)).toMatchObject({ kind });
      expect(made).toHaveLength(1);

      await sessionEnds(db);
      const again = await door.post(operation);
      const receipt = { replayed: isBooked, balance: '7', amount: '3' };
      expect(again).toMatchObject({ kind: 'done', receipts: [receipt] });
      await door.close();
    });
    await proxy.close();
    // The top-up and the spend.
    expect(await rowsOf(db, wallet)).toEqual({ transfers: 2, entries: 2 });
    await expectSound(db);
  });
});

/** What had been sent is done with, or given up, by then. */
async function sessionEnds(db: Database): Promise<void> {
  for (let attempt = 0; attempt < 6_000; attempt += 1) {
    const { rowCount } = await db.query(
      "select from pg_stat_activity where datname = current_database() and usename = 'wallet_test_job'",
    );
    if (!rowCount) return;
    await sleep(10);
  }
  throw new Error('the session does not end');
}
