create or replace function ledger_private.post_openings(requests ledger.wallet_request[], absent uuid[])
returns setof ledger.receipt
language plpgsql
volatile
as $$
declare
  v_ids uuid[] := array(select uuidv7() from generate_series(1, cardinality(requests)));
  v_actor text := ledger_private.actor();
  v_now timestamptz := clock_timestamp();
begin
  -- Above READ COMMITTED what stands in a wallet may be old.
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform set_config('ledger.posting', 'on', true);
  return query
  with items as materialized (
    select r.place, r.id, r.wallet_id, r.amount, coalesce(r.bonus_amount, 0) as bonus, r.idem_key, r.expires_at,
        coalesce(r.metadata, '{}') as metadata,
        -- Nothing of it can be refused: it is right by itself, and the first movement of an open wallet.
        (r.kind = 'opening' and r.amount between 1 and 1000000000000000
          and num_nonnulls(r.counterparty_id, r.hold_id, r.transfer_id, r.side, r.reason, r.to_amount, r.owe) = 0
          and coalesce(r.bonus_amount, 0) between 0 and r.amount
          and (r.expires_at is null or r.bonus_amount > 0 and r.expires_at > v_now and r.expires_at < 'infinity')
          and ledger_private.is_key(r.idem_key) and ledger_private.is_metadata(coalesce(r.metadata, '{}'))
          and row_number() over (partition by r.wallet_id order by r.place) = 1
          and w.status = 'open' and (
            select e.seq from ledger.entries e where e.wallet_id = w.id order by e.seq desc limit 1) is null) is true
          as usual
      from rows from (unnest(requests), unnest(v_ids)) with ordinality r (
        kind, wallet_id, counterparty_id, amount, idem_key, expires_at, metadata, hold_id, transfer_id, bonus_amount,
        side, reason, to_amount, owe, id, place)
      left join ledger.wallets w on w.id = r.wallet_id and w.id <> all (absent)
  ), run as materialized (
    select i.* from items i
      where i.place < (select coalesce(min(o.place), 9223372036854775807) from items o where not o.usual)
  ), lots as (
    insert into ledger.bonus_lots (wallet_id, seq, expires_at, amount)
      select r.wallet_id, 1, r.expires_at, r.bonus from run r where r.expires_at is not null
  ), open_lots as (
    insert into ledger_private.open_lots (wallet_id, expires_at, lot_seq, due_at)
      select r.wallet_id, r.expires_at, 1, r.expires_at from run r where r.expires_at is not null
  ), written as (
    insert into ledger.entries
      select r.wallet_id, r.id, 1, r.amount, r.bonus, 0, r.amount, r.bonus, 0, r.amount - r.bonus, r.amount, 0, 0, 0, 0,
          v_now, pg_current_xact_id(), 'opening', 'opening', 'player', v_actor, r.idem_key, null, null, r.amount, null,
          null, null, r.expires_at, r.metadata, ledger_private.entry_digest(
            previous_hash => null, wallet_id => r.wallet_id, transfer_id => r.id, seq => 1, amount => r.amount,
            bonus_amount => r.bonus, held_amount => 0, balance => r.amount, bonus_balance => r.bonus, held_balance => 0,
            paid_balance => r.amount - r.bonus, free_balance => r.amount, topped_up_total => 0, granted_total => 0,
            spent_total => 0, sent_total => 0, created_at => v_now, kind => 'opening', debit => 'opening',
            credit => 'player', actor => v_actor, idem_key => r.idem_key, requested_amount => r.amount,
            expires_at => r.expires_at, metadata_hash => ledger_private.metadata_hash(r.metadata))
        from run r
      returning transfer_id, wallet_id, amount, bonus_amount
  )
  select w.transfer_id, w.wallet_id, 1::bigint, 'opening'::ledger.transfer_kind, w.amount, w.bonus_amount, w.amount,
      w.bonus_amount, 0::bigint, w.amount, null::uuid, false, v_now, 0::bigint, false
    from written w
    -- The ids were given in the order of the requests.
    order by w.transfer_id;
  perform set_config('ledger.posting', '', true);
end
$$;

comment on function ledger_private.post_openings is
$$Books the first of many requests, whose wallets are locked, by one statement, as far as they are openings of wallets
in which nothing has moved yet. Returns their receipts, in order. All others are booked one by one.$$;
