/** A slice of `npm run prove -- --crowd`, as long as so many calls. */
import { createDatabase, expectSound } from '../helpers.ts';
import { Chance } from './chance.ts';
import { checkAtRest, withChecker } from './checker.ts';
import { connectOperator, crowd } from './crowd.ts';
import { openAsset } from './ledger.ts';
import { Tally } from './tally.ts';

const CALLS = 400;
/** It goes on until somebody met a wallet that was locked, but not for ever. */
const MOST_CALLS = 20_000;
const LIMIT_MS = 600_000;

describe('groups over the same ten wallets, in random orders, on eight connections,', () => {
  const db = createDatabase();

  it(
    'never deadlock, and those that are not to wait never do; what each was told of an item is in the ledger, once, or nothing of it is',
    async () => {
      const seed = Number(process.env.CROWD_SEED ?? Math.floor(Math.random() * 2 ** 31));
      console.log(`CROWD_SEED=${seed}`);
      const tally = new Tally();
      const count = (name: string) => tally.of('operations').find(([of]) => of === name)?.[1] ?? 0;
      const skipped = () => count('sent again: RETRY, one of many');

      const { promises, calls, deadlocks, waits } = await crowd({
        connect: () => connectOperator(db.url),
        wallets: await openAsset(db, 'GOLD', 10),
        clients: 8,
        chance: new Chance(seed),
        tally,
        name: 'crowd',
        isOver: (seen) => seen.deadlocks + seen.waits > 0 || seen.calls >= (skipped() > 0 ? CALLS : MOST_CALLS),
      });
      await withChecker(db.url, (client) => checkAtRest(client, promises, tally));

      expect(tally.words).toEqual([]);
      expect({ deadlocks, waits, isClean: tally.isClean }).toEqual({ deadlocks: 0, waits: 0, isClean: true });
      expect(calls).toBeGreaterThanOrEqual(CALLS);
      expect(skipped()).toBeGreaterThan(0);
      expect(count('ok: one of many')).toBeGreaterThan(CALLS);
      expect(count('refused: INSUFFICIENT_FUNDS, one of many')).toBeGreaterThan(0);
      await expectSound(db);
    },
    LIMIT_MS,
  );
});
