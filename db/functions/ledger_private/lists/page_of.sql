create or replace function ledger_private.page_of(
  keys jsonb,
  asked ledger_private.page_asked,
  searched_to text default null
)
returns ledger.page
language plpgsql
immutable
as $$
declare
  v_more boolean := jsonb_array_length(keys) > asked.size;
  -- Where the search ended counts only if it ended before the page was full.
  v_place text := case when not v_more then searched_to end;
  v_page ledger.page;
begin
  v_more := v_more or v_place is not null;
  select coalesce(jsonb_agg(k.key order by case when asked.backwards then -k.n else k.n end), '[]') into v_page.keys
    from jsonb_array_elements(page_of.keys) with ordinality k (key, n)
    where k.n <= asked.size;
  v_page.start_cursor := coalesce(case when asked.backwards then v_place end, v_page.keys -> 0 ->> 'cursor');
  v_page.end_cursor := coalesce(case when not asked.backwards then v_place end, v_page.keys -> -1 ->> 'cursor');
  v_page.has_next_page := v_more and not asked.backwards;
  v_page.has_previous_page := v_more and asked.backwards;
  return v_page;
end
$$;

comment on function ledger_private.page_of is
$$A page, of the keys in the order in which they were found, one more than was asked for where there are more.
searched_to is the place up to which was looked, where that was not the end of the list.$$;

grant execute on function ledger_private.page_of
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
