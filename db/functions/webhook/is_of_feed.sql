create or replace function webhook.is_of_feed(place text)
returns boolean
language sql
stable
as $$
  select place is null or (split_part(place, '.', 1)::int = ledger_private.feed_epoch()
    and exists (
      select from ledger.entries e
      where e.actor is not null and e.xid = split_part(place, '.', 2)::xid8
        and e.transfer_id = split_part(place, '.', 3)::uuid))
$$;

comment on function webhook.is_of_feed is $$@behavior -*
Whether the feed goes on behind a cursor that it gave: it does not where the ledger was restored elsewhere, or to an
earlier moment. Without a cursor it begins.$$;
