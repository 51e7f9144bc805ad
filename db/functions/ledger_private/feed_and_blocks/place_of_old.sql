create or replace function ledger_private.place_of_old(wallet_id uuid, seq bigint)
returns xid8
language plpgsql
stable
as $$
begin
  return case when seq > coalesce(
      (select h.seq from ledger.block_heads h where h.wallet_id = place_of_old.wallet_id
        order by h.block_seq desc limit 1), 0)
    then '1' else '0' end;
end
$$;

comment on function ledger_private.place_of_old is
$$Which of two transactions of old an entry is of when a new epoch of the feed begins: 0 where a block closes it, else
1.$$;
