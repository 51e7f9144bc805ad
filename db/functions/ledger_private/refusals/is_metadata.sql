create or replace function ledger_private.is_metadata(value jsonb)
returns boolean
language plpgsql
immutable
as $$
begin
  return jsonb_typeof(value) = 'object' and octet_length(value::text) <= 8192;
end
$$;

comment on function ledger_private.is_metadata is
  'Whether JSON may be metadata: an object of at most 8192 bytes. Not inlined: a call without them does not set it up.';

grant execute on function ledger_private.is_metadata to wallet_service, wallet_operator, wallet_auditor, wallet_job;
