create or replace function ledger_private.post(
  kind ledger.transfer_kind,
  wallet_id uuid,
  counterparty_id uuid,
  house ledger.house_account,
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
  v_side ledger.entry_side := case when v_leaving then 'debit'::ledger.entry_side else 'credit' end;
  v_done boolean;
  v_used boolean;
  v_limited boolean;
  v_wallet ledger.wallets;
  v_other ledger.wallets;
  v_head ledger.entries;
  v_other_head ledger.entries;
  v_id uuid;
  v_now timestamptz;
  v_bonus bigint := 0;
  v_expiry timestamptz;
  v_entry ledger.entries;
  v_other_entry ledger.entries;
  v_transfer ledger.transfers;
  v_bytes bytea;
begin
  v_done := ledger_private.check_request(kind, wallet_id, counterparty_id, null, null, amount, idem_key, expires_at, metadata);
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
  select exists (select from ledger.transfers t where t.wallet_id = post.wallet_id and t.idem_key = post.idem_key),
    exists (select from ledger.asset_limits l where l.asset_code = v_wallet.asset_code) into v_used, v_limited;
  if v_used then
    return ledger_private.replay(row(
      null, wallet_id, idem_key, kind, null, null, counterparty_id, null, amount, amount, 0, null, null, expires_at, metadata, null, null, null));
  end if;
  v_id := uuidv7();
  v_now := clock_timestamp();
  select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
  if counterparty_id is not null then
    select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
  end if;
  if expires_at is not null then
    perform ledger_private.check_expiry(wallet_id, expires_at, greatest(v_now, v_head.created_at));
  end if;
  if v_wallet.status <> 'open' or v_other.status <> 'open' then
    perform ledger_private.check_snapshot(array[wallet_id, counterparty_id]);
    perform ledger_private.check_status(v_wallet, v_leaving);
    perform ledger_private.check_status(v_other, false);
  end if;
  -- Only who has bonus credits or holds can have anything due.
  if greatest(v_head.bonus_balance, v_head.held_balance, v_other_head.bonus_balance, v_other_head.held_balance) > 0 then
    v_expiry := least(ledger_private.first_expiry(v_head),
      case when counterparty_id is not null then ledger_private.first_expiry(v_other_head) end);
    if v_expiry is not null and v_expiry <= v_now and ledger_private.settle(array[wallet_id, counterparty_id], v_now) then
      select e.* into v_head from ledger.entries e where e.wallet_id = post.wallet_id order by e.seq desc limit 1;
      select e.* into v_other_head from ledger.entries e where e.wallet_id = counterparty_id order by e.seq desc limit 1;
      v_id := uuidv7();
    end if;
    v_bonus := v_head.bonus_balance - case when v_head.held_balance > 0 then ledger_private.held_bonus(v_head) else 0 end;
  end if;
  v_bonus := ledger_private.bonus_part(kind, amount, v_bonus);
  v_entry := ledger_private.next_entry(v_wallet, v_head, v_side, v_id, kind, amount, v_bonus, 0, v_now);
  if counterparty_id is not null then
    v_other_entry := ledger_private.next_entry(v_other, v_other_head, 'credit', v_id, kind, amount, v_bonus, 0, v_now);
  end if;
  if v_limited or v_entry.balance < v_entry.held_balance or greatest(
      v_entry.balance, v_entry.topped_up_total, v_entry.granted_total, v_entry.spent_total, v_other_entry.balance) > 9000000000000000000 then
    perform ledger_private.judge_by_limits(v_wallet.asset_code, v_entry, v_other_entry);
  end if;
  -- The house comes last, so that replays and refusals never wait for it.
  if counterparty_id is null then
    select w.* into strict v_other from ledger.wallets w where w.asset_code = v_wallet.asset_code
      and w.house = post.house and w.stripe = ledger.wallet_stripe(post.wallet_id) for no key update;
    v_other_entry := ledger_private.opposite_entry(v_other, v_entry, v_now);
  end if;

  v_transfer := row(v_id, wallet_id, idem_key, kind, v_entry.wallet_id, v_entry.seq, v_other_entry.wallet_id, v_other_entry.seq,
    amount, amount, v_bonus, null, null, expires_at, metadata, ledger_private.actor(), v_entry.created_at, pg_current_xact_id());
  if not v_leaving then
    v_transfer.debit_wallet_id := v_other_entry.wallet_id;
    v_transfer.debit_seq := v_other_entry.seq;
    v_transfer.credit_wallet_id := v_entry.wallet_id;
    v_transfer.credit_seq := v_entry.seq;
  end if;
  v_bytes := ledger_private.transfer_bytes(v_transfer);
  v_entry.hash := ledger_private.link_hash(v_entry, v_bytes);
  v_other_entry.hash := ledger_private.link_hash(v_other_entry, v_bytes);
  v_done := ledger_private.write_all(array[v_transfer], array[v_entry, v_other_entry]);
  if v_bonus > 0 and (v_leaving and v_expiry is not null or expires_at is not null) then
    perform ledger_private.move_own_lots(v_transfer, v_other_entry.created_at);
  end if;
  return ledger_private.receipt(v_transfer, v_entry, false);
end
$$;

comment on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) is
$$Books one movement between the acting wallet and another player's wallet, or the house account where counterparty_id is null: checks, locks,
key, expiry, status, what is due, limits, funds, in the documented order of refusals, then the rows.$$;

revoke all on function ledger_private.post(
  ledger.transfer_kind, uuid, uuid, ledger.house_account, bigint, text, timestamptz, jsonb
) from public;
