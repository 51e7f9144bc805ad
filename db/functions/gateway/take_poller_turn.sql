create or replace function gateway.take_poller_turn()
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Nothing is written, so the transaction that keeps the lock has no number and delays neither the feed nor a vacuum.
  lock table gateway.poller_turn in exclusive mode nowait;
  return true;
exception
  when lock_not_available then
    return false;
end
$$;

comment on function gateway.take_poller_turn is
  'Whether the caller polls the feed, until its transaction ends: of all sessions one at a time. Never waits.';

grant execute on function gateway.take_poller_turn to wallet_worker;
