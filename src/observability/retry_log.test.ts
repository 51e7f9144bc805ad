import { RetryLog, type RetryLine } from './retry_log.ts';

/** A log whose timers the test fires. */
function logFor(everyMs: number): { retries: RetryLog; told: RetryLine[]; pass: () => void } {
  const told: RetryLine[] = [];
  const waiting: (() => void)[] = [];
  const later = (ms: number, work: () => void) => {
    expect(ms).toBe(everyMs);
    waiting.push(work);
  };
  const retries = new RetryLog({ everyMs, later, write: (line) => told.push({ ...line }) });
  return { retries, told, pass: () => waiting.splice(0).forEach((work) => work()) };
}

const BUSY = 'retry: the wallet is busy';
const AWAY = 'retry: the database cannot be reached';
const locked = Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' });
const full = Object.assign(new Error('sorry, too many clients already'), { code: '53300' });

describe('the reason of RETRY answers', () => {
  it('is logged at the first call, then as a count with the latest error', () => {
    const { retries, told, pass } = logFor(5_000);

    for (let nth = 0; nth < 100; nth += 1) retries.note(AWAY, full);
    retries.note(AWAY, new Error('Connection terminated'));
    expect(told.splice(0)).toEqual([{ answer: AWAY, error: '53300 sorry, too many clients already', calls: 1 }]);

    pass();
    expect(told.splice(0)).toEqual([{ answer: AWAY, error: 'Connection terminated', calls: 100 }]);
    retries.note(AWAY, full);
    expect(told).toEqual([]);
    pass();
    expect(told.splice(0)).toEqual([{ answer: AWAY, error: '53300 sorry, too many clients already', calls: 1 }]);
  });

  it('is logged at once again after a time without any', () => {
    const { retries, told, pass } = logFor(5_000);
    retries.note(BUSY, locked);
    pass();
    retries.note(BUSY, locked);

    expect(told).toEqual([1, 1].map((calls) => ({ answer: BUSY, error: `55P03 ${locked.message}`, calls })));
  });

  it('is counted separately for each message', () => {
    const { retries, told, pass } = logFor(5_000);
    for (const error of [locked, locked]) retries.note(BUSY, error);
    for (const error of [full, full, full]) retries.note(AWAY, error);
    pass();

    expect(told.map(({ answer, calls }) => [answer, calls])).toEqual([
      [BUSY, 1],
      [AWAY, 1],
      [BUSY, 1],
      [AWAY, 2],
    ]);
  });
});
