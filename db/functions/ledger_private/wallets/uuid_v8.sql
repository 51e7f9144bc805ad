create or replace function ledger_private.uuid_v8(digest bytea)
returns uuid
language sql
immutable
return encode(
  set_byte(
    set_byte(substring(digest for 16), 6, (get_byte(digest, 6) & 15) | 128),
    8, (get_byte(digest, 8) & 63) | 128
  ), 'hex')::uuid;

comment on function ledger_private.uuid_v8 is
  'A UUID of version 8 (RFC 9562, custom) from the first 16 bytes of a digest.';

grant execute on function ledger_private.uuid_v8
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
