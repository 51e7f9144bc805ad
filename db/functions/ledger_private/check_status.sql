create or replace function ledger_private.check_status(wallet ledger.wallets, leaving boolean, facts jsonb default '{}')
returns void
language plpgsql
immutable
as $$
begin
  if wallet.status = 'closed' then
    perform ledger_private.refuse('WLCLS',
      format('wallet closed: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id) || facts, 'An operator can reopen the wallet.');
  end if;
  if wallet.status = 'frozen' and leaving then
    perform ledger_private.refuse('WLFRZ',
      format('wallet frozen: %s', wallet.id),
      jsonb_build_object('wallet_id', wallet.id) || facts, 'No credits leave a frozen wallet; an operator can reopen it.');
  end if;
end
$$;

comment on function ledger_private.check_status(ledger.wallets, boolean, jsonb) is
$$Refuses what the wallet's status does not allow: WLCLS for a closed wallet, WLFRZ for credits leaving a frozen
one. facts are added to the detail.$$;

revoke all on function ledger_private.check_status(ledger.wallets, boolean, jsonb) from public;
