create or replace function ledger_private.usual_items(requests ledger.wallet_request[], wallet_ids uuid[])
returns table (
  kind ledger.transfer_kind,
  amount bigint,
  idem_key text,
  metadata jsonb,
  to_wallet uuid,
  number bigint,
  to_number bigint,
  usual boolean
)
language sql
stable
as $$
  select r.kind, r.amount, r.idem_key, coalesce(r.metadata, '{}'), r.counterparty_id, f.number, t.number,
      -- As in post_own and post_between.
      (f.number > 0 and r.amount between 1 and 1000000000000000
        and num_nonnulls(r.expires_at, r.hold_id, r.transfer_id, r.bonus_amount, r.side, r.reason, r.to_amount, r.owe)
          = 0
        and (r.kind in ('top_up', 'bonus', 'spend') and r.counterparty_id is null
          or r.kind = 'transfer' and t.number <> f.number)
        and octet_length(r.idem_key) <= 200 and r.idem_key ~ '^[!-~]+$'
        and (r.metadata is null or r.metadata = '{}' or ledger_private.is_metadata(r.metadata))) is true
    from unnest(requests) with ordinality r (
      kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount,
      side, reason, to_amount, owe, place)
    left join unnest(wallet_ids) with ordinality f (id, number) on f.id = r.wallet_id
    left join unnest(wallet_ids) with ordinality t (id, number) on t.id = r.counterparty_id
    order by r.place
$$;

comment on function ledger_private.usual_items is
$$What the ledger needs of many requests, in their order: the numbers of their wallets among those that are usual, and
whether a request is a usual call, of which nothing but the balance can be refused.$$;
