/** The proof that the proof can fail: a primary that does not wait for its standby loses what that has not received, and it must be seen. */
import { runRound, type RoundOptions } from './round.ts';
import { Tally } from './tally.ts';

const SECONDS = 4;

type ControlOptions = Omit<RoundOptions, 'seconds' | 'database' | 'name' | 'faults' | 'finale'>;

export async function proveLossIsSeen({ cluster, tally, ...options }: ControlOptions): Promise<void> {
  await cluster.stopWaitingForStandby();
  const own = new Tally();
  const cutting = setTimeout(
    () => {
      cluster.cutLink();
    },
    (SECONDS / 2) * 1000,
  );
  await runRound({
    ...options,
    cluster,
    tally: own,
    seconds: SECONDS,
    database: 'wallet_prove_control',
    name: 'control',
    faults: [],
    finale: () => cluster.failOver(),
  });
  clearTimeout(cutting);
  cluster.mendLink();
  tally.count('checks', 'control: lost by an asynchronous standby, and seen', own.lost);
  if (own.lost === 0) tally.find('an asynchronous standby took over, and nothing was missed');
}
