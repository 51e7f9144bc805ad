/** One field for everything: ids lead to what they name, other words to the wallets of an owner. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Navigate } from '@tanstack/react-router';
import { useAssets } from '../data/assets.ts';
import { UUID, walletsQuery, whatIs } from '../data/queries.ts';
import { useRows } from '../parts/keys.tsx';
import { Empty, Shown } from '../parts/states.tsx';
import { WalletTable } from '../parts/wallet_table.tsx';

const route = getRouteApi('/search');

export function Search() {
  const { q } = route.useSearch();
  return UUID.test(q) ? <ById id={q.toLowerCase()} /> : <ByOwner owner={q} />;
}

function ById({ id }: { id: string }) {
  const query = useQuery({ queryKey: ['what', id], queryFn: async () => (await whatIs(id)) ?? 'nothing' });
  return (
    <Shown query={query}>
      {(what) => {
        if (what === 'wallet') return <Navigate to="/wallets/$id" params={{ id }} replace />;
        if (what === 'transfer') return <Navigate to="/transfers/$id" params={{ id }} replace />;
        return (
          <Empty title="Nothing has this id.">
            <p>No wallet and no transfer.</p>
          </Empty>
        );
      }}
    </Shown>
  );
}

function ByOwner({ owner }: { owner: string }) {
  const { assetOf } = useAssets();
  const list = useInfiniteQuery(walletsQuery({ ownerPrefix: owner }));
  useRows();
  return (
    <>
      <h1>“{owner}”</h1>
      <Shown query={list}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page?.nodes ?? []);
          const [only] = rows;
          if (!only) {
            return (
              <Empty title="No owner begins with this.">
                <p>Search for an owner as the game or the shop names the player, or for an id.</p>
              </Empty>
            );
          }
          if (rows.length === 1 && !list.hasNextPage)
            return <Navigate to="/wallets/$id" params={{ id: only.id }} replace />;
          return <WalletTable rows={rows} assetOf={assetOf} />;
        }}
      </Shown>
    </>
  );
}
