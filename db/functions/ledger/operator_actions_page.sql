create or replace function ledger.operator_actions_page(
  "from" timestamptz default null,
  "to" timestamptz default null,
  actor text default null,
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
  v_above ledger_private.list_place := ledger_private.cursor_place('before', before);
  v_below ledger_private.list_place := ledger_private.cursor_place('after', after);
  v_search ledger_private.transfer_search;
  v_found record;
  v_end ledger_private.list_place;
  v_keys jsonb;
begin
  perform ledger_private.check_range("from", "to");
  v_search.from_time := "from";
  v_search.to_time := "to";
  v_search.actor := actor;
  v_found := ledger_private.walk_transfers(search => v_search, above => ledger_private.id_of_place(v_above),
    below => ledger_private.id_of_place(v_below), backwards => v_asked.backwards, wanted => v_asked.size + 1,
    -- As in is_operators.
    condition => format('(w.actor like %L
        or w.kind = any (%L) and (w.kind <> ''collection'' or w.idem_key is not null))',
      'operator:%', ledger_private.operator_kinds()));
  v_above := row(coalesce(v_above.at_time, '-infinity'), coalesce(v_above.id, ledger_private.id_from(0)),
    coalesce(v_above.seq, 0));
  v_below := row(coalesce(v_below.at_time, 'infinity'), coalesce(v_below.id, ledger_private.id_from(0)),
    coalesce(v_below.seq, 0));
  v_search.to_time := coalesce("to", 'infinity');
  -- What else there is beyond the movement at which the search ended comes with a later page.
  if v_found.searched_to is not null then
    v_end := ledger_private.id_place(v_found.searched_to);
    if v_asked.backwards then
      v_below := least(v_below, v_end);
    else
      v_above := greatest(v_above, v_end);
    end if;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'seq', p.seq,
      'cursor', ledger_private.place_cursor(p.at_time, p.id, p.seq))), '[]') into v_keys
    from (
      select p.* from (
        select m.* from unnest(v_found.ids) i cross join lateral ledger_private.id_place(i) m
        union all
        select a.* from ledger_private.action_places(search => v_search, above => v_above, below => v_below,
          backwards => v_asked.backwards, wanted => v_asked.size + 1) a
      ) p (at_time, id, seq)
      order by case when v_asked.backwards then p.at_time end, case when v_asked.backwards then p.id end,
        case when v_asked.backwards then p.seq end, p.at_time desc, p.id desc, p.seq desc
      limit v_asked.size + 1
    ) p;
  return ledger_private.page_of(v_keys, v_asked,
    case when v_end is not null then ledger_private.place_cursor(v_end.at_time, v_end.id, v_end.seq) end);
end
$$;

comment on function ledger.operator_actions_page is
$$@behavior -*
What operators did, newest first: movements that only operators may book (reversals, adjustments, opening balances and
the like) and all others that operators booked, changes of a wallet's status, new assets, limits. A page looks at 2000
movements at most: it may have fewer rows than were asked for, or none, and a next page all the same.

- from: only what was done at this instant or later. Needed: no index leads to all of this.
- to: only what was done before this instant, at most 31 days after from; until now if left out.
- actor: only what this caller did, such as operator:kim.
- first: how many to read at most, from the newest or after a cursor: 0 to 1000, 100 where neither first nor last is
  given.
- last: how many to read at most, from the oldest or before a cursor: 0 to 1000; not together with first.
- after: the cursor after which to go on.
- before: the cursor before which to go on.

Refuses with INVALID_ARGUMENT (WLARG): a size is out of bounds, a cursor is malformed, a range is missing or too
long.$$;

grant execute on function ledger.operator_actions_page to wallet_operator, wallet_auditor;
