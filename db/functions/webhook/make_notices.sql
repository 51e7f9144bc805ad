create or replace function webhook.make_notices("limit" int default 1000)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
as $$
declare
  v_cursor text;
  v_events ledger.event[];
  v_lots ledger_private.open_lots[];
  v_of_rule ledger_private.open_lots[];
  v_rule webhook.notice_rules;
  v_is_more boolean;
begin
  if not exists (select from webhook.notice_rules) then
    return false;
  end if;
  select r.cursor into v_cursor from webhook.notice_reader r;
  if webhook.is_of_feed(v_cursor) then
    v_events := array(select e from ledger.ledger_events(v_cursor, "limit") e);
  else
    -- The ledger was restored: lots are looked at anew, those with a notice have had it.
    v_events := array(select e from ledger.ledger_events_newest(null, 1) e);
    update webhook.notice_rules r set due_at = '-infinity';
  end if;
  -- Looking writes nothing; by the clock, there are new lots each minute.
  if cardinality(v_events) = 0 and not exists (
    select from webhook.notice_rules r
      where clock_timestamp() + r.expiring_hours * interval '1 hour' > r.due_at + interval '1 minute') then
    return false;
  end if;
  perform from webhook.notice_reader r where r.cursor is not distinct from v_cursor for no key update skip locked;
  if not found then
    return false;
  end if;

  v_is_more := cardinality(v_events) = "limit";
  v_lots := array(select o from webhook.lots_of_events(v_events) o);
  for v_rule in select r.* from webhook.notice_rules r where r.expiring_hours is not null order by r.asset_code loop
    v_of_rule := webhook.next_lots(v_rule.asset_code, "limit");
    v_is_more := v_is_more or cardinality(v_of_rule) = "limit";
    v_lots := v_lots || v_of_rule;
  end loop;
  insert into webhook.notices (number, kind, wallet_id, seq, amount, lot_seq, expires_at, low_balance, created_at)
    select coalesce((select max(m.number) from webhook.notices m), 0) + row_number() over (), n.kind, n.wallet_id,
        n.seq, n.amount, n.lot_seq, n.expires_at, n.low_balance, n.created_at
      from (
        select b.* from webhook.low_balances(v_events) b
        union all
        select x.* from webhook.expiring_lots(v_lots) x
      ) n
    on conflict do nothing;
  if cardinality(v_events) > 0 then
    update webhook.notice_reader r set cursor = v_events[cardinality(v_events)].cursor;
  end if;
  perform webhook.forget_notices("limit");
  return v_is_more;
end
$$;

comment on function webhook.make_notices is $$@behavior -*
Gives the notices that the rules ask for: of lots that expire within the time, each lot once, and of movements with
which a balance fell below the mark, each of them once. Whether there may be more already. It reads the feed on, and the
list of open lots by their expiry: nothing of it is part of a posting.

- limit: how many events, and how many lots for each rule, at most.$$;

grant execute on function webhook.make_notices to wallet_worker;
