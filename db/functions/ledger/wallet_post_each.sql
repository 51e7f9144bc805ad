create or replace function ledger.wallet_post_each(requests ledger.wallet_request[], wait boolean default true)
returns setof ledger.outcome
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- Lists of all lengths have one plan, by look-ups.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_skipped boolean[];
  v_absent uuid[];
begin
  perform ledger_private.check_group(requests);
  perform ledger_private.refuse(ledger_private.invalid_argument('wait', 'Send true or false.')) where wait is null;
  select g.skipped, g.absent into v_skipped, v_absent from ledger_private.lock_group(requests, wait) g;
  perform set_config('ledger.waiting', case when wait then '' else 'off' end, true);
  if v_skipped is null then
    return query select o.* from ledger_private.post_group(requests, false, v_absent) o;
  else
    return query select o.* from ledger_private.post_others(requests, v_skipped, v_absent) o;
  end if;
  perform set_config('ledger.waiting', '', true);
end
$$;

comment on function ledger.wallet_post_each is
$$@resultFieldName outcomes
Books many movements in one call, each for itself: one that is refused changes nothing and does not touch the others.
Returns for each request, in their order, its receipt or its refusal, which are those of its single call; within a
wallet each books upon the balances that those before it leave. Of two with the same key in one wallet the later one
is answered with the receipt of the earlier one, or with IDEMPOTENCY_KEY_REUSED (WLKEY).

- requests: at most 10000, for any wallets and assets: top-ups, bonuses, spends, transfers, holds, captures, releases,
  reversals, openings, exchanges and adjustments. Each has its own idempotency key: those that have been booked before
  are recognised one by one, and answered with the receipt of then.
- wait: whether to wait for wallets that other calls have locked, and for payments that they are booking (assetSet). If
  not, requests for these, and later ones
  of the same wallets as such a request, are not tried: their refusal is RETRY (55P03), and they are sent again as
  they are.

All wallets are locked at once, until it commits. Anything that is no refusal undoes the whole call.

Refuses as a whole with INVALID_ARGUMENT (WLARG) too many items; with FORBIDDEN (42501) a kind whose own function the
caller may not execute; and with RETRY (40001), above READ COMMITTED, a wallet that was skipped.$$;
grant execute on function ledger.wallet_post_each to wallet_service, wallet_operator, wallet_job;
