create or replace function ledger_private.exchanged_bonus(bonus_amount bigint, amount bigint, to_amount bigint)
returns bigint
language sql
immutable
-- A whole division: the quotient of numeric is rounded.
return div(bonus_amount::numeric * to_amount + amount - 1, amount)::bigint;

comment on function ledger_private.exchanged_bonus is
$$How much of what arrives in an exchange is bonus credits: the same part as of what leaves, rounded up, so that no
bonus credit becomes a paid one.$$;

grant execute on function ledger_private.exchanged_bonus to wallet_auditor;
