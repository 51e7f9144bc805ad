create or replace function ledger.holds_page(
  open boolean default null,
  due_before timestamptz default null,
  first int default null,
  last int default null,
  after text default null,
  before text default null
)
returns ledger.page
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
-- A plan that was made while the tables were small may not outlive that.
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before);
  v_above uuid := ledger_private.cursor_id('before', before);
  v_below uuid := ledger_private.cursor_id('after', after);
  v_search ledger_private.transfer_search;
  v_found record;
  v_keys jsonb;
begin
  if open then
    return ledger_private.page_of(ledger_private.open_hold_keys(due_before => due_before, above => v_above,
      below => v_below, backwards => v_asked.backwards, wanted => v_asked.size + 1), v_asked);
  end if;
  v_search.kinds := '{hold}';
  v_search.due_before := due_before;
  v_found := ledger_private.walk_transfers(search => v_search, above => v_above, below => v_below,
    backwards => v_asked.backwards, wanted => v_asked.size + 1,
    -- As holds_status says it, from the list of open ones.
    condition => case when open is null then 'true' else '(w.expires_at <= statement_timestamp() or not exists (
      select from ledger_private.open_holds o where o.wallet_id = w.wallet_id and o.hold_id = w.transfer_id))' end);
  select coalesce(jsonb_agg(jsonb_build_object('wallet_id', e.wallet_id, 'id', e.transfer_id, 'cursor', e.transfer_id)
      order by i.n), '[]') into v_keys
    from unnest(v_found.ids) with ordinality i (id, n)
    join ledger.entries e on e.transfer_id = i.id and e.actor is not null;
  return ledger_private.page_of(v_keys, v_asked, v_found.searched_to::text);
end
$$;

comment on function ledger.holds_page is
$$@behavior -*
The holds of all wallets that the caller may see. Open ones come by when they are due: those that never expire first,
then the latest due; the soonest due are the last ones. All others come newest first, and a page of these looks at 2000
movements at most: it may have fewer rows than were asked for, or none, and a next page all the same.

- open: true for those that are open; false for those that have been captured or released or have expired, booked or
  not; all if left out.
- dueBefore: only those that expire before this instant.
- first: how many to read at most, from the first one or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the last one or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed or names no hold.$$;

grant execute on function ledger.holds_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
