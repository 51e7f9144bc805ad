create or replace function ledger.wallet_stripe(id uuid)
returns int
language sql
immutable
return ((uuid_hash(id)::bigint + 2147483648) >> 27)::int;

comment on function ledger.wallet_stripe(uuid) is
$$@behavior -*
Which of the 32 stripes of a house account a wallet's movements are booked against: the rank of its hash among 32 equal ranges, the
same ranges by which the ledger can be distributed over machines.$$;

revoke all on function ledger.wallet_stripe(uuid) from public;
grant execute on function ledger.wallet_stripe(uuid) to wallet_auditor;
