create or replace function ledger_private.opened_before(wallet_id uuid)
returns ledger.refusal
language sql
stable
as $$
  -- Rare, so that it has no index: the wallet's entries are read.
  select ledger_private.invalid_argument('wallet_id',
    'A balance is brought to a wallet once; correct it by wallet_adjust.',
    jsonb_build_object('wallet_id', e.wallet_id, 'transfer_id', e.transfer_id, 'idem_key', e.idem_key))
  from ledger.entries e
  where e.wallet_id = opened_before.wallet_id and e.kind = 'opening'
  limit 1
$$;

comment on function ledger_private.opened_before is
  'WLARG: a wallet has had its opening balance. Asked after the key, so that a late retry still gets its receipt.';
