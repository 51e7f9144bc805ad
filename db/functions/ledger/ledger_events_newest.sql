create or replace function ledger.ledger_events_newest(before text default null, "limit" int default 100)
returns setof ledger.event
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_epoch int;
  -- Every transaction before this one has ended, as in ledger_events: what comes later has no place yet.
  v_xid xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_id uuid := '00000000-0000-0000-0000-000000000000';
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Ask for 1 to 10000 events at a time.'));
  end if;
  v_epoch := ledger_private.feed_epoch();
  if before is not null then
    select p.xid, p.id into v_xid, v_id from ledger_private.feed_place('before', before, v_epoch) p;
  end if;
  return query
    select v_epoch || '.' || n.xid || '.' || t.id, t.id, t.kind, t.wallet_id, w.owner_id, w.asset_code, t.amount,
        t.bonus_amount, t.debit_wallet_id, t.debit_seq, t.credit_wallet_id, t.credit_seq, t.reverses, t.hold_id,
        t.expires_at, t.idem_key, t.actor, t.metadata, t.created_at
      from (
        select e.xid, e.transfer_id from ledger.entries e
          where e.actor is not null and (e.xid, e.transfer_id) < (v_xid, v_id)
          order by e.xid desc, e.transfer_id desc
          limit ledger_events_newest."limit"
      ) n
      join ledger.transfers t on t.id = n.transfer_id
      -- One look-up for each: joined, all wallets may be read.
      left join lateral (select o.owner_id, o.asset_code from ledger.wallets o
        where o.id = t.wallet_id limit 1) w on true
      order by n.xid desc, n.transfer_id desc;
end
$$;

comment on function ledger.ledger_events_newest is
$$@behavior -queryField:resource:connection +queryField:resource:list
@listSuffix omit
The feed from its newest end: the same events as ledgerEvents, with the same cursors, in the opposite order. Whoever has
seen the newest goes on with ledgerEvents(after) for what comes next, and here for what came before.

- before: the cursor of the last event read; from the newest event on if left out.
- limit: how many to read at most, 1 to 10000, over GraphQL to 1000; 100 if left out.

Refuses with INVALID_ARGUMENT (WLARG): a cursor is malformed, or of an earlier epoch, or names a transfer that a
restored ledger no longer has (reason: malformed, epoch, cursor_unknown).$$;

grant execute on function ledger.ledger_events_newest to wallet_service, wallet_operator, wallet_auditor, wallet_job;
