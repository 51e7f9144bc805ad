/** What was booked, over all wallets, newest first: by kind, asset, actor, key and day. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useAssets } from '../data/assets.ts';
import { transfersQuery, type Kind } from '../data/queries.ts';
import { endOfDay, shownDay, startOfDay } from '../data/times.ts';
import { kindInWords, KINDS } from '../data/words.ts';
import { Days } from '../parts/days.tsx';
import { useRows } from '../parts/keys.tsx';
import { dayOf, daysBefore } from '../parts/period.ts';
import { List, Table } from '../parts/list.tsx';
import { Amount, Time } from '../parts/shown.tsx';

const route = getRouteApi('/transfers');

interface Filter {
  kind?: Kind | undefined;
  asset?: string | undefined;
  actor?: string | undefined;
  key?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export function Transfers() {
  const filter = route.useSearch();
  const { kind, asset, actor, key, from, to } = filter;
  const { assetOf } = useAssets();
  // What there is no index for is looked for in a month at most.
  const isFiltered = [kind, asset, actor, key].some((value) => value !== undefined);
  const first = from ?? (isFiltered ? daysBefore(to ?? dayOf(new Date()), 29) : undefined);
  const list = useInfiniteQuery(
    transfersQuery({
      kind,
      assetCode: asset,
      actor,
      idemKey: key,
      from: first && startOfDay(first),
      to: to && endOfDay(to),
    }),
  );
  useRows();
  return (
    <>
      <div className="title">
        <h1>Transfers</h1>
      </div>
      <Filters filter={filter} />
      {isFiltered && from === undefined && first !== undefined && (
        <p className="hint">Since {shownDay(`${first}T12:00:00`)}: a filter looks through a month at most.</p>
      )}
      <List list={list} empty="No transfer fits the filter." more="Older">
        {(rows) => (
          <Table
            label="Transfers"
            head={
              <>
                <th>When</th>
                <th>What</th>
                <th>Owner</th>
                <th className="right">Amount</th>
                <th className="wide-only">Asked for by</th>
                <th className="wide-only">Key</th>
              </>
            }
          >
            {rows.map((transfer) => (
              <tr key={transfer.id}>
                <td>
                  <Time at={transfer.createdAt} />
                </td>
                <td>
                  <Link to="/transfers/$id" params={{ id: transfer.id }}>
                    {kindInWords(transfer.kind)}
                  </Link>
                </td>
                <td>
                  {transfer.wallet && (
                    <Link to="/wallets/$id" params={{ id: transfer.wallet.id }}>
                      {transfer.wallet.ownerId}
                    </Link>
                  )}
                </td>
                <td className="right">
                  <Amount
                    units={transfer.amount}
                    scale={assetOf(transfer.wallet?.assetCode ?? '').scale}
                    code={transfer.wallet?.assetCode}
                  />
                </td>
                <td className="wide-only mono">{transfer.actor}</td>
                <td className="wide-only mono">{transfer.idemKey}</td>
              </tr>
            ))}
          </Table>
        )}
      </List>
    </>
  );
}

function Filters({ filter }: { filter: Filter }) {
  const navigate = useNavigate({ from: '/transfers' });
  const { query: assets } = useAssets();
  const set = (change: Filter): void => void navigate({ search: (now) => ({ ...now, ...change }), replace: true });
  const orNone = (text: string): string | undefined => (text === '' ? undefined : text);
  return (
    <div className="filters">
      <label>
        Kind
        <select
          value={filter.kind ?? ''}
          onChange={({ target }) => set({ kind: orNone(target.value) as Kind | undefined })}
        >
          <option value="">All</option>
          {Object.entries(KINDS).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        Asset
        <select value={filter.asset ?? ''} onChange={({ target }) => set({ asset: orNone(target.value) })}>
          <option value="">All</option>
          {assets.data?.map(({ code }) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      </label>
      <TextFilter key={`key.${filter.key ?? ''}`} label="Key" value={filter.key} onChange={(key) => set({ key })} />
      <TextFilter
        key={`actor.${filter.actor ?? ''}`}
        label="Asked for by"
        value={filter.actor}
        onChange={(actor) => set({ actor })}
      />
      <Days label="Days" from={filter.from} to={filter.to} isOptional onChange={set} />
    </div>
  );
}

interface TextFilterProps {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function TextFilter({ label, value = '', onChange }: TextFilterProps) {
  const [text, setText] = useState(value);
  const done = (): void => {
    if (text.trim() !== value) onChange(text.trim() === '' ? undefined : text.trim());
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        done();
      }}
    >
      <label>
        {label}
        <input
          value={text}
          maxLength={300}
          autoComplete="off"
          onChange={({ target }) => setText(target.value)}
          onBlur={done}
        />
      </label>
    </form>
  );
}
