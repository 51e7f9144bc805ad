create or replace function ledger_private.post_own(
  kind ledger.transfer_kind,
  wallet_id uuid,
  amount bigint,
  idem_key text,
  metadata jsonb,
  debit ledger.account,
  credit ledger.account,
  sign bigint,
  bought bigint default 0,
  bonus bigint default 0,
  spent bigint default 0,
  expires_at timestamptz default null
)
returns ledger.receipt
language plpgsql
volatile
as $$
#variable_conflict use_column
declare
  v_id uuid;
  v_status ledger.wallet_status;
  v_asset text;
  v_usual boolean;
  v_seq bigint; v_balance bigint; v_bonus bigint;
  v_bought bigint; v_granted bigint; v_spent bigint; v_sent bigint;
  v_hash bytea;
  v_at timestamptz;
  v_actor text;
  v_guard text;
begin
  -- A usual call is one of which nothing can be refused, by these tests alone. All others are judged rule by rule.
  if amount between 1 and 1000000000000000 and octet_length(idem_key) <= 200 and idem_key ~ '^[!-~]+$'
    and (metadata = '{}' or ledger_private.is_metadata(metadata))
    and current_setting('transaction_isolation') = 'read committed' then
    -- A wallet with limits of its own is not usual, whatever its status.
    select case when w.own_limits is null then w.status end, w.asset_code into v_status, v_asset
      from ledger.wallets w where w.id = post_own.wallet_id for no key update;
    select e.seq + 1, e.balance + sign * post_own.amount, e.bonus_balance + bonus, e.topped_up_total + bought,
        e.granted_total + bonus, e.spent_total + post_own.spent, e.sent_total,
        greatest(e.created_at, clock_timestamp()), e.hash, e.held_balance = 0 and e.owed is null
          and (select l.seq from ledger.asset_limits l where l.asset_code = v_asset and l.seq = 1) is null
      into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_hash, v_usual
      from ledger.entries e where e.wallet_id = post_own.wallet_id order by e.seq desc limit 1;
    if v_bonus is distinct from bonus then
      if v_seq is null then -- The first entry of a wallet.
        select 1, sign * post_own.amount, bonus, bought, bonus, post_own.spent, 0, clock_timestamp(),
            not exists (select from ledger.asset_limits l where l.asset_code = v_asset)
          into v_seq, v_balance, v_bonus, v_bought, v_granted, v_spent, v_sent, v_at, v_usual;
      else -- It had bonus credits: those of lots may be due, or drawn. Spent are bonus credits first.
        v_usual := v_usual and (select o.lot_seq from ledger_private.open_lots o where o.wallet_id = post_own.wallet_id
          and o.expires_at <= case when post_own.spent > 0 then 'infinity' else v_at end
          order by o.expires_at, o.lot_seq limit 1) is null;
        bonus := bonus + least(post_own.spent, v_bonus);
        v_bonus := v_bonus - least(post_own.spent, v_bonus);
      end if;
    end if;
    if v_usual and v_status = 'open' and v_balance >= 0
      and greatest(v_balance, v_bought, v_granted, v_spent) <= 8000000000000000000 and (expires_at is null
        or expires_at > v_at and expires_at < 'infinity') then
      v_id := uuidv7();
      v_actor := ledger_private.actor();
      v_guard := set_config('ledger.posting', 'on', true);
      insert into ledger.entries values (wallet_id, v_id, v_seq, amount, bonus, 0, v_balance, v_bonus, 0,
        v_balance - v_bonus, v_balance, v_bought, v_granted, v_spent, v_sent, v_at, pg_current_xact_id(), kind, debit,
        credit, v_actor, idem_key, null, null, amount, null, null, null, expires_at, metadata,
        ledger_private.entry_digest(previous_hash => v_hash, wallet_id => wallet_id, transfer_id => v_id, seq => v_seq,
          amount => amount, bonus_amount => bonus, held_amount => 0, balance => v_balance, bonus_balance => v_bonus,
          held_balance => 0, paid_balance => v_balance - v_bonus, free_balance => v_balance,
          topped_up_total => v_bought, granted_total => v_granted, spent_total => v_spent, sent_total => v_sent,
          created_at => v_at, kind => kind, debit => debit, credit => credit, actor => v_actor, idem_key => idem_key,
          requested_amount => amount, expires_at => expires_at,
          metadata_hash => ledger_private.metadata_hash(metadata)))
        on conflict (wallet_id, idem_key) where idem_key is not null do nothing;
      v_guard := set_config('ledger.posting', '', true);
      if found and expires_at is null then
        return row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0, v_balance, null, false,
          v_at, 0, false)::ledger.receipt;
      elsif found then
        return ledger_private.write_lot(row(v_id, wallet_id, v_seq, kind, amount, bonus, v_balance, v_bonus, 0,
          v_balance, null, false, v_at, 0, false)::ledger.receipt, expires_at);
      end if;
    end if;
  end if;
  return ledger_private.post(ledger.request(kind => kind, wallet_id => wallet_id, amount => amount,
    idem_key => idem_key, expires_at => expires_at, metadata => coalesce(metadata, '{}')));
end
$$;

comment on function ledger_private.post_own is
$$Books a movement of one wallet: a top-up, bonus or spend. debit and credit are its accounts, sign is 1 where the
balance grows and -1 where it falls; bought, bonus and spent say what it adds to the totals of the wallet.$$;
