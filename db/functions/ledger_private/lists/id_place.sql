create or replace function ledger_private.id_place(id uuid)
returns ledger_private.list_place
language sql
immutable
return row(timestamptz 'epoch' + ledger_private.id_micros(id) * interval '1 microsecond', id, 0)
  ::ledger_private.list_place;

comment on function ledger_private.id_place is 'The place of a movement in an order of instants: that of its id.';

grant execute on function ledger_private.id_place to wallet_operator, wallet_auditor;
