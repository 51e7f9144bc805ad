create or replace function ledger.wallet_statement(wallet_id uuid, from_time timestamptz, to_time timestamptz)
returns ledger.wallet_statement
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Two instants differ by a microsecond at least: the newest entry before an instant is the newest until then.
  v_step constant interval := interval '1 microsecond';
  v_now constant timestamptz := statement_timestamp();
begin
  if from_time is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('from_time',
      'Send the instant from which the statement lists entries.'));
  end if;
  if to_time is null or to_time < from_time then
    perform ledger_private.refuse(ledger_private.invalid_argument('to_time',
      'Send the instant before which the statement ends: from_time or later.'));
  end if;
  if not exists (select from ledger.wallets w where w.id = wallet_statement.wallet_id) then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  return row(
    wallet_id, from_time, to_time,
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, from_time - v_step), least(from_time, v_now)),
    ledger_private.balance_of(ledger_private.entry_at(wallet_id, to_time - v_step), least(to_time, v_now))
  )::ledger.wallet_statement;
end
$$;

comment on function ledger.wallet_statement is
$$A wallet's balances at both ends of a period. opening counts the entries before fromTime, closing those before toTime,
so that for any two instants opening + the entries of the period = closing. The entries of the period are those of
wallet.entries(from: fromTime, to: toTime), which are numbered opening.seq + 1 to closing.seq. Before the wallet was
opened, all balances are 0.

- walletId: a player's wallet that the caller may see.
- fromTime: the first instant of the period; it belongs to the period.
- toTime: the end of the period, fromTime or later; it does not belong to the period, so it is the fromTime of the next
  one.

Refuses, in this order, with INVALID_ARGUMENT (WLARG), WALLET_NOT_FOUND (WLNOW).$$;

grant execute on function ledger.wallet_statement
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
