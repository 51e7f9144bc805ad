create or replace function ledger.expiring_lots_page(
  before timestamptz default null,
  first int default null,
  last int default null,
  after text default null,
  before_cursor text default null
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
  v_asked ledger_private.page_asked := ledger_private.page_asked(first, last, after, before_cursor);
  v_above ledger_private.list_place := ledger_private.cursor_place('before_cursor', before_cursor);
  v_below ledger_private.list_place := ledger_private.cursor_place('after', after);
  v_keys jsonb;
begin
  v_above := row(coalesce(v_above.at_time, '-infinity'), coalesce(v_above.id, ledger_private.id_from(0)),
    coalesce(v_above.seq, 0));
  v_below := row(coalesce(v_below.at_time, 'infinity'), coalesce(v_below.id, ledger_private.id_from(0)),
    coalesce(v_below.seq, 0));
  execute format('
    select coalesce(jsonb_agg(jsonb_build_object(''wallet_id'', o.wallet_id, ''seq'', o.lot_seq,
      ''expires_at'', ledger_private.in_utc(o.expires_at),
      ''cursor'', ledger_private.place_cursor(o.due_at, o.wallet_id, o.lot_seq))), ''[]'')
    from (
      select o.* from ledger_private.open_lots o
      where o.due_at > statement_timestamp() and o.due_at < coalesce($1, ''infinity'')
        and (o.due_at, o.wallet_id, o.lot_seq) > ($2.at_time, $2.id, $2.seq)
        and (o.due_at, o.wallet_id, o.lot_seq) < ($3.at_time, $3.id, $3.seq)
      order by o.due_at %1$s, o.wallet_id %1$s, o.lot_seq %1$s
      limit $4
    ) o', case when v_asked.backwards then 'asc' else 'desc' end)
    into v_keys using before, v_above, v_below, v_asked.size + 1;
  return ledger_private.page_of(v_keys, v_asked);
end
$$;

comment on function ledger.expiring_lots_page is
$$@behavior -*
Bonus credits of all wallets that the caller may see which expire, the latest first; the soonest are the last ones. What
has expired is not among them, booked or not, nor is what open holds reserve all of: it cannot expire before they end.

- before: only what expires before this instant.
- first: how many to read at most, from the latest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the soonest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- beforeCursor: the cursor before which to go on. (Before is an instant here.)

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, or a cursor is malformed.$$;

grant execute on function ledger.expiring_lots_page to wallet_service, wallet_operator, wallet_auditor, wallet_job;
