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
$$The hash of metadata, which stands for it in the hash of an entry, so that the chain can be proved without the text: SHA-256 over the text, as
PostgreSQL prints jsonb, in UTF-8.$$;

grant execute on function ledger_private.metadata_hash to wallet_auditor;
