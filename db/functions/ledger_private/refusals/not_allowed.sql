create or replace function ledger_private.not_allowed(wallet ledger.wallets, leaving boolean, facts jsonb default '{}')
returns ledger.refusal
language sql
immutable
return case
  when wallet.merged_into is not null then ledger_private.refusal('WLCLS', format('wallet closed: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id, 'merged_into', wallet.merged_into) || facts,
    'The wallet was merged: call for the one that merged_into names.')
  when wallet.status = 'closed' then ledger_private.refusal('WLCLS', format('wallet closed: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'An operator can reopen the wallet.')
  when wallet.status = 'frozen' and leaving then ledger_private.refusal('WLFRZ', format('wallet frozen: %s', wallet.id),
    jsonb_build_object('wallet_id', wallet.id) || facts, 'No credits leave a frozen wallet; an operator can reopen it.')
end;

comment on function ledger_private.not_allowed is
  $$WLCLS for a closed wallet, with its successor where it was merged; WLFRZ for credits that leave a frozen one. facts
are added to the detail.$$;
