create or replace function ledger_private.takes(request ledger.wallet_request)
returns boolean
language sql
immutable
return ledger_private.leaves(request.kind) or request.kind = 'collection' or coalesce(request.side = 'debit', false);

comment on function ledger_private.takes is
$$Whether a request takes credits out of the acting wallet. An adjustment may, and a collection does, also where the
wallet is frozen.$$;
