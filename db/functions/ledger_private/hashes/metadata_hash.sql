create or replace function ledger_private.metadata_hash(metadata jsonb)
returns bytea
language sql
stable
as $$
  -- That of {} is known.
  select case when metadata = '{}' then E'\\x44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    else ledger_private.text_hash(metadata) end
$$;

comment on function ledger_private.metadata_hash is
  'The hash of metadata, so that the chain is proved without them: SHA-256 over the text of the jsonb, in UTF-8.';

grant execute on function ledger_private.metadata_hash to wallet_auditor;
