create or replace function webhook.newest_cursor()
returns text
language sql
stable
as $$
  select e.cursor from ledger.ledger_events_newest(null, 1) e
$$;

comment on function webhook.newest_cursor is $$@behavior -*
The last event that the feed has now; null for none.$$;
