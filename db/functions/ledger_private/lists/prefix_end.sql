create or replace function ledger_private.prefix_end(prefix text)
returns text
language sql
immutable
return (
  -- The next code point in place of the last one that has a next. (There are none from D800 to DFFF.)
  select left(p.prefix, -1) || chr(case ascii(right(p.prefix, 1)) when 55295 then 57344
    else ascii(right(p.prefix, 1)) + 1 end)
  from (values (rtrim(prefix_end.prefix, chr(1114111)))) p (prefix)
  where p.prefix <> '');

comment on function ledger_private.prefix_end is
$$The text before which, in the order of code points, all texts come that begin so, or before it; null where there is
none.$$;

grant execute on function ledger_private.prefix_end
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
