create or replace function ledger_private.is_key(value text)
returns boolean
language sql
immutable
as $$
  -- The code points with the Unicode property White_Space; then the control characters.
  select char_length(value) between 1 and 200
    and btrim(value, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
      || E'\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000') = value
    and value ~ E'[^\u0001-\u0020\u007f-\u00a0]'
$$;

comment on function ledger_private.is_key is
$$Whether a text may be an idempotency key or an owner id: 1 to 200 characters, neither the first nor the last of them
white space (what Unicode calls so, whatever the locale), not all of them control characters.$$;
