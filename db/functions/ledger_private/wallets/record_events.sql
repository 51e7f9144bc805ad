create or replace function ledger_private.record_events(
  wallet_ids uuid[],
  kind ledger.wallet_event_kind,
  reason text,
  facts_hash bytea default null
)
returns void
language plpgsql
volatile
as $$
declare
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  with events as (
    select w, row(w.id, coalesce(l.seq, 0) + 1, record_events.kind, record_events.reason, v_actor, v_now,
      l.hash, record_events.facts_hash)::ledger.wallet_events as e
    from unnest(wallet_ids) u (wallet_id)
    join ledger.wallets w on w.id = u.wallet_id
    left join lateral (
      select v.seq, v.hash from ledger.wallet_events v where v.wallet_id = w.id order by v.seq desc limit 1
    ) l on true
  ), written as (
    insert into ledger.wallet_events (wallet_id, seq, kind, reason, actor, created_at, hash, facts_hash)
      select (n.e).wallet_id, (n.e).seq, (n.e).kind, (n.e).reason, (n.e).actor, (n.e).created_at,
          ledger_private.record_hash(
            coalesce((n.e).hash, ledger_private.record_hash(null, ledger_private.wallet_bytes(n.w))),
              ledger_private.wallet_event_bytes(n.e)), (n.e).facts_hash
        from events n
      returning wallet_events.wallet_id, wallet_events.seq
  )
  insert into ledger_private.unsealed_events (wallet_id, seq) select n.wallet_id, n.seq from written n;
end
$$;

comment on function ledger_private.record_events is
$$Leaves an event in each of these locked or new wallets, chained to the one before (the first: to the facts of the
wallet), and to be sealed. facts_hash is over what it is about. For callers that have opened the guards.$$;
