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
  v_leaving boolean := kind in ('spend', 'transfer');
  v_transfer ledger.transfers := row(
    uuidv7(), wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null);
  v_checked boolean;
  v_first ledger.transfers;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_state record;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_judged ledger_private.judged;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_sealed ledger_private.sealed;
begin
  v_checked := ledger_private.check_request(v_transfer);

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
    perform ledger_private.refuse_assets(v_wallet.asset_code, v_other.asset_code);
  end if;

  select t.* into v_first from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key;
  if found then
    return ledger_private.replay(v_first, v_transfer);
  end if;
  v_transfer.created_at := clock_timestamp();
  -- Limits ride along with the head: where there are none, looking costs nothing.
  select
    (select e from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1) as head,
    (select l from ledger.asset_limits l where l.asset_code = v_wallet.asset_code order by l.seq desc limit 1) as limits
    into v_state;
  v_head := v_state.head;
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
  end if;
  if expires_at is not null then
    perform ledger_private.check_expiry(wallet_id, expires_at, greatest(v_transfer.created_at, v_head.created_at));
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  -- Only who has bonus credits or holds can have anything due.
  if v_head.bonus_balance > 0 or v_head.held_balance > 0 or v_other_head.bonus_balance > 0 or v_other_head.held_balance > 0 then
    if ledger_private.settle(array[wallet_id, counterparty_id], v_transfer.created_at) then
      select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
      select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
      v_transfer.id := uuidv7();
    end if;
  end if;

  v_judged := ledger_private.judge(
    v_transfer, v_wallet, v_head, v_other, v_other_head,
    case when v_head.held_balance > 0 then ledger_private.held_bonus(v_head) else 0 end, v_state.limits,
    case when num_nonnulls((v_state.limits).max_daily_top_up, (v_state.limits).max_daily_bonus, (v_state.limits).max_daily_spend) > 0 then
      ledger_private.entry_at(wallet_id, greatest(v_transfer.created_at, v_head.created_at) - interval '24 hours') end);
  v_entry := v_judged.entry;
  v_other_entry := v_judged.other_entry;
  v_transfer.bonus_amount := v_judged.bonus_amount;
  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    v_other_entry := ledger_private.opposite_entry(ledger_private.lock_house(ledger_private.house_account(kind), v_wallet),
      case when v_leaving then 'credit'::ledger.entry_side else 'debit' end, v_transfer);
  end if;

  v_transfer.actor := ledger_private.actor();
  v_sealed := ledger_private.write(v_transfer, v_entry, v_other_entry);
  if v_transfer.bonus_amount > 0 and (v_leaving or expires_at is not null) then
    perform ledger_private.move_lots(array[v_sealed.transfer], array[1], array[case when v_leaving then 2 else 1 end], 2);
    -- What arrived may be due already where that wallet's clock runs ahead.
    if v_other_entry.created_at > v_entry.created_at and counterparty_id is not null then
      perform ledger_private.settle(array[counterparty_id], v_entry.created_at);
    end if;
  end if;
  return ledger_private.receipt(v_sealed.transfer, v_sealed.entry, false);
end
$$;

comment on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) is
$$Books one movement between the acting wallet and another player's wallet, or the house account that the kind decides where
counterparty_id is null: checks, locks, key, expiry, status, what is due, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(ledger.transfer_kind, uuid, uuid, bigint, text, timestamptz, jsonb) from public;
