create or replace function ledger_private.prepare(request ledger.transfers, leaving boolean, other_id uuid default null)
returns ledger_private.prepared
language plpgsql
volatile
as $$
declare
  v_checked boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_prepared ledger_private.prepared;
begin
  v_checked := ledger_private.check_request(request.kind, request.wallet_id, null, request.hold_id, request.reverses, request.requested_amount,
    request.idem_key, request.expires_at, request.metadata);
  if other_id < request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = request.wallet_id and w.house is null for no key update;
  if not found then
    perform ledger_private.refuse_wallet(request.wallet_id);
  end if;
  if other_id > request.wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = other_id and w.house is null for no key update;
  end if;
  if request.hold_id is not null
    and not exists (select from ledger.holds h where h.wallet_id = request.wallet_id and h.id = request.hold_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOH', format('hold not found: %s', request.hold_id),
      jsonb_build_object('wallet_id', request.wallet_id, 'hold_id', request.hold_id),
      'Name a hold of this wallet by the hold_id of its receipt.');
  end if;
  if request.reverses is not null
    and not exists (select from ledger.transfers t where t.id = request.reverses and t.wallet_id = request.wallet_id) then
    perform ledger_private.check_snapshot(array[request.wallet_id]);
    perform ledger_private.refuse('WLNOT', format('transfer not found: %s', request.reverses),
      jsonb_build_object('wallet_id', request.wallet_id, 'transfer_id', request.reverses),
      'Name a transfer that this wallet acted in by the transfer_id of its receipt.');
  end if;

  if exists (select from ledger.transfers t where t.wallet_id = request.wallet_id and t.idem_key = request.idem_key) then
    v_prepared.receipt := ledger_private.replay(request);
    return v_prepared;
  end if;
  v_prepared.at_time := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  perform ledger_private.check_expiry(request.wallet_id, request.expires_at, greatest(v_prepared.at_time, v_head.created_at));
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[request.wallet_id, v_other.id]);
    perform ledger_private.check_status(v_wallet, leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  if ledger_private.settle(array[request.wallet_id, v_other.id], v_prepared.at_time) then
    select e.* into v_head from ledger.entries e where e.wallet_id = request.wallet_id order by e.seq desc limit 1;
  end if;
  v_prepared.wallet := v_wallet;
  v_prepared.head := v_head;
  return v_prepared;
end
$$;

comment on function ledger_private.prepare(ledger.transfers, boolean, uuid) is
$$What every call begins with that builds on a hold or a transfer of the wallet, or on its holds, in the order of refusals: checks the request, locks
the wallet and a second player's, looks for what the request names and for its key, judges expiry and status, and books what is due. With a
receipt in it, the call is a repetition and ends.$$;

revoke all on function ledger_private.prepare(ledger.transfers, boolean, uuid) from public;
