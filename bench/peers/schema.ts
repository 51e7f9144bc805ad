/** The tables of the peer, as a team with PostgreSQL experience would write them in a Knex migration. */
import type { Knex } from 'knex';

export type AccountType = 'player' | 'treasury' | 'revenue';
export type Kind = 'top_up' | 'spend' | 'transfer';

export async function createSchema(knex: Knex): Promise<void> {
  await knex.schema.createTable('assets', (table) => {
    table.text('code').primary();
    table.text('name').notNullable();
  });
  await knex.schema.createTable('accounts', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('uuidv7()'));
    table.text('asset_code').notNullable().references('assets.code');
    table.enum('type', ['player', 'treasury', 'revenue']).notNullable();
    table.text('owner_id').notNullable();
    table.timestamp('created_at').notNullable().defaultTo(knex.fn.now());
    table.unique(['owner_id', 'asset_code']);
  });
  await knex.schema.createTable('transactions', (table) => {
    table.uuid('id').primary().defaultTo(knex.raw('uuidv7()'));
    table.enum('kind', ['top_up', 'spend', 'transfer']).notNullable();
    table.text('actor').notNullable();
    table.jsonb('metadata').notNullable().defaultTo('{}');
    table.timestamp('created_at').notNullable().defaultTo(knex.fn.now());
  });
  await knex.schema.createTable('ledger_entries', (table) => {
    table.specificType('id', 'bigint generated always as identity').primary();
    table.uuid('transaction_id').notNullable().references('transactions.id');
    table.uuid('account_id').notNullable().references('accounts.id');
    table.bigInteger('amount').notNullable();
    table.timestamp('created_at').notNullable().defaultTo(knex.fn.now());
    table.check('amount <> 0');
  });
  // One index for both reads: the sum of an account needs only the index, and its newest entries are at the end.
  await knex.raw('create index on ledger_entries (account_id, id) include (amount)');
  await knex.schema.createTable('idempotency_keys', (table) => {
    table.text('key').primary();
    table.jsonb('request').notNullable();
    table.jsonb('response');
    table.timestamp('created_at').notNullable().defaultTo(knex.fn.now());
  });
}

/** Creates an asset with one row for each of its house accounts, as is usual. */
export async function createAsset(knex: Knex, code: string): Promise<void> {
  await knex('assets').insert({ code, name: code });
  await knex('accounts').insert(
    ['treasury', 'revenue'].map((type) => ({ type, owner_id: `house:${type}`, asset_code: code })),
  );
}
