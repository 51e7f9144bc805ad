create or replace function ledger_private.refuse_limit(entry ledger.entries)
returns void
language plpgsql
immutable
as $$
declare
  v_reached bigint := greatest(entry.balance, entry.topped_up_total, entry.granted_total, entry.spent_total);
begin
  perform ledger_private.refuse('WLLIM',
    format('limit exceeded: a balance or lifetime total would be %s', v_reached),
    jsonb_build_object('wallet_id', entry.wallet_id, 'limit', 'max_balance', 'max', '9000000000000000000',
      'left', greatest(9000000000000000000 - v_reached + entry.amount, 0)::text),
    'No balance and no lifetime total goes above 9000000000000000000 minor units.');
end
$$;

comment on function ledger_private.refuse_limit(ledger.entries) is
  'Refuses with WLLIM an entry that would take a wallet above what the ledger counts to.';

revoke all on function ledger_private.refuse_limit(ledger.entries) from public;
