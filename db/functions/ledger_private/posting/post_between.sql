create or replace function ledger_private.post_between(from_wallet uuid, to_wallet uuid, amount bigint, idem_key text, metadata jsonb)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_id uuid;
  v_now timestamptz;
  v_status ledger.wallet_status;
  v_other_status ledger.wallet_status;
  v_asset text;
  v_other_asset text;
  v_actor text;
  v_guard text;
  v_bonus bigint := 0;
  v_from record;
  v_to record;
begin
  -- As in post_own.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key <> '' and idem_key !~ '[^!-~]'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and from_wallet <> to_wallet and current_setting('transaction_isolation') = 'read committed' then
    -- By ascending id, as all calls lock.
    select w.status, w.asset_code into v_status, v_asset from ledger.wallets w where w.id = least(from_wallet, post_between.to_wallet)
      for no key update;
    select w.status, w.asset_code into v_other_status, v_other_asset from ledger.wallets w
      where w.id = greatest(from_wallet, post_between.to_wallet) for no key update;
    v_now := clock_timestamp();
    select e.seq + 1 as seq, e.balance - post_between.amount as balance, e.bonus_balance as bonus, e.topped_up_total as bought, e.granted_total as granted,
        e.spent_total as spent, e.sent_total + post_between.amount as sent, greatest(e.created_at, v_now) as at, e.hash,
        e.held_balance = 0
          and (select k.seq from ledger.entries k where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null as usual
      into v_from
      from ledger.entries e where e.wallet_id = from_wallet order by e.seq desc limit 1;
    select e.seq + 1 as seq, e.balance + post_between.amount as balance, e.bonus_balance as bonus, e.topped_up_total as bought, e.granted_total as granted,
        e.spent_total as spent, e.sent_total as sent, greatest(e.created_at, v_now) as at, e.hash,
        e.held_balance = 0 as usual
      into v_to
      from ledger.entries e where e.wallet_id = post_between.to_wallet order by e.seq desc limit 1;
    if v_to.seq is null then
      -- The first entry of the wallet.
      select 1::bigint as seq, post_between.amount as balance, 0::bigint as bonus, 0::bigint as bought, 0::bigint as granted, 0::bigint as spent,
          0::bigint as sent, v_now as at, null::bytea as hash, true as usual
        into v_to;
    end if;
    if v_from.bonus > 0 or v_to.bonus > 0 then
      -- As in post_own.
      v_from.usual := v_from.usual and not exists (
        select from ledger_private.open_lots o where o.wallet_id in (from_wallet, post_between.to_wallet));
      v_bonus := least(amount, v_from.bonus);
    end if;
    if v_from.usual and v_to.usual and v_status = 'open' and v_other_status = 'open' and v_asset = v_other_asset and v_from.balance >= 0
      and greatest(v_to.balance, v_from.sent) <= 8000000000000000000 then
      v_id := uuidv7();
      v_actor := ledger_private.actor();
      v_guard := set_config('ledger.posting', 'on', true);
      insert into ledger.entries
        select r.wallet_id, v_id, r.seq, post_between.amount, v_bonus, 0, r.balance, r.bonus, 0, r.balance - r.bonus, r.balance, r.bought, r.granted, r.spent, r.sent,
            r.at, pg_current_xact_id(), 'transfer', 'player', 'player', r.actor, r.idem_key, r.to_wallet, r.to_seq, r.requested_amount,
            null, null, null, null, r.metadata,
            ledger_private.entry_digest(previous_hash => r.hash, wallet_id => r.wallet_id, transfer_id => v_id, seq => r.seq,
              amount => post_between.amount, bonus_amount => v_bonus, held_amount => 0, balance => r.balance, bonus_balance => r.bonus,
              held_balance => 0, paid_balance => r.balance - r.bonus, free_balance => r.balance, topped_up_total => r.bought, granted_total => r.granted,
              spent_total => r.spent, sent_total => r.sent, created_at => r.at, kind => 'transfer', debit => 'player', credit => 'player',
              actor => r.actor, idem_key => r.idem_key, to_wallet => r.to_wallet, to_seq => r.to_seq, requested_amount => r.requested_amount,
              metadata_hash => ledger_private.metadata_hash(r.metadata))
          from (values
            (from_wallet, v_from.seq, v_from.balance, v_from.bonus - v_bonus, v_from.bought, v_from.granted, v_from.spent, v_from.sent, v_from.at, v_from.hash, v_actor,
              idem_key, to_wallet, v_to.seq, amount, metadata),
            (to_wallet, v_to.seq, v_to.balance, v_to.bonus + v_bonus, v_to.bought, v_to.granted, v_to.spent, v_to.sent, v_to.at, v_to.hash, null,
              null, null, null, null, null)
          ) r (wallet_id, seq, balance, bonus, bought, granted, spent, sent, at, hash, actor, idem_key, to_wallet, to_seq, requested_amount,
            metadata);
      v_guard := set_config('ledger.posting', '', true);
      return row(v_id, from_wallet, v_from.seq, 'transfer', amount, v_bonus, v_from.balance, v_from.bonus - v_bonus, 0, v_from.balance, null, false, v_from.at)::ledger.receipt;
    end if;
  end if;
  return ledger_private.post(ledger_private.request(kind => 'transfer', wallet_id => from_wallet, counterparty_id => to_wallet,
    amount => amount, idem_key => idem_key, metadata => metadata));
end
$$;

comment on function ledger_private.post_between(uuid, uuid, bigint, text, jsonb) is
  'Books a transfer between two players'' wallets.';

revoke all on function ledger_private.post_between(uuid, uuid, bigint, text, jsonb) from public;
