/** Whether the ledger is what its entries say: what its worker found, and a proof of one's own. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { formatAmount } from '../data/amounts.ts';
import { proveLedger, verificationsQuery, type Finding, type VerificationRow } from '../data/audit.ts';
import { LedgerHealth } from './health.tsx';
import { Table } from './list.tsx';
import { Time } from './shown.tsx';
import { Failed, Shown } from './states.tsx';

export function Proofs({ mayProve }: { mayProve: boolean }) {
  const query = useQuery({ ...verificationsQuery, refetchInterval: 30_000 });
  return (
    <section aria-labelledby="proofs">
      <h2 id="proofs">Proof</h2>
      <LedgerHealth />
      <Shown query={query}>
        {(rows) => (
          <>
            {mayProve ? (
              <Prove last={rows[0]} />
            ) : (
              <p className="hint">The worker proves the ledger each day. An auditor may do so here at any time.</p>
            )}
            {rows.length > 0 && <Verifications rows={rows} />}
          </>
        )}
      </Shown>
    </section>
  );
}

function Prove({ last }: { last: VerificationRow | undefined }) {
  const queries = useQueryClient();
  const proof = useMutation({
    mutationFn: () => proveLedger(),
    onSettled: () => queries.invalidateQueries({ queryKey: ['state'] }),
  });
  return (
    <div className="prove">
      <p>Every balance, hash and total is calculated again from the entries, while others go on posting.</p>
      <button type="button" className="primary" disabled={proof.isPending} onClick={() => proof.mutate()}>
        {proof.isPending ? 'Proving…' : 'Prove the ledger'}
      </button>
      {proof.isPending && <Under last={last} />}
      <div role="status">
        {proof.error && <Failed error={proof.error} />}
        {proof.data?.length === 0 && <p className="outcome good">The ledger is sound: no rule is broken.</p>}
        {proof.data && proof.data.length > 0 && <Findings findings={proof.data} />}
      </div>
    </div>
  );
}

/** How far it is nobody can tell while it is one statement: how long it has been, and how long the last one took. */
function Under({ last }: { last: VerificationRow | undefined }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((now) => now + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  const took = last && secondsOf(last);
  return (
    <div className="under">
      <progress
        aria-label="Proving"
        {...(took !== undefined && took > 0 && { max: took, value: Math.min(seconds, took) })}
      />
      <p className="hint">
        {inSeconds(seconds)} so far
        {took !== undefined && `; the last one took ${took < 1 ? 'less than a second' : inSeconds(took)}`}.
      </p>
    </div>
  );
}

const secondsOf = ({ startedAt, finishedAt }: VerificationRow): number =>
  Math.round((new Date(finishedAt).getTime() - new Date(startedAt).getTime()) / 1000);

const SECONDS = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'second', unitDisplay: 'long' });
const inSeconds = (seconds: number): string => SECONDS.format(seconds);

function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <div className="outcome bad">
      <p>
        <strong>
          {findings.length === 1 ? 'One rule is broken' : `Rules are broken in ${findings.length} places`}: keep the
          database as it is, and look at each.
        </strong>
      </p>
      <ul>
        {findings.map(({ rule, walletId, seq, detail }, place) => (
          <li key={place}>
            <strong>{rule}</strong>{' '}
            {walletId !== null && (
              <Link to="/wallets/$id" params={{ id: walletId }}>
                wallet, entry {seq}
              </Link>
            )}{' '}
            <span className="mono">{JSON.stringify(detail)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Verifications({ rows }: { rows: readonly VerificationRow[] }) {
  return (
    <Table
      label="Verifications"
      head={
        <>
          <th>Begun</th>
          <th className="right">Took</th>
          <th>Found</th>
          <th className="right wide-only">Up to block</th>
          <th className="right wide-only">Kept seals</th>
          <th>By</th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <td>
            <Time at={row.startedAt} />
          </td>
          <td className="right number">{inSeconds(secondsOf(row))}</td>
          <td>{row.findings === '0' ? 'nothing' : <strong className="refused">{row.findings} broken rules</strong>}</td>
          <td className="right wide-only number">{row.blockSeq ?? '–'}</td>
          <td className="right wide-only number">{formatAmount(row.keptSeals, 0)}</td>
          <td className="mono">{row.actor}</td>
        </tr>
      ))}
    </Table>
  );
}
