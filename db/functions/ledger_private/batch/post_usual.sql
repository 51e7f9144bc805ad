create or replace function ledger_private.post_usual(requests ledger.wallet_request[], absent uuid[])
returns ledger.outcome[]
language plpgsql
volatile
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_caller text := ledger_private.actor();
  -- By the number of each wallet: its id, its asset, and what stands in it.
  v_ids uuid[]; v_assets text[]; v_lines ledger_private.line[];
  v_kind ledger.transfer_kind; v_amount bigint; v_part bigint; v_sign bigint;
  v_debit ledger.account; v_credit ledger.account;
  v_number int; v_to_number int; v_usual boolean;
  v_line ledger_private.line; v_id uuid;
  -- Of the wallet that acts only.
  v_actor text; v_key text; v_to uuid; v_to_seq bigint; v_asked bigint; v_metadata jsonb;
  v_entries ledger.entries[]; v_outcomes ledger.outcome[] := '{}';
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return v_outcomes;
  end if;
  select array_agg(r.wallet_id) || array_agg(r.counterparty_id) into v_ids from unnest(requests) r;
  select array_agg(h.id), array_agg(h.asset_code), array_agg(h.line) into v_ids, v_assets, v_lines
    from ledger_private.usual_heads(v_ids, v_now) h
    where h.id <> all (absent);
  for v_kind, v_amount, v_key, v_metadata, v_to, v_number, v_to_number, v_usual in
    select i.* from ledger_private.usual_items(requests, v_ids) i
  loop
    v_line := v_lines[v_number];
    v_sign := case when ledger_private.leaves(v_kind) then -1 else 1 end;
    exit when not v_usual or v_sign < 0 and v_line.balance < v_amount or v_assets[v_to_number] <> v_assets[v_number];
    v_part := ledger_private.bonus_part(v_kind, v_amount, v_line.bonus_balance);
    v_id := uuidv7();
    v_debit := case when v_sign < 0 then 'player' else ledger_private.house_account(v_kind) end;
    v_credit := case when v_sign < 0 then ledger_private.house_account(v_kind) else 'player' end;
    v_to_seq := (v_lines[v_to_number]).seq + 1; v_actor := v_caller; v_asked := v_amount;
    case v_kind
      when 'top_up' then v_line.bought := v_line.bought + v_amount;
      when 'bonus' then v_line.granted := v_line.granted + v_amount;
      when 'spend' then v_line.spent := v_line.spent + v_amount;
      else v_line.sent := v_line.sent + v_amount;
    end case;
    loop
      v_line.seq := v_line.seq + 1;
      v_line.balance := v_line.balance + v_sign * v_amount;
      v_line.bonus_balance := v_line.bonus_balance + v_sign * v_part;
      v_line.hash := ledger_private.entry_digest(previous_hash => v_line.hash, wallet_id => v_line.wallet_id,
        transfer_id => v_id, seq => v_line.seq, amount => v_amount, bonus_amount => v_part, held_amount => 0,
        balance => v_line.balance, bonus_balance => v_line.bonus_balance, held_balance => 0,
        paid_balance => v_line.balance - v_line.bonus_balance, free_balance => v_line.balance,
        topped_up_total => v_line.bought, granted_total => v_line.granted, spent_total => v_line.spent,
        sent_total => v_line.sent, created_at => v_line.at_time, kind => v_kind, debit => v_debit, credit => v_credit,
        actor => v_actor, idem_key => v_key, to_wallet => v_to, to_seq => v_to_seq, requested_amount => v_asked,
        metadata_hash => ledger_private.metadata_hash(v_metadata));
      v_lines[v_number] := v_line;
      v_entries := v_entries || row(v_line.wallet_id, v_id, v_line.seq, v_amount, v_part, 0, v_line.balance,
        v_line.bonus_balance, 0, v_line.balance - v_line.bonus_balance, v_line.balance, v_line.bought, v_line.granted,
        v_line.spent, v_line.sent, v_line.at_time, pg_current_xact_id(), v_kind, v_debit, v_credit, v_actor, v_key,
        v_to, v_to_seq, v_asked, null, null, null, null, v_metadata, v_line.hash, null)::ledger.entries;
      if v_actor is not null then
        v_outcomes := v_outcomes || row(row(v_id, v_line.wallet_id, v_line.seq, v_kind, v_amount, v_part,
          v_line.balance, v_line.bonus_balance, 0, v_line.balance, null, false, v_line.at_time, 0,
          false)::ledger.receipt, null)::ledger.outcome;
      end if;
      exit when v_to_number is null or v_number = v_to_number;
      -- What the transfer does to the other wallet.
      v_number := v_to_number; v_line := v_lines[v_number]; v_sign := 1;
      v_actor := null; v_key := null; v_to := null; v_to_seq := null; v_asked := null; v_metadata := null;
    end loop;
  end loop;
  -- Keys that have been used are answered one by one.
  return case when ledger_private.write_new(v_entries) then v_outcomes else '{}' end;
end
$$;

comment on function ledger_private.post_usual is
$$Books the first of many requests, whose wallets are locked, by few statements: up to the one of which something could
be refused, or which is no usual call. Returns their receipts, in order; none where one of their keys has been used.$$;
