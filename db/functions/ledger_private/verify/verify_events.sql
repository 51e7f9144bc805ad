create or replace function ledger_private.verify_events(first_id uuid, last_id uuid)
returns setof ledger.finding
language sql
stable
as $$
  select 'record_chain', c.wallet_id, null::bigint, null::uuid, jsonb_build_object('table', 'wallet_events', 'number', c.seq, 'place', c.place)
  from (
    select v.wallet_id, v.seq, v.hash, lag(v.hash) over wallet as previous, ledger_private.wallet_event_bytes(v) as bytes,
      row_number() over wallet as place,
      case when v.seq = 1 then ledger_private.record_hash(null, ledger_private.wallet_bytes(w)) end as start
    from ledger.wallet_events v
    left join ledger.wallets w on w.id = v.wallet_id
    where v.wallet_id between first_id and last_id
    window wallet as (partition by v.wallet_id order by v.seq)
  ) c
  where c.seq <> c.place or c.hash is distinct from ledger_private.record_hash(coalesce(c.previous, c.start), c.bytes)
$$;

comment on function ledger_private.verify_events is
$$Findings in the wallets from one id to another and their events: these are numbered without gaps, the hash of the first covers the facts of the
wallet, and each covers the event and the hash before.$$;

grant execute on function ledger_private.verify_events to wallet_auditor;
