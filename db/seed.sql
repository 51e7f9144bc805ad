-- The demo: two assets and two players with opening balances. Every call carries a fixed key, so that running it again
-- changes nothing; nothing is ever deleted.
begin;

do $$
begin
  if current_setting('seed.force', true) is distinct from 'true'
    and exists (select from ledger.wallets w where w.owner_id not in ('alice', 'bob')) then
    raise exception 'the ledger has wallets that are not of the demo: the demo would stay in it for ever'
      using errcode = 'object_not_in_prerequisite_state', hint = 'Use npm run seed -- --force to post it all the same.';
  end if;
end
$$;

set local role wallet_operator;

select ledger.asset_create('GOLD', 'Gold Coins');
select ledger.asset_create('GEM', 'Gems');

select ledger.wallet_open('alice', 'GOLD');
select ledger.wallet_open('alice', 'GEM');
select ledger.wallet_open('bob', 'GOLD');
select ledger.wallet_open('bob', 'GEM');

select ledger.wallet_top_up(ledger.wallet_id('alice', 'GOLD'), 1000, 'seed:top-up', '{"source": "demo"}');
select ledger.wallet_bonus(ledger.wallet_id('alice', 'GOLD'), 250, 'seed:bonus', null, '{"source": "demo"}');
select ledger.wallet_top_up(ledger.wallet_id('alice', 'GEM'), 50, 'seed:top-up', '{"source": "demo"}');
select ledger.wallet_top_up(ledger.wallet_id('bob', 'GOLD'), 500, 'seed:top-up', '{"source": "demo"}');
select ledger.wallet_bonus(ledger.wallet_id('bob', 'GEM'), 10, 'seed:bonus', null, '{"source": "demo"}');

commit;
