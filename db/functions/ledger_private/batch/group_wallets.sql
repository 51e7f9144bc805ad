create or replace function ledger_private.group_wallets(requests ledger.wallet_request[])
returns table (place bigint, wallet_id uuid)
language sql
stable
as $$
  select r.place, w.id
  from unnest(requests) with ordinality r (
    kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount, side,
    reason, to_amount, owe, place)
  cross join lateral (values
    (r.wallet_id),
    (r.counterparty_id),
    -- What comes back of a transfer comes from who received it; both sides of an exchange go back. (Whether the
    -- movement is the wallet's, or that of one merged into it, the item itself tells.)
    (case when r.kind = 'reversal' then
      (select e.to_wallet from ledger.entries e
        where e.transfer_id = r.transfer_id and e.actor is not null)
    end)
  ) w (id)
  where w.id is not null
$$;

comment on function ledger_private.group_wallets is
  'The wallets that each of many requests touches, by its place in the list, from 1.';
