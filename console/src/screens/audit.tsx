/** The books, and the proof that they are right. */
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useAssets } from '../data/assets.ts';
import { operatorActionsQuery, proofsQuery, trialBalanceQuery, verify } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { startOfDay } from '../data/times.ts';
import { List, Table } from '../parts/list.tsx';
import { LastVerification } from '../parts/last_verification.tsx';
import { Amount, Copied, Time } from '../parts/shown.tsx';
import { dayOf, daysBefore } from '../parts/period.ts';
import { byAsset, TrialBalance } from '../parts/trial_balance.tsx';
import { Empty, Failed, NoRight, Shown } from '../parts/states.tsx';

export function Audit() {
  const mayAccount = useRight('account');
  const mayProve = useRight('prove');
  return (
    <>
      <div className="title">
        <h1>Audit</h1>
      </div>
      {mayAccount ? <Books /> : <NoRight />}
      {mayAccount && <Seals />}
      {mayAccount && <WhoDidWhat />}
      {mayProve && <Proof />}
    </>
  );
}

function Books() {
  const query = useQuery(trialBalanceQuery);
  const { assetOf } = useAssets();
  return (
    <section aria-labelledby="books">
      <h2 id="books">Trial balance</h2>
      <Shown query={query}>
        {(lines) => {
          const all = byAsset(lines);
          if (all.length === 0) return <Empty title="Nothing has been booked yet." />;
          return all.map(([code, ofAsset]) => (
            <div key={code}>
              <h3>{code}</h3>
              <TrialBalance lines={ofAsset} asset={assetOf(code)} />
            </div>
          ));
        }}
      </Shown>
    </section>
  );
}

function Seals() {
  const query = useQuery(proofsQuery);
  return (
    <section aria-labelledby="seals">
      <h2 id="seals">Seals</h2>
      <p className="hint">
        A block closes what is new, once a minute. Its root covers the newest entry of each wallet in it, so a copy of
        it, kept elsewhere, is a witness.
      </p>
      <Shown query={query}>
        {({ blocks, verification }) => (
          <>
            <LastVerification verification={verification} />
            {blocks.length === 0 ? (
              <Empty title="No block has been closed yet." />
            ) : (
              <div className="table" role="group" aria-label="Blocks" tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th className="right">Block</th>
                      <th>Closed</th>
                      <th className="right">Entries</th>
                      <th className="right">Wallets</th>
                      <th>Root</th>
                    </tr>
                  </thead>
                  <tbody>
                    {blocks.map(({ seq, sealedAt, entries, wallets, root }) => (
                      <tr key={seq}>
                        <td className="right">{seq}</td>
                        <td>
                          <Time at={sealedAt} />
                        </td>
                        <td className="right">
                          <Amount units={entries} scale={0} />
                        </td>
                        <td className="right">
                          <Amount units={wallets} scale={0} />
                        </td>
                        <td>
                          <Copied text={root} what="root" isShort />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </>
        )}
      </Shown>
    </section>
  );
}

function WhoDidWhat() {
  const list = useInfiniteQuery(operatorActionsQuery(startOfDay(daysBefore(dayOf(new Date()), 29)) ?? ''));
  return (
    <section aria-labelledby="who">
      <h2 id="who">Who did what in the last 30 days</h2>
      <List list={list} empty="No operator has done anything yet." more="Older">
        {(rows) => (
          <Table
            label="What operators did"
            head={
              <>
                <th>When</th>
                <th>What</th>
                <th>Who</th>
                <th>Where</th>
                <th>Why</th>
              </>
            }
          >
            {rows.map(({ id, seq, action, actor, createdAt, reason, assetCode, transferId, wallet }) => (
              <tr key={`${id}.${seq}`}>
                <td>
                  <Time at={createdAt} />
                </td>
                <td>
                  {transferId === null ? (
                    actionInWords(action)
                  ) : (
                    <Link to="/transfers/$id" params={{ id: transferId }}>
                      {actionInWords(action)}
                    </Link>
                  )}
                </td>
                <td className="mono">{actor}</td>
                <td>
                  {wallet ? (
                    <Link to="/wallets/$id" params={{ id: wallet.id }}>
                      {wallet.ownerId}
                    </Link>
                  ) : (
                    assetCode
                  )}
                </td>
                <td>{reason}</td>
              </tr>
            ))}
          </Table>
        )}
      </List>
    </section>
  );
}

function actionInWords(action: string): string {
  const words = action.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Proof() {
  const proof = useMutation({ mutationFn: () => verify() });
  return (
    <section aria-labelledby="proof">
      <h2 id="proof">Proof</h2>
      <p>Every balance, hash and total is calculated again from the entries, while others go on posting.</p>
      <button type="button" className="primary" disabled={proof.isPending} onClick={() => proof.mutate()}>
        {proof.isPending ? 'Proving…' : 'Prove the ledger'}
      </button>
      <div role="status">
        {proof.error && <Failed error={proof.error} />}
        {proof.data?.length === 0 && <p className="outcome good">The ledger is sound: no rule is broken.</p>}
        {proof.data && proof.data.length > 0 && (
          <ul className="outcome bad">
            {proof.data.map(({ rule, walletId, seq, detail }, place) => (
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
        )}
      </div>
    </section>
  );
}
