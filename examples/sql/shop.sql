-- The tables of a shop, and what its job may do with them. An administrator runs it once.
create schema shop;
create table shop.orders (id bigint primary key, player text not null, item text not null);
grant usage on schema shop to shop_job;
grant select, insert on shop.orders to shop_job;
