create or replace function ledger_private.cursor_wallet(argument text, place text)
returns ledger.wallets
language plpgsql
stable
as $$
declare
  v_wallet ledger.wallets;
begin
  if place is not null then
    select w.* into v_wallet from ledger.wallets w where w.id = ledger_private.cursor_id(argument, place);
    if not found then
      perform ledger_private.refuse(ledger_private.invalid_argument(argument,
        'Give a cursor of this list as it came.', '{"reason": "cursor_unknown"}'));
    end if;
  end if;
  return v_wallet;
end
$$;

comment on function ledger_private.cursor_wallet is
  'The wallet that a cursor names; nulls without one, WLARG where the caller sees none.';

grant execute on function ledger_private.cursor_wallet
  to wallet_player, wallet_service, wallet_operator, wallet_auditor, wallet_job;
