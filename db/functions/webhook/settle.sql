create or replace function webhook.settle(endpoint text, outcomes jsonb)
returns webhook.settled
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  c_give_up constant interval := '24 hours';
  v_now timestamptz := clock_timestamp();
  v_wallets uuid[];
  v_failure text;
  v_delivered int;
  v_settled webhook.settled := row(0, false)::webhook.settled;
begin
  perform from webhook.endpoints n where n.name = settle.endpoint for no key update;
  v_wallets := array(
    select distinct w.wallet_id
      from jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text)
      join webhook.deliveries d on d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries
      join webhook.delivery_wallets w on w.endpoint = d.endpoint and w.id = d.id
      where o.failure is null);
  delete from webhook.deliveries d
    using jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text)
    where d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries and o.failure is null;
  get diagnostics v_delivered = row_count;
  -- What is released begins a new day; the last try is at its end.
  with failed as (
    update webhook.deliveries d set
        failure = o.failure,
        parked_at = case when v_now >= d.first_try_at + c_give_up then v_now end,
        next_try_at = case when v_now < d.first_try_at + c_give_up
          then least(v_now + o.pause_ms * interval '1 ms', d.first_try_at + c_give_up) end
      from jsonb_to_recordset(outcomes) o (id uuid, tries int, failure text, pause_ms bigint)
      where d.endpoint = settle.endpoint and d.id = o.id and d.tries = o.tries and o.failure is not null
      returning d.parked_at, d.failure
  )
  select count(f.parked_at), max(f.failure) into v_settled.parked, v_failure from failed f;
  update webhook.endpoints n set
      delivered = n.delivered + v_delivered,
      delivered_at = case when v_delivered > 0 then v_now else n.delivered_at end,
      failed_at = case when v_failure is null then n.failed_at else v_now end,
      failure = coalesce(v_failure, n.failure),
      held_until = greatest(n.held_until, v_now + a.hold_ms * interval '1 ms'),
      state = case when a.gone then 'paused' else n.state end,
      paused_because = case when a.gone and n.state = 'active' then 'gone' else n.paused_because end
    from (
      select max(o.hold_ms) as hold_ms, coalesce(bool_or(o.gone), false) as gone
        from jsonb_to_recordset(outcomes) o (hold_ms bigint, gone boolean)
    ) a
    where n.name = settle.endpoint
    returning a.gone into v_settled.paused;
  perform webhook.wake(settle.endpoint, v_wallets);
  return v_settled;
end
$$;

comment on function webhook.settle is $$@behavior -*
Says what came of webhooks that were taken. One that arrived goes, and the next ones of its wallets may be sent; one
that failed is sent again after a pause, and is parked when it has failed for a day. One that counted as lost meanwhile,
and was given out again, is left alone.

- endpoint: its name.
- outcomes: a list of objects: id and tries as they were taken; failure, why it failed, null where it arrived; pauseMs,
  after how long to try again; holdMs, for how long the receiver wants nothing; gone, whether it wants nothing any more.
  (In SQL: pause_ms, hold_ms.)$$;

grant execute on function webhook.settle to wallet_worker;
