import type { Verification } from '../data/queries.ts';
import { Time } from './shown.tsx';

/** When the ledger was proven last, and what came of it. */
export function LastVerification({ verification }: { verification: Verification | undefined }) {
  if (!verification) return <p className="health">The ledger has not been verified yet.</p>;
  const { findings, finishedAt } = verification;
  const isSound = findings === '0';
  return (
    <p className={`health ${isSound ? 'good' : 'bad'}`}>
      {isSound ? 'The ledger was proven sound' : `Verifying found ${findings} broken rules`}, <Time at={finishedAt} />.
    </p>
  );
}
