/** A short, seeded run of `npm run drill`. */
import { fileURLToPath } from 'node:url';
import { Chance } from '../prove/chance.ts';
import { Tally } from '../prove/tally.ts';
import { Drill } from './drill.ts';

const DATA = fileURLToPath(new URL(`../../../.data/drill-test-${process.pid}`, import.meta.url));
const LIMIT_MS = 900_000;

describe('a lost disk, a base backup and an archive of the log', () => {
  const tally = new Tally();
  const drill = new Drill({
    folder: DATA,
    seconds: 2,
    restores: 1,
    harms: ['damage'],
    chance: new Chance(1),
    tally,
    say: () => undefined,
  });
  afterAll(() => drill.stop(), LIMIT_MS);

  it(
    'restore everything that was acknowledged before the moment, and a damaged archive is noticed',
    async () => {
      const { atMoments, atEnd } = await drill.run();
      expect(tally.words).toEqual([]);
      expect(tally.isClean).toBe(true);
      const [atMoment] = atMoments;
      expect(atMoment?.lostAfter).toBeGreaterThan(0);
      expect(atEnd.restoredTo.getTime()).toBeGreaterThan(atMoment?.restoredTo.getTime() ?? Infinity);
      expect(Object.fromEntries(tally.of('checks'))).toMatchObject({
        'control: segment damage, target refused': 1,
        'control: segment damage, loss seen': expect.any(Number) as number,
        'repetitions replayed': expect.any(Number) as number,
      });
    },
    LIMIT_MS,
  );
});
