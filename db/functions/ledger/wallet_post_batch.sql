create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  select g.absent into v_absent from ledger_private.lock_group(requests, true) g;
  return query select (o.receipt).* from ledger_private.post_group(requests, true, v_absent) o;
end
$$;

comment on function ledger.wallet_post_batch is
$$@resultFieldName receipts
Books many movements at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. Its wallets are locked until it commits; nobody else
waits for it.

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases,
  reversals, openings, exchanges and adjustments. Each has its own idempotency key: those that have been booked before
  are recognised one by one, and answered with the receipt of then.

Refuses with INVALID_ARGUMENT (WLARG) another kind, or too many items; with FORBIDDEN (42501) a kind whose own function
the caller may not execute; and as the single call of the first item that fails would, with its index, counted from 0,
in the detail.$$;
grant execute on function ledger.wallet_post_batch to wallet_service, wallet_operator, wallet_job;
