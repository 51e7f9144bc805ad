create or replace function ledger_private.refuse_limit(wallet_id uuid, name text, max bigint, used numeric)
returns void
language plpgsql
immutable
as $$
declare
  v_left text := greatest(max - used, 0)::text;
begin
  perform ledger_private.refuse('WLLIM',
    format('limit exceeded: %s is %s, %s left', name, max, v_left),
    jsonb_build_object('wallet_id', wallet_id, 'limit', name, 'max', max::text, 'left', v_left),
    'Ask for no more than is left, or wait until the limit leaves more.');
end
$$;

comment on function ledger_private.refuse_limit(uuid, text, bigint, numeric) is
  'Refuses with WLLIM what would go above a limit: its name, how high it is, and what is left of it.';

revoke all on function ledger_private.refuse_limit(uuid, text, bigint, numeric) from public;
