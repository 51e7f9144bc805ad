create or replace function webhook.event_body(id uuid)
returns text
language sql
stable
as $$
  select json_build_object(
      'type', t.kind,
      'timestamp', ledger_private.in_utc(t.created_at),
      'data', json_build_object(
        'transfer_id', t.id,
        'kind', t.kind,
        'wallet_id', t.wallet_id,
        'owner_id', w.owner_id,
        'asset_code', w.asset_code,
        'amount', t.amount::text,
        'bonus_amount', t.bonus_amount::text,
        'debit_wallet_id', t.debit_wallet_id,
        'debit_seq', t.debit_seq::text,
        'credit_wallet_id', t.credit_wallet_id,
        'credit_seq', t.credit_seq::text,
        'reverses', t.reverses,
        'hold_id', t.hold_id,
        'expires_at', ledger_private.in_utc(t.expires_at),
        'idem_key', t.idem_key,
        'actor', t.actor,
        'metadata', t.metadata,
        'created_at', ledger_private.in_utc(t.created_at)))::text
  from (select m.* from ledger.transfers m where m.id = event_body.id limit 1) t
  cross join lateral (
    select o.owner_id, o.asset_code from ledger.wallets o where o.id = t.wallet_id limit 1
  ) w
$$;

comment on function webhook.event_body is $$@behavior -*
A movement as a webhook tells of it: what the feed has, amounts and numbers as texts, without the cursor.$$;
