-- An order of the shop: the item and the credits are one transaction. To run it again changes nothing.
begin;
insert into shop.orders (id, player, item) values (17, 'alice', 'shield') on conflict do nothing;
select kind, amount, bonus_amount, balance, replayed
  from ledger.wallet_spend(ledger.wallet_id('alice', 'GOLD'), 40, 'order-17', '{"item": "shield"}');
commit;
