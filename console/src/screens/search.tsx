/** One field for everything: an id, an owner, a key, a reference. Where it can be one thing only, the search goes straight there. */
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, Navigate } from '@tanstack/react-router';
import { useAssets } from '../data/assets.ts';
import { UUID, whatIs } from '../data/queries.ts';
import { findReference, findWord, type Found, type FoundTransfer } from '../data/search.ts';
import { kindInWords } from '../data/words.ts';
import { useRows } from '../parts/keys.tsx';
import { Table } from '../parts/list.tsx';
import { Amount, Time } from '../parts/shown.tsx';
import { Empty, Loading, Shown } from '../parts/states.tsx';
import { WalletTable } from '../parts/wallet_table.tsx';

const route = getRouteApi('/search');

export function Search() {
  const { q } = route.useSearch();
  useRows();
  if (q === '')
    return (
      <Empty title="What are you looking for?">
        <p>An owner, the id of a wallet or a transfer, an idempotency key, a reference such as payment=PAY-17.</p>
      </Empty>
    );
  return UUID.test(q) ? <ById key={q} id={q.toLowerCase()} /> : <ByWord key={q} text={q} />;
}

function ById({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ['what', id],
    queryFn: async ({ signal }) => ({ what: await whatIs(id), found: await findWord(id, signal) }),
  });
  return (
    <Shown query={query}>
      {({ what, found }) => {
        if (what === 'wallet') return <Navigate to="/wallets/$id" params={{ id }} replace />;
        if (what === 'transfer') return <Navigate to="/transfers/$id" params={{ id }} replace />;
        // Owners and keys may look like ids, too.
        return <Results text={id} found={found} looked={['ids of wallets', 'ids of transfers']} />;
      }}
    </Shown>
  );
}

function ByWord({ text }: { text: string }) {
  const query = useQuery({ queryKey: ['word', text], queryFn: ({ signal }) => findWord(text, signal) });
  return <Shown query={query}>{(found) => <Results text={text} found={found} looked={[]} />}</Shown>;
}

function Results({ text, found, looked }: { text: string; found: Found; looked: string[] }) {
  const { assetOf } = useAssets();
  const { wallets, hasMoreWallets, transfers } = found;
  if (wallets.length === 0 && transfers.length === 0)
    return <ByReference text={text} looked={[...looked, 'owners', 'idempotency keys']} />;
  const exact = wallets.filter(({ ownerId }) => ownerId === text);
  const [wallet] = exact.length === 1 ? exact : wallets.length === 1 ? wallets : [];
  const [transfer] = transfers;
  if (wallet && transfers.length === 0) return <Navigate to="/wallets/$id" params={{ id: wallet.id }} replace />;
  if (transfer && transfers.length === 1 && wallets.length === 0)
    return <Navigate to="/transfers/$id" params={{ id: transfer.id }} replace />;
  return (
    <>
      <Heading text={text} />
      {wallets.length > 0 && (
        <section aria-labelledby="owners">
          <h2 id="owners">Owners</h2>
          <WalletTable rows={wallets} assetOf={assetOf} />
          {hasMoreWallets && (
            <Link to="/wallets" search={{ owner: text }}>
              All of them
            </Link>
          )}
        </section>
      )}
      {transfers.length > 0 && <TransfersFound title="With this key" transfers={transfers} />}
    </>
  );
}

function ByReference({ text, looked }: { text: string; looked: string[] }) {
  const query = useQuery({ queryKey: ['reference', text], queryFn: ({ signal }) => findReference(text, signal) });
  return (
    <Shown
      query={query}
      loading={
        <>
          <Heading text={text} />
          <p className="hint">Neither an owner nor a key: looking into the metadata of the last 31 days…</p>
          <Loading lines={3} />
        </>
      }
    >
      {({ transfers, fields, isAll }) => {
        const [only] = transfers;
        if (only && transfers.length === 1 && isAll)
          return <Navigate to="/transfers/$id" params={{ id: only.id }} replace />;
        const names = fields.join(', ');
        return (
          <>
            <Heading text={text} />
            {only ? (
              <TransfersFound title="With this reference" transfers={transfers} />
            ) : (
              <Empty title="Nothing was found.">
                <p>
                  Looked at {looked.join(', ')}, and in the metadata of the {isAll ? '' : 'newest '}movements of the
                  last 31 days at {fields.length === 1 ? 'the field' : 'the fields'} {names}.
                </p>
                <p>Another field is named with it: order=77.</p>
              </Empty>
            )}
            {!isAll && <p className="hint">There are older movements than were looked through.</p>}
          </>
        );
      }}
    </Shown>
  );
}

function Heading({ text }: { text: string }) {
  return (
    <div className="title">
      <h1>“{text}”</h1>
    </div>
  );
}

function TransfersFound({ title, transfers }: { title: string; transfers: readonly FoundTransfer[] }) {
  const { assetOf } = useAssets();
  return (
    <section aria-labelledby="found">
      <h2 id="found">{title}</h2>
      <Table
        label={title}
        head={
          <>
            <th>When</th>
            <th>What</th>
            <th>Owner</th>
            <th className="right">Amount</th>
            <th className="wide-only">Key</th>
          </>
        }
      >
        {transfers.map(({ id, kind, amount, createdAt, idemKey, wallet }) => (
          <tr key={id}>
            <td>
              <Time at={createdAt} />
            </td>
            <td>
              <Link to="/transfers/$id" params={{ id }}>
                {kindInWords(kind)}
              </Link>
            </td>
            <td>
              {wallet && (
                <Link to="/wallets/$id" params={{ id: wallet.id }}>
                  {wallet.ownerId}
                </Link>
              )}
            </td>
            <td className="right">
              <Amount units={amount} scale={assetOf(wallet?.assetCode ?? '').scale} code={wallet?.assetCode} />
            </td>
            <td className="wide-only mono">{idemKey}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
