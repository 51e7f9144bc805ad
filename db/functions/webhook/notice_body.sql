create or replace function webhook.notice_body(id uuid)
returns text
language sql
stable
as $$
  select json_build_object(
      'type', n.kind,
      'timestamp', ledger_private.in_utc(n.created_at),
      'data', case n.kind
        when 'credits.expiring' then json_build_object(
          'notice_id', n.id,
          'wallet_id', n.wallet_id,
          'owner_id', w.owner_id,
          'asset_code', w.asset_code,
          'amount', n.amount::text,
          'expires_at', ledger_private.in_utc(n.expires_at),
          'lot_seq', n.lot_seq::text,
          'created_at', ledger_private.in_utc(n.created_at))
        else json_build_object(
          'notice_id', n.id,
          'wallet_id', n.wallet_id,
          'owner_id', w.owner_id,
          'asset_code', w.asset_code,
          'balance', n.amount::text,
          'low_balance', n.low_balance::text,
          'seq', n.seq::text,
          'created_at', ledger_private.in_utc(n.created_at)) end)::text
  from webhook.notices n
  cross join lateral (
    select o.owner_id, o.asset_code from ledger.wallets o where o.id = n.wallet_id limit 1
  ) w
  where n.id = notice_body.id
$$;

comment on function webhook.notice_body is $$@behavior -*
A notice as a webhook tells of it.$$;
