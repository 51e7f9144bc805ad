/** The books, and the proof that they are right. */
import { useQuery } from '@tanstack/react-query';
import { useAssets } from '../data/assets.ts';
import { blocksQuery, trialBalanceQuery } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { Proofs } from '../parts/proofs.tsx';
import { Amount, Copied, Time } from '../parts/shown.tsx';
import { byAsset, TrialBalance } from '../parts/trial_balance.tsx';
import { Empty, NoRight, Shown } from '../parts/states.tsx';
import { WhoDidWhat } from '../parts/who_did_what.tsx';

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
      {mayAccount && <Proofs mayProve={mayProve} />}
      {mayAccount && <WhoDidWhat />}
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
  const query = useQuery(blocksQuery);
  return (
    <section aria-labelledby="seals">
      <h2 id="seals">Seals</h2>
      <p className="hint">
        A block closes what is new, once a minute. Its root covers the newest entry of each wallet in it, so a copy of
        it, kept elsewhere, is a witness.
      </p>
      <Shown query={query}>
        {(blocks) => (
          <>
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
