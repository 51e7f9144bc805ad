create or replace function ledger_private.collected(top_up ledger.entries, asset_code text)
returns setof ledger.entries
language plpgsql
stable
as $$
begin
  if (select l.collect_debts from ledger.asset_limits l where l.asset_code = collected.asset_code
    order by l.seq desc limit 1) then
    return next ledger_private.chained(ledger_private.acting(ledger_private.next_entry(head => top_up,
      wallet_id => top_up.wallet_id, transfer_id => uuidv7(), kind => 'collection', side => 'debit',
      account => ledger_private.house_account('collection'), amount => least(top_up.owed, top_up.amount),
      bonus_amount => 0, held_amount => 0, at_time => top_up.created_at),
      ledger.request(kind => 'collection', wallet_id => top_up.wallet_id)));
  end if;
end
$$;

comment on function ledger_private.collected is
$$The entry that follows the top-up of a wallet that owes something, complete, where its asset has debts paid by
top-ups: it collects what is owed, at most what came. No row where the asset has not.$$;
