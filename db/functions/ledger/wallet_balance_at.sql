create or replace function ledger.wallet_balance_at(wallet_id uuid, at_time timestamptz)
returns ledger.wallet_balance
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz;
begin
  if at_time is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('at_time',
      'Send an instant from when the wallet was opened to now.'));
  end if;
  select w.created_at into v_created_at from ledger.wallets w where w.id = wallet_balance_at.wallet_id;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  if at_time < v_created_at then
    perform ledger_private.refuse(ledger_private.invalid_argument('at_time',
      'Send an instant from when the wallet was opened to now.',
      jsonb_build_object('at_time', ledger_private.in_utc(at_time),
        'created_at', ledger_private.in_utc(v_created_at))));
  end if;
  return ledger_private.balance_of(ledger_private.entry_at(wallet_id, at_time), least(at_time, statement_timestamp()));
end
$$;

comment on function ledger.wallet_balance_at is
$$A wallet's balances at an instant, in minor units: those of the newest entry booked at or before it. What was booked
at exactly atTime is counted; for balances that add up with entries(from, to), which begins with its from, use
wallet_statement. Available is what could be spent then: holds that had expired by then reserve nothing any more, and
bonus credits that had expired are left out, whether that was booked by then or not. An instant in the future counts
as now.

- walletId: a player's wallet that the caller may see.
- atTime: an instant from when the wallet was opened.

Refuses, in this order, with INVALID_ARGUMENT (WLARG) for no instant, WALLET_NOT_FOUND (WLNOW), INVALID_ARGUMENT
(WLARG) for an instant before the wallet existed.$$;

grant execute on function ledger.wallet_balance_at
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
