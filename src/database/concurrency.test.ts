import { setImmediate as turn } from 'node:timers/promises';
import { ConcurrencyLimit, TooManyAtOnce } from './concurrency.ts';

const LONG_MS = 600_000;

/** Work that ends when the test calls `end`. */
function held(): { begun: number; work: () => Promise<number>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const one = {
    begun: 0,
    work: async () => {
      one.begun += 1;
      await promise;
      return 7;
    },
    end: () => resolve(undefined),
  };
  return one;
}

describe('a limit of concurrency', () => {
  it('runs as many as its maximum, and the others in order of arrival', async () => {
    const limit = new ConcurrencyLimit({ name: 'tests', max: 2, maxWaiting: 10, waitMs: LONG_MS });
    const work = Array.from({ length: 4 }, held);
    const done = work.map((one) => limit.run(one.work));
    await turn();
    const begun = () => work.map((one) => one.begun);

    expect(begun()).toEqual([1, 1, 0, 0]);
    work[1]?.end();
    await done[1];
    await turn();
    expect(begun()).toEqual([1, 1, 1, 0]);
    work.forEach((one) => one.end());

    expect(await Promise.all(done)).toEqual([7, 7, 7, 7]);
    expect(limit.isEmpty).toBe(true);
  });

  it('refuses further work when enough waits (TOO_MANY_AT_ONCE), and then runs as many as before', async () => {
    const limit = new ConcurrencyLimit({ name: 'tests', max: 1, maxWaiting: 1, waitMs: LONG_MS });
    const [first, second] = [held(), held()];
    const done = [limit.run(first.work), limit.run(second.work)];

    const refused = limit.run(() => Promise.resolve(1));
    await expect(refused).rejects.toThrow(TooManyAtOnce);
    await expect(refused).rejects.toMatchObject({
      code: 'TOO_MANY_AT_ONCE',
      message: 'retry: too many tests at a time',
    });
    first.end();
    second.end();
    await Promise.all(done);

    expect(await limit.run(() => Promise.resolve(1))).toBe(1);
  });

  it('refuses work that waited too long (TOO_MANY_AT_ONCE), and then runs others', async () => {
    const limit = new ConcurrencyLimit({ name: 'tests', max: 1, maxWaiting: 10, waitMs: 10 });
    const first = held();
    const done = limit.run(first.work);

    await expect(limit.run(() => Promise.resolve(1))).rejects.toThrow('retry: too many tests at a time');
    first.end();
    await done;

    expect(await limit.run(() => Promise.resolve(1))).toBe(1);
  });

  it('has a free slot again after work that failed, at once or later', async () => {
    const limit = new ConcurrencyLimit({ name: 'tests', max: 1, maxWaiting: 0, waitMs: LONG_MS });

    await expect(limit.run(() => Promise.reject(new Error('later')))).rejects.toThrow('later');
    await expect(
      limit.run(() => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');

    expect(await limit.run(() => Promise.resolve(1))).toBe(1);
  });
});
