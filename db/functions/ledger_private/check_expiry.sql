create or replace function ledger_private.check_expiry(wallet_id uuid, expires_at timestamptz, at_time timestamptz)
returns void
language plpgsql
volatile
as $$
begin
  if expires_at <= at_time then
    perform ledger_private.check_snapshot(array[wallet_id]);
    perform ledger_private.refuse_argument('expires_at', 'Send an instant after now, or leave it out.',
      jsonb_build_object('expires_at', ledger_private.in_utc(expires_at), 'now', ledger_private.in_utc(at_time)));
  end if;
end
$$;

comment on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) is
$$Refuses with WLARG an expiry that is not after a wallet's now. Called after the key has been looked up, because it changes with time: a
late retry still gets its receipt.$$;

revoke all on function ledger_private.check_expiry(uuid, timestamptz, timestamptz) from public;
