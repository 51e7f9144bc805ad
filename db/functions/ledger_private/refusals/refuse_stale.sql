create or replace function ledger_private.refuse_stale()
returns void
language plpgsql
immutable
as $$
begin
  raise exception using errcode = '40001', message = 'could not serialize access: a wallet has moved on';
end
$$;

comment on function ledger_private.refuse_stale is
  'Ends a transaction whose snapshot is older than the locks it holds with 40001: a retry will do.';
