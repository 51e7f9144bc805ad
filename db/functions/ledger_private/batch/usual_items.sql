create or replace function ledger_private.usual_items(
  requests ledger.wallet_request[],
  standings ledger_private.standing[]
)
returns int
language sql
stable
as $$
  select coalesce(min(r.place) - 1, cardinality(requests))::int
  from (
    select n.*, row_number() over (partition by n.wallet_id, n.idem_key collate "C" order by n.place) as occurrence
      from unnest(requests) with ordinality
        n (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, place)
  ) r
  left join unnest(standings) f on f.wallet_id = r.wallet_id
  left join unnest(standings) t on t.wallet_id = r.counterparty_id
  -- As in post_own and post_between.
  where (
    r.amount between 1 and 1000000000000000 and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id) = 0
      and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null and f.wallet_id is not null
        or r.kind = 'transfer' and r.counterparty_id <> r.wallet_id and f.asset_code = t.asset_code)
      and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$' and r.occurrence = 1
      and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))
      and (select k.seq from ledger.entries k where k.wallet_id = r.wallet_id and k.idem_key = r.idem_key) is null
  ) is not true
$$;

comment on function ledger_private.usual_items(ledger.wallet_request[], ledger_private.standing[]) is
$$How many of the first requests of a list are top-ups, bonuses without expiry, spends and transfers that nothing can
refuse but the balance: not for what they ask, nor for what stands in their wallets, and with keys that have not been
used.$$;

revoke all on function ledger_private.usual_items(ledger.wallet_request[], ledger_private.standing[]) from public;
