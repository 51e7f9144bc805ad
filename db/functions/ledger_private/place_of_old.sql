create or replace function ledger_private.place_of_old(debit_wallet_id uuid, debit_seq bigint, credit_wallet_id uuid, credit_seq bigint)
returns xid8
language plpgsql
stable
as $$
begin
  return case when exists (
    select from (values (debit_wallet_id, debit_seq), (credit_wallet_id, credit_seq)) x (wallet_id, seq)
    where x.seq > coalesce(
      (select h.seq from ledger.seal_heads h where h.wallet_id = x.wallet_id order by h.seal_seq desc limit 1), 0)
  ) then '1' else '0' end;
end
$$;

comment on function ledger_private.place_of_old(uuid, bigint, uuid, bigint) is
$$In which of the two transactions of old a transfer with these entries is put when a new epoch of the feed begins: 0 where both are sealed,
otherwise 1. What the ids of transactions said elsewhere does not count.$$;

revoke all on function ledger_private.place_of_old(uuid, bigint, uuid, bigint) from public;
