create or replace function ledger_private.post_between(
  from_wallet uuid,
  to_wallet uuid,
  amount bigint,
  idem_key text,
  metadata jsonb
)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_now timestamptz;
  v_status ledger.wallet_status;
  v_other_status ledger.wallet_status;
  v_asset text;
  v_other_asset text;
  v_from ledger_private.line;
  v_to ledger_private.line;
  v_bonus bigint := 0;
begin
  -- As in post_own.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and from_wallet <> to_wallet and current_setting('transaction_isolation') = 'read committed' then
    -- By ascending id, as all calls lock.
    select case when w.own_limits is null then w.status end, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = least(from_wallet, post_between.to_wallet) for no key update;
    select case when w.own_limits is null then w.status end, w.asset_code into v_other_status, v_other_asset
      from ledger.wallets w where w.id = greatest(from_wallet, post_between.to_wallet) for no key update;
    v_now := clock_timestamp();
    select from_wallet, e.seq + 1, e.balance - post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total + post_between.amount, greatest(e.created_at, v_now), e.hash,
        e.held_balance = 0 and e.owed is null
          and (select k.seq from ledger.entries k
            where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_from
      from ledger.entries e where e.wallet_id = from_wallet order by e.seq desc limit 1;
    select e.wallet_id, e.seq + 1, e.balance + post_between.amount, e.bonus_balance, e.topped_up_total, e.granted_total,
        e.spent_total, e.sent_total, greatest(e.created_at, v_now), e.hash, e.held_balance = 0 and e.owed is null
      into v_to
      from ledger.entries e where e.wallet_id = post_between.to_wallet order by e.seq desc limit 1;
    if v_to.seq is null then
      -- The first entry of the wallet.
      v_to := row(to_wallet, 1, amount, 0, 0, 0, 0, 0, v_now, null, true);
    end if;
    if v_from.bonus_balance > 0 or v_to.bonus_balance > 0 then
      -- Credits of lots may be due, or be drawn. Bonus credits leave first, and stay bonus credits.
      v_from.usual := v_from.usual
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = from_wallet
          order by o.expires_at, o.lot_seq limit 1) is null
        and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_between.to_wallet
          order by o.expires_at, o.lot_seq limit 1) is null;
      v_bonus := least(amount, v_from.bonus_balance);
      v_from.bonus_balance := v_from.bonus_balance - v_bonus;
      v_to.bonus_balance := v_to.bonus_balance + v_bonus;
    end if;
    if v_from.usual and v_to.usual and v_status = 'open' and v_other_status = 'open' and v_asset = v_other_asset
      and v_from.balance >= 0 and greatest(v_to.balance, v_from.sent) <= 8000000000000000000 then
      return ledger_private.write_transfer(
        from_line => v_from, to_line => v_to, amount => amount, bonus => v_bonus, idem_key => idem_key,
        metadata => metadata);
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => 'transfer', wallet_id => from_wallet,
    counterparty_id => to_wallet, amount => amount, idem_key => idem_key,
    metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_between is
  'Books a transfer between two players'' wallets.';
