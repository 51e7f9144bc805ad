create or replace function webhook.next_lots(asset_code text, "limit" int)
returns ledger_private.open_lots[]
language plpgsql
volatile
as $$
declare
  v_rule webhook.notice_rules;
  v_until timestamptz;
  v_lots ledger_private.open_lots[];
  v_last ledger_private.open_lots;
begin
  select r.* into v_rule from webhook.notice_rules r where r.asset_code = next_lots.asset_code;
  v_until := clock_timestamp() + v_rule.expiring_hours * interval '1 hour';
  v_lots := array(
    select o from ledger_private.open_lots o
      where (o.due_at, o.wallet_id, o.lot_seq) > (v_rule.due_at, v_rule.due_wallet_id, v_rule.due_lot_seq)
        and o.due_at > clock_timestamp() and o.due_at <= v_until
      order by o.due_at, o.wallet_id, o.lot_seq
      limit "limit");
  if cardinality(v_lots) = "limit" then
    v_last := v_lots["limit"];
  else
    v_last.due_at := v_until;
    v_last.wallet_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    v_last.lot_seq := 9223372036854775807;
  end if;
  update webhook.notice_rules r
    set due_at = v_last.due_at, due_wallet_id = v_last.wallet_id, due_lot_seq = v_last.lot_seq
    where r.asset_code = v_rule.asset_code
      and (v_last.due_at, v_last.wallet_id, v_last.lot_seq) > (r.due_at, r.due_wallet_id, r.due_lot_seq);
  return array(
    select l from unnest(v_lots) l
      cross join lateral (select w.asset_code from ledger.wallets w where w.id = l.wallet_id limit 1) a
      where a.asset_code = v_rule.asset_code);
end
$$;

comment on function webhook.next_lots is $$@behavior -*
The next lots of an asset that expire within the time of its notices, of at most so many lots of all assets; the rule
says from then on how far it has come. Whoever calls has the turn to give notices.$$;
