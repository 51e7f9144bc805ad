create or replace function ledger_private.expiry_passed(expires_at timestamptz, at_time timestamptz)
returns ledger.refusal
language sql
stable
return case when expires_at <= at_time then
  ledger_private.invalid_argument('expires_at', 'Send an instant after now, or leave it out.',
    jsonb_build_object('expires_at', ledger_private.in_utc(expires_at), 'now', ledger_private.in_utc(at_time)))
end;

comment on function ledger_private.expiry_passed is
  'WLARG: an expiry is not after a wallet''s now. Asked after the key, so that a late retry still gets its receipt.';
