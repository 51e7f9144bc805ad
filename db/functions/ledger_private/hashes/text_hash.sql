create or replace function ledger_private.text_hash(value jsonb)
returns bytea
language plpgsql
stable
as $$
begin
  return sha256(convert_to(value::text, 'UTF8'));
end
$$;

comment on function ledger_private.text_hash is
  'SHA-256 over the text of JSON in UTF-8. Not inlined: a call without metadata does not set it up.';

grant execute on function ledger_private.text_hash to wallet_auditor;
