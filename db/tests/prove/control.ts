/** The proof that the proof can fail: a primary that does not wait for its standby loses what that has not received, and it must be seen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runRound, type RoundOptions } from './round.ts';
import { Tally } from './tally.ts';

const SECONDS = 4;
/** So many answers before the link is cut, and after it. */
const ANSWERS = 50;
const CUT_WITHIN_MS = 120_000;

type ControlOptions = Omit<RoundOptions, 'seconds' | 'isEnough' | 'database' | 'name' | 'faults' | 'finale'>;

export async function proveLossIsSeen({ cluster, tally, ...options }: ControlOptions): Promise<void> {
  await cluster.stopWaitingForStandby();
  const own = new Tally();
  let answersAtCut = Infinity;
  const cut = async (): Promise<void> => {
    for (const deadline = Date.now() + CUT_WITHIN_MS; own.sum('operations') < ANSWERS; await sleep(20))
      if (Date.now() > deadline) throw new Error('nobody is at work');
    // It must be able to take over.
    await cluster.follows();
    cluster.cutLink();
    answersAtCut = own.sum('operations');
  };
  const round = runRound({
    ...options,
    cluster,
    tally: own,
    seconds: SECONDS,
    isEnough: () => own.sum('operations') >= answersAtCut + ANSWERS,
    database: 'wallet_prove_control',
    name: 'control',
    faults: [],
    finale: () => cluster.failOver(),
  });
  await Promise.all([round, cut()]);
  cluster.mendLink();
  tally.count('checks', 'control: lost by an asynchronous standby, and seen', own.lost);
  if (own.lost === 0) tally.find('an asynchronous standby took over, and nothing was missed');
}
