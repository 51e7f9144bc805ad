create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_item ledger.wallet_request;
  v_place int := -1;
  v_detail text;
  v_hint text;
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse(ledger_private.invalid_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000)));
  end if;
  -- All at once and in their order; each item finds its own locked.
  perform from ledger_private.lock_wallets(array(
    select w.id from unnest(requests) r cross join lateral (values (r.wallet_id), (r.counterparty_id)) w (id) where w.id is not null));
  foreach v_item in array requests loop
    v_place := v_place + 1;
    return next ledger_private.post_item(v_item);
  end loop;
exception when others then
  if sqlstate not like 'WL%' or v_place < 0 then
    raise;
  end if;
  get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
  perform ledger_private.refuse(ledger_private.refusal(
    sqlstate, sqlerrm, v_detail::jsonb || jsonb_build_object('index', v_place), v_hint));
end
$$;

comment on function ledger.wallet_post_batch(ledger.wallet_request[]) is
$$@resultFieldName receipts
Books many top-ups, bonuses, spends and transfers at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. Its wallets are locked until it commits; nobody else
waits for it.

- requests: at most 10000, for any wallets and assets. Each has its own idempotency key: those that have been booked before are recognised one by
  one, and answered with the receipt of then.

Refuses as the single call of the first item that fails would, with its index, counted from 0, in the detail; and with INVALID_ARGUMENT (WLARG)
another kind, or too many items.$$;

revoke all on function ledger.wallet_post_batch(ledger.wallet_request[]) from public;
grant execute on function ledger.wallet_post_batch(ledger.wallet_request[]) to wallet_service, wallet_operator, wallet_job;
