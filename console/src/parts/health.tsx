/** Whether everything that works by itself does: a line each. */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { formatAmount } from '../data/amounts.ts';
import { openHoldsCountQuery, stateQuery, type LedgerState } from '../data/audit.ts';
import { Time } from './shown.tsx';
import { Shown } from './states.tsx';

/** The worker comes each minute: what is older than some of them waits for it. */
const LATE_SECONDS = 300;

export function LedgerHealth() {
  const query = useQuery(stateQuery);
  return (
    <Shown query={query} lines={4}>
      {(state) => state && <Lines state={state} />}
    </Shown>
  );
}

function Lines({ state }: { state: LedgerState }) {
  const { lastVerifiedAt, lastVerifyFindings, lastBlockAt, lastBlockSeq } = state;
  const isSound = lastVerifyFindings === '0';
  const unsettled = BigInt(state.unsettledWallets);
  return (
    <>
      {lastVerifiedAt === null ? (
        <Line>The ledger has not been verified yet.</Line>
      ) : (
        <Line is={isSound ? 'good' : 'bad'}>
          {isSound ? 'The ledger was proven sound' : `Verifying found ${lastVerifyFindings ?? ''} broken rules`},{' '}
          <Time at={lastVerifiedAt} />.
        </Line>
      )}
      {lastBlockAt === null ? (
        <Line is={state.notClosedSeconds > LATE_SECONDS ? 'bad' : undefined}>No block has been closed yet.</Line>
      ) : (
        <Line is={state.notClosedSeconds > LATE_SECONDS ? 'bad' : 'good'}>
          Block {lastBlockSeq} was closed <Time at={lastBlockAt} />
          {state.notClosedSeconds > LATE_SECONDS && `: what came since has waited for ${span(state.notClosedSeconds)}`}.
        </Line>
      )}
      <Line is={state.overdueSeconds > LATE_SECONDS ? 'bad' : 'good'}>
        {state.overdueSeconds > LATE_SECONDS
          ? `What is due has not been booked for ${span(state.overdueSeconds)}: no worker is at work.`
          : 'The worker books what is due.'}
      </Line>
      {unsettled > 0n && (
        <Line is="bad">
          In {formatAmount(unsettled, 0)} {unsettled === 1n ? 'wallet' : 'wallets'} what is due could not be booked.
        </Line>
      )}
      <Line is={state.feedLagSeconds > LATE_SECONDS ? 'bad' : 'good'}>
        {state.feedLagSeconds > LATE_SECONDS
          ? `The feed has been held back for ${span(state.feedLagSeconds)}, by a transaction that is open.`
          : 'The feed is up to date.'}
      </Line>
    </>
  );
}

export function OpenHolds() {
  const { data } = useQuery(openHoldsCountQuery);
  if (data === undefined) return null;
  return (
    <Line>
      <Link to="/holds">
        {data >= 100
          ? '100 open holds or more'
          : data === 1
            ? 'One open hold'
            : `${data === 0 ? 'No' : data} open holds`}
      </Link>
    </Line>
  );
}

function Line({ is = '', children }: { is?: 'good' | 'bad' | '' | undefined; children: ReactNode }) {
  return <p className={`health ${is}`}>{children}</p>;
}

const UNITS = [
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
] as const;

/** Two minutes, as the reader's language has it. */
function span(seconds: number): string {
  const [size, unit] = UNITS.find(([least]) => seconds >= least) ?? [1, 'second'];
  return new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long' }).format(
    Math.floor(seconds / size),
  );
}
