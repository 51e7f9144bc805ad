create or replace function ledger.ledger_notify(after text default null, "limit" int default 1000)
returns table (next_cursor text, is_full boolean, postings jsonb)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_events int;
begin
  if "limit" is null or "limit" not between 1 and 10000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('limit', 'Read 1 to 10000 events at a time.'));
  end if;
  if after is null then
    -- The last event that ledger_events() has now, found without reading the others.
    next_cursor := coalesce(ledger_private.feed_epoch() || '.' || (
      select e.xid || '.' || e.transfer_id from ledger.entries e
      where e.actor is not null and e.xid < pg_snapshot_xmin(pg_current_snapshot())
      order by e.xid desc, e.transfer_id desc limit 1), '');
    is_full := false;
    postings := '{}';
    perform pg_notify('wallets', '');
    return next;
    return;
  end if;

  with page as materialized (
    -- In the order of the feed.
    select e.cursor, e.kind, e.debit_wallet_id, e.debit_seq, e.credit_wallet_id, e.credit_seq,
      row_number() over () as place
      from ledger.ledger_events(nullif(after, ''), "limit") e
  ), changed as (
    select s.wallet_id, max(s.seq) as seq
      from page p
      cross join lateral (values (p.debit_wallet_id, p.debit_seq), (p.credit_wallet_id, p.credit_seq)) s (wallet_id,
        seq)
      where s.wallet_id is not null
      group by s.wallet_id
  ), notified as (
    select count(pg_notify('wallet:' || c.wallet_id, c.seq::text)) from changed c
  )
  select (select p.cursor from page p order by p.place desc limit 1),
      (select count(*) from page),
      (select jsonb_object_agg(k.kind, k.postings)
        from (select p.kind, count(*) as postings from page p group by p.kind) k)
    into next_cursor, v_events, postings
    from notified;
  next_cursor := coalesce(next_cursor, after);
  is_full := v_events = "limit";
  postings := coalesce(postings, '{}');
  return next;
end
$$;

comment on function ledger.ledger_notify is
$$@behavior -*
Reads the feed on from a cursor and notifies whoever listens: for each wallet of a player that has new entries the
channel wallet:<id>, with the number of the newest as payload. Never part of a posting: transactions that notify commit
one after the other, in the whole database. Returns the cursor to go on from, whether there may be more already, and how
many transfers of each kind there were.

- after: the next_cursor of the call before. If left out, it goes to the end of the feed without reading it, and
  notifies the channel wallets: any wallet may have changed since somebody last looked.
- limit: how many events to read at most, 1 to 10000.

Refuses as ledger_events does, with INVALID_ARGUMENT (WLARG): then start again without a cursor.$$;

grant execute on function ledger.ledger_notify to wallet_job;
