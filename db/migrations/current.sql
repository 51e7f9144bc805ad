set local role wallet_owner;

-- Claims are believed in the session of the gateway only --------------------------------------------------------------

--!include ledger_private/claimed_subject.sql
--!include ledger_private/actor.sql

-- The sub-select makes it one look-up per statement.
alter policy players_see_their_own on ledger.wallets
  using (house is null and owner_id = (select ledger_private.claimed_subject()));

-- Who polls the feed --------------------------------------------------------------------------------------------------

-- A lock of this table says which process polls. Anybody can take an advisory lock; this one only the login of the worker.
create table gateway.poller_turn ();
comment on table gateway.poller_turn is 'Has no rows: whoever holds its lock polls the feed.';

--!include gateway/take_poller_turn.sql

grant usage on schema gateway to wallet_worker;

reset role;
