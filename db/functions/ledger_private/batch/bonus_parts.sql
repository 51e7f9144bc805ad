create or replace function ledger_private.bonus_parts(requests ledger.wallet_request[], standings ledger_private.standing[])
returns bigint[]
language plpgsql
stable
as $$
declare
  -- What each wallet has of them, by its number.
  v_bonus bigint[] := array(select s.bonus_balance from unnest(standings) s);
  v_parts bigint[] := '{}';
  v_kind ledger.transfer_kind;
  v_amount bigint;
  v_from int;
  v_to int;
  v_part bigint;
begin
  -- What comes in says itself what it is.
  if not exists (select from unnest(requests) r where ledger_private.leaves(r.kind)) then
    return v_parts;
  end if;
  for v_kind, v_amount, v_from, v_to in
    with numbers as materialized (
      select s.wallet_id, s.number
        from unnest(standings) with ordinality
          s (wallet_id, asset_code, seq, balance, bonus_balance, bought, granted, spent, sent, created_at, hash, number)
    )
    select r.kind, r.amount, f.number, t.number
      from unnest(requests) with ordinality
        r (kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, place)
      left join numbers f on f.wallet_id = r.wallet_id
      left join numbers t on t.wallet_id = r.counterparty_id
      order by r.place
  loop
    v_part := ledger_private.bonus_part(v_kind, v_amount, v_bonus[v_from]);
    v_parts[cardinality(v_parts) + 1] := v_part;
    if v_part > 0 and v_from is not null then
      v_bonus[v_from] := v_bonus[v_from] + case v_kind when 'bonus' then v_part else -v_part end;
    end if;
    if v_part > 0 and v_to is not null then
      v_bonus[v_to] := v_bonus[v_to] + v_part;
    end if;
  end loop;
  return v_parts;
end
$$;

comment on function ledger_private.bonus_parts(ledger.wallet_request[], ledger_private.standing[]) is
$$How much of each usual request is bonus credits, where they are booked in their order upon what stands in their wallets. Empty where no
bonus credits are about.$$;

revoke all on function ledger_private.bonus_parts(ledger.wallet_request[], ledger_private.standing[]) from public;
