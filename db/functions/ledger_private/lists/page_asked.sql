create or replace function ledger_private.page_asked(first int, last int, after text, before text)
returns ledger_private.page_asked
language plpgsql
stable
as $$
declare
  v_argument text := case
    when first not between 0 and 1000 then 'first'
    when last not between 0 and 1000 then 'last'
    when first is not null and last is not null then 'last'
  end;
begin
  if v_argument is not null then
    perform ledger_private.refuse(ledger_private.invalid_argument(v_argument,
      'Ask for 0 to 1000 rows, either the first or the last.', '{"max": 1000}'));
  end if;
  -- What comes before a cursor ends there.
  return row(coalesce(first, last, 100),
    last is not null or first is null and before is not null and after is null)::ledger_private.page_asked;
end
$$;

comment on function ledger_private.page_asked is
  'How many rows of a list are asked for, and whether from its end; WLARG where that is not 0 to 1000, or both ends.';

grant execute on function ledger_private.page_asked
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
