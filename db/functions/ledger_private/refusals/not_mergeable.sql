create or replace function ledger_private.not_mergeable(head ledger.entries)
returns ledger.refusal
language sql
stable
as $$
  select ledger_private.invalid_argument('from_wallet',
    'Only what is not reserved is moved: capture or release the open holds first.',
    jsonb_build_object('wallet_id', head.wallet_id, 'held_balance', head.held_balance::text, 'hold_ids', (
      select jsonb_agg(h.hold_id order by h.hold_id) from (
        select o.hold_id from ledger_private.open_holds o where o.wallet_id = head.wallet_id
        order by o.hold_id limit 100) h)))
  where head.held_balance > 0
$$;

comment on function ledger_private.not_mergeable is
  'WLARG: a wallet that is to be merged has open holds, of which the oldest 100 are named.';
