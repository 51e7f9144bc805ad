create or replace function ledger_private.settle_given_back(entry ledger.entries, draws ledger.bonus_lot_draws[])
returns void
language plpgsql
volatile
as $$
begin
  if exists (select from unnest(draws) d
    where d.wallet_id = entry.wallet_id and d.expires_at <= entry.created_at and d.amount + d.held_amount < 0) then
    perform ledger_private.settle(array[entry.wallet_id], entry.created_at);
  end if;
end
$$;

comment on function ledger_private.settle_given_back is
  'Books to breakage what an entry gave back to lots that had expired by then, or freed in them.';
