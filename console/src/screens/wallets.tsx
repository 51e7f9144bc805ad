/** All wallets: by the beginning of the owner, by asset, by status. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ActionDialog } from '../actions/dialog.tsx';
import { openWallet } from '../actions/status.ts';
import { useAssets } from '../data/assets.ts';
import { walletsQuery, type WalletRow } from '../data/queries.ts';
import { useRight } from '../data/rights.ts';
import { useRows } from '../parts/keys.tsx';
import { List } from '../parts/list.tsx';
import { WalletTable } from '../parts/wallet_table.tsx';

const route = getRouteApi('/wallets');

export function Wallets() {
  const { owner, asset, status, do: action } = route.useSearch();
  const navigate = useNavigate({ from: '/wallets' });
  const { query: assets, assetOf } = useAssets();
  const list = useInfiniteQuery(walletsQuery({ ownerPrefix: owner, assetCode: asset, status }));
  const mayBook = useRight('book');
  useRows();
  const set = (change: {
    owner?: string | undefined;
    asset?: string | undefined;
    status?: WalletRow['status'] | undefined;
  }): void => void navigate({ search: (now) => ({ ...now, ...change }), replace: true });
  const act = (name: string | undefined): void => void navigate({ search: (now) => ({ ...now, do: name }) });
  const isAll = owner === undefined && asset === undefined && status === undefined;

  return (
    <>
      <div className="title">
        <h1>Wallets</h1>
        {mayBook && (
          <button type="button" className="primary" onClick={() => act('open')}>
            Open a wallet
          </button>
        )}
      </div>
      <div className="filters">
        <OwnerField
          key={owner}
          owner={owner ?? ''}
          onChange={(next) => set({ owner: next === '' ? undefined : next })}
        />
        <label>
          Asset
          <select
            value={asset ?? ''}
            onChange={({ target }) => set({ asset: target.value === '' ? undefined : target.value })}
          >
            <option value="">All</option>
            {assets.data?.map(({ code }) => (
              <option key={code}>{code}</option>
            ))}
          </select>
        </label>
        <label>
          Status
          <select
            value={status ?? ''}
            onChange={({ target }) =>
              set({ status: target.value === '' ? undefined : (target.value as WalletRow['status']) })
            }
          >
            <option value="">All</option>
            <option value="open">Open</option>
            <option value="frozen">Frozen</option>
            <option value="closed">Closed</option>
          </select>
        </label>
      </div>
      <List list={list} empty={isAll ? 'There are no wallets yet.' : 'No wallet fits the filter.'}>
        {(rows) => <WalletTable rows={rows} assetOf={assetOf} />}
      </List>
      {action === 'open' && mayBook && assets.data && (
        <ActionDialog action={openWallet(assets.data, owner)} subject={owner ?? ''} onClose={() => act(undefined)} />
      )}
    </>
  );
}

function OwnerField({ owner, onChange }: { owner: string; onChange: (owner: string) => void }) {
  const [text, setText] = useState(owner);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim());
      }}
    >
      <label>
        Owner begins with
        <input
          value={text}
          maxLength={200}
          autoComplete="off"
          onChange={({ target }) => setText(target.value)}
          onBlur={() => onChange(text.trim())}
        />
      </label>
    </form>
  );
}
