create or replace function ledger_private.change_status(wallet_id uuid, status ledger.wallet_status, reason text)
returns ledger.wallets
language plpgsql
volatile
as $$
declare
  v_wallet ledger.wallets;
  v_head ledger.entries;
begin
  if wallet_id is null then
    perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id', 'Name the wallet by its id.'));
  end if;
  if reason is null or char_length(reason) not between 1 and 1000 then
    perform ledger_private.refuse(ledger_private.invalid_argument('reason', 'Say why, in 1 to 1000 characters.'));
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = change_status.wallet_id for no key update;
  if not found then
    perform ledger_private.refuse(ledger_private.wallet_not_found(wallet_id));
  end if;
  if v_wallet.status = change_status.status then
    return v_wallet;
  end if;
  if change_status.status = 'frozen' or v_wallet.merged_into is not null then
    perform ledger_private.refuse(ledger_private.not_allowed(v_wallet, false));
  end if;
  if change_status.status = 'closed' then
    perform ledger_private.settle(array[wallet_id], clock_timestamp());
    select e.* into v_head from ledger.entries e where e.wallet_id = change_status.wallet_id
      order by e.seq desc limit 1;
    -- Nothing is written after the head here, so a stale one would not collide: a wallet that has been filled meanwhile
    -- would be closed.
    perform ledger_private.check_snapshot(array[wallet_id]);
    -- What is reserved is part of the balance.
    if v_head.balance > 0 or v_head.owed > 0 then
      perform ledger_private.refuse(ledger_private.invalid_argument('wallet_id',
        'Only an empty wallet that owes nothing is closed: move what is left, collect or forgive its debt.',
        jsonb_build_object('wallet_id', wallet_id, 'balance', v_head.balance::text,
          'held_balance', v_head.held_balance::text, 'owed', coalesce(v_head.owed, 0)::text)));
    end if;
  end if;

  perform set_config('ledger.posting', 'on', true);
  update ledger.wallets w set status = change_status.status where w.id = change_status.wallet_id
    returning w.* into v_wallet;
  perform ledger_private.record_events(array[wallet_id],
    (case change_status.status when 'open' then 'reopened'
      else change_status.status::text end)::ledger.wallet_event_kind, reason);
  perform set_config('ledger.posting', '', true);
  return v_wallet;
end
$$;

comment on function ledger_private.change_status is
$$Changes a wallet's status and leaves an event; where it has that status, returns it as it is. Refuses with WLARG,
WLNOW, WLCLS to freeze a closed wallet or change a merged one, WLARG to close one that is not empty.$$;
