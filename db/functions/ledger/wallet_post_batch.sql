create or replace function ledger.wallet_post_batch(requests ledger.wallet_request[])
returns setof ledger.receipt
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_batch ledger_private.batch;
  v_plan ledger_private.batch_plan;
  v_receipts ledger.receipt[];
begin
  if requests is null or cardinality(requests) > 10000 or array_ndims(requests) > 1 then
    perform ledger_private.refuse_argument('requests', 'Send a list of at most 10000 requests.',
      jsonb_build_object('length', cardinality(requests), 'max', 10000));
  end if;
  v_batch := ledger_private.lock_batch(requests);
  v_batch := ledger_private.load_batch(requests, v_batch);
  v_plan := ledger_private.plan_batch(requests, v_batch);
  v_receipts := ledger_private.write_batch(requests, v_batch, v_plan);
  if cardinality(v_receipts) < cardinality(requests) then
    v_receipts := ledger_private.batch_receipts(requests, v_receipts, v_plan.bonus_amounts, (v_batch.numbers).first_places);
  end if;
  return query select * from unnest(v_receipts);
end
$$;

comment on function ledger.wallet_post_batch(ledger.wallet_request[]) is
$$@resultFieldName receipts
Books many top-ups, bonuses, spends and transfers at once, all or nothing: each upon the balances that those before it leave, by the rules of
single calls. Returns a receipt for each request, in their order. The house's side is booked apart, so that single calls never wait for a
batch's; a wallet in it waits until it commits.

- requests: at most 10000, for any wallets and assets. Each has its own idempotency key: those that have been booked before are recognised one by
  one, and answered with the receipt of then.

Refuses as the single call of the first item that fails would, with its index, counted from 0, in the detail; and with INVALID_ARGUMENT (WLARG)
another kind, or too many items.$$;

revoke all on function ledger.wallet_post_batch(ledger.wallet_request[]) from public;
grant execute on function ledger.wallet_post_batch(ledger.wallet_request[]) to wallet_service, wallet_operator, wallet_job;
