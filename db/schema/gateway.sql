-- What the gateway keeps for itself, apart from the ledger. Unlogged: cheap, and a crash may forget it.
create unlogged table gateway.rate_limits (
  key text primary key,
  points int not null default 0,
  expire bigint
) with (fillfactor = 70);
comment on table gateway.rate_limits is 'How many requests each caller has sent within the current window.';
comment on column gateway.rate_limits.key is 'A hash of the role and the subject of the token.';
comment on column gateway.rate_limits.points is 'Requests so far.';
comment on column gateway.rate_limits.expire is 'The end of the window, in milliseconds since 1970.';

grant select, insert, update, delete on gateway.rate_limits to wallet_gateway;

-- A lock of this table says which process polls. Any login can take an advisory lock; only the worker's can take this
-- one.
create table gateway.poller_turn ();
comment on table gateway.poller_turn is 'Has no rows: whoever holds its lock polls the feed.';
