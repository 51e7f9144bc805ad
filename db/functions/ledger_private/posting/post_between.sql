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
  v_usual boolean;
  v_to_usual boolean;
  v_actor text;
  v_guard text;
  v_seq bigint;
  v_balance bigint;
  v_bought bigint;
  v_granted bigint;
  v_spent bigint;
  v_sent bigint;
  v_hash bytea;
  v_at timestamptz;
  v_to_seq bigint;
  v_to_balance bigint;
  v_to_bought bigint;
  v_to_granted bigint;
  v_to_spent bigint;
  v_to_sent bigint;
  v_to_hash bytea;
  v_to_at timestamptz;
begin
  -- As in post_own.
  if amount between 1 and 1000000000000000 and metadata = '{}' and octet_length(idem_key) between 1 and 200 and idem_key !~ '[^!-~]'
    and from_wallet <> to_wallet and current_setting('transaction_isolation') = 'read committed' then
    -- By ascending id, as all calls lock.
    select w.status, w.asset_code into v_status, v_asset from ledger.wallets w where w.id = least(from_wallet, post_between.to_wallet)
      for no key update;
    select w.status, w.asset_code into v_other_status, v_other_asset from ledger.wallets w
      where w.id = greatest(from_wallet, post_between.to_wallet) for no key update;
    v_now := clock_timestamp();
    select e.seq + 1, e.balance - post_between.amount, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total + post_between.amount,
        greatest(e.created_at, v_now), e.hash, e.bonus_balance = 0 and e.held_balance = 0
          and (select k.seq from ledger.entries k where k.wallet_id = from_wallet and k.idem_key = post_between.idem_key) is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_seq, v_balance, v_bought, v_granted, v_spent, v_sent, v_at, v_hash, v_usual
      from ledger.entries e
      where e.wallet_id = from_wallet
      order by e.seq desc
      limit 1;
    select e.seq + 1, e.balance + post_between.amount, e.topped_up_total, e.granted_total, e.spent_total, e.sent_total,
        greatest(e.created_at, v_now), e.hash, e.bonus_balance = 0 and e.held_balance = 0
      into v_to_seq, v_to_balance, v_to_bought, v_to_granted, v_to_spent, v_to_sent, v_to_at, v_to_hash, v_to_usual
      from ledger.entries e
      where e.wallet_id = post_between.to_wallet
      order by e.seq desc
      limit 1;
    if v_usual and v_to_usual and v_status = 'open' and v_other_status = 'open' and v_asset = v_other_asset and v_balance >= 0
      and greatest(v_to_balance, v_sent) <= 8000000000000000000 then
      v_id := uuidv7();
      v_actor := ledger_private.actor();
      v_guard := set_config('ledger.posting', 'on', true);
      insert into ledger.entries
        select r.wallet_id, v_id, r.seq, post_between.amount, 0, 0, r.balance, 0, 0, r.balance, r.balance, r.bought, r.granted, r.spent, r.sent,
            r.at, pg_current_xact_id(), 'transfer', 'player', 'player', r.actor, r.idem_key, r.to_wallet, r.to_seq, r.requested_amount,
            null, null, null, null, r.metadata,
            ledger_private.entry_digest(previous_hash => r.hash, wallet_id => r.wallet_id, transfer_id => v_id, seq => r.seq,
              amount => post_between.amount, bonus_amount => 0, held_amount => 0, balance => r.balance, bonus_balance => 0, held_balance => 0,
              paid_balance => r.balance, free_balance => r.balance, topped_up_total => r.bought, granted_total => r.granted,
              spent_total => r.spent, sent_total => r.sent, created_at => r.at, kind => 'transfer', debit => 'player', credit => 'player',
              actor => r.actor, idem_key => r.idem_key, to_wallet => r.to_wallet, to_seq => r.to_seq, requested_amount => r.requested_amount,
              metadata_hash => r.metadata_hash)
          from (values
            (from_wallet, v_seq, v_balance, v_bought, v_granted, v_spent, v_sent, v_at, v_hash, v_actor, idem_key, to_wallet, v_to_seq, amount,
              metadata, E'\\x44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'::bytea),
            (to_wallet, v_to_seq, v_to_balance, v_to_bought, v_to_granted, v_to_spent, v_to_sent, v_to_at, v_to_hash, null, null, null, null, null,
              null, null)
          ) r (wallet_id, seq, balance, bought, granted, spent, sent, at, hash, actor, idem_key, to_wallet, to_seq, requested_amount,
            metadata, metadata_hash);
      v_guard := set_config('ledger.posting', '', true);
      return row(v_id, from_wallet, v_seq, 'transfer', amount, 0, v_balance, 0, 0, v_balance, null, false, v_at)::ledger.receipt;
    end if;
  end if;
  return ledger_private.post(ledger_private.request(kind => 'transfer', wallet_id => from_wallet, counterparty_id => to_wallet,
    amount => amount, idem_key => idem_key, metadata => metadata));
end
$$;

comment on function ledger_private.post_between(uuid, uuid, bigint, text, jsonb) is
  'Books a transfer between two players'' wallets.';

revoke all on function ledger_private.post_between(uuid, uuid, bigint, text, jsonb) from public;
