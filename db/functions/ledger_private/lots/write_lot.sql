create or replace function ledger_private.write_lot(receipt ledger.receipt, expires_at timestamptz)
returns ledger.receipt
language plpgsql
volatile
as $$
declare
  v_guard text := set_config('ledger.posting', 'on', true);
begin
  insert into ledger.bonus_lots (wallet_id, seq, expires_at, amount)
    values (receipt.wallet_id, receipt.seq, expires_at, receipt.amount);
  insert into ledger_private.open_lots (wallet_id, expires_at, lot_seq, due_at)
    values (receipt.wallet_id, expires_at, receipt.seq, expires_at);
  v_guard := set_config('ledger.posting', '', true);
  return receipt;
end
$$;

comment on function ledger_private.write_lot is
  'Writes the lot of a usual bonus that expires, by its receipt, which it returns.';
