create or replace function ledger_private.zone(time_zone text)
returns text
language plpgsql
stable
as $$
begin
  -- Abbreviations mean what the session says, and what is misspelt may be read as a zone of its own.
  if time_zone ~ '^([A-Za-z][A-Za-z_]*(/[A-Za-z][A-Za-z_-]*){1,2}|Etc/GMT[+-][0-9]{1,2})$' then
    perform pg_catalog.timezone(time_zone, timestamptz '2000-01-01 00:00:00+00');
    return time_zone;
  elsif time_zone = 'UTC' then
    return 'Etc/UTC';
  end if;
  return null;
exception when invalid_parameter_value then
  return null;
end
$$;

comment on function ledger_private.zone is
  'The name of a time zone that PostgreSQL knows: of UTC, or of an area and a place such as Europe/Berlin; else null.';

grant execute on function ledger_private.zone to wallet_operator, wallet_auditor;
