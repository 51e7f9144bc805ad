create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  amount bigint,
  idem_key text,
  expires_at timestamptz,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  -- Far enough below the end of bigint that one more amount never overflows it.
  c_max constant bigint := 9000000000000000000;
  v_leaving boolean := kind in ('spend', 'transfer');
  v_id uuid := uuidv7();
  v_checked boolean;
  v_bonus bigint;
  v_first ledger.transfers;
  v_transfer ledger.transfers;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
begin
  v_checked := ledger_private.check_request(kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata);

  -- Locks are always taken in the same order, players by ascending id and then the house, so that no two calls can wait
  -- for each other. A house wallet is not found: nobody acts for it.
  if counterparty_id < wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  select w.* into v_wallet from ledger.wallets w where w.id = post.wallet_id and w.house is null for no key update;
  if counterparty_id > wallet_id then
    select w.* into v_other from ledger.wallets w where w.id = counterparty_id and w.house is null for no key update;
  end if;
  if v_wallet.id is null or v_other.id is distinct from counterparty_id then
    perform ledger_private.refuse_wallet(case when v_wallet.id is null then wallet_id else counterparty_id end);
  end if;
  if v_other.asset_code <> v_wallet.asset_code then
    perform ledger_private.refuse('WLAST',
      format('asset mismatch: %s and %s', v_wallet.asset_code, v_other.asset_code),
      jsonb_build_object('from_asset', v_wallet.asset_code, 'to_asset', v_other.asset_code),
      'Move credits between wallets of one asset.');
  end if;

  select t.* into v_first from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key;
  if found then
    return ledger_private.replay(v_first, kind, counterparty_id, amount, expires_at, metadata);
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;

  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  v_bonus := case kind
    when 'top_up' then 0
    when 'bonus' then amount
    else least(amount, coalesce(v_head.bonus_balance, 0)) end;
  v_entry := ledger_private.next_entry(
    v_wallet, v_head, case when v_leaving then 'debit'::ledger.entry_side else 'credit' end, v_id, kind, amount, v_bonus, 0);
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
    v_other_entry := ledger_private.next_entry(v_other, v_other_head, 'credit', v_id, kind, amount, v_bonus, 0);
  end if;
  if v_other_entry.balance > c_max
    or greatest(v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total) > c_max then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.refuse_limit(case when v_other_entry.balance > c_max then v_other_entry else v_entry end);
  end if;
  if v_entry.balance < v_entry.held_balance then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.refuse_funds(v_entry);
  end if;

  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    select w.* into strict v_other
      from ledger.wallets w
      where w.asset_code = v_wallet.asset_code
        and w.house = ledger_private.house_account(kind)
        and w.stripe = ledger.wallet_stripe(wallet_id)
      for no key update;
    select e.* into v_other_head from ledger.entries e where e.wallet_id = v_other.id order by e.seq desc limit 1;
    v_other_entry := ledger_private.next_entry(
      v_other, v_other_head, case when v_leaving then 'credit'::ledger.entry_side else 'debit' end, v_id, kind, amount, v_bonus, 0);
    if v_other_entry.balance > c_max then
      perform ledger_private.check_snapshot(array[wallet_id, v_other.id]);
      perform ledger_private.refuse_limit(v_other_entry);
    end if;
  end if;

  v_transfer := row(
    v_id, wallet_id, idem_key, kind,
    case when v_leaving then v_entry.wallet_id else v_other_entry.wallet_id end,
    case when v_leaving then v_entry.seq else v_other_entry.seq end,
    case when v_leaving then v_other_entry.wallet_id else v_entry.wallet_id end,
    case when v_leaving then v_other_entry.seq else v_entry.seq end,
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at
  )::ledger.transfers;
  return ledger_private.write(v_transfer, v_entry, v_other_entry);
end
$$;

comment on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) is
$$Books one movement between the acting wallet and another player's wallet, or the house account that the kind decides where
counterparty_id is null: checks, locks, key, status, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) from public;
