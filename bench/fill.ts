/** Fills the databases of both services with the same players and history, with set-based statements. */
import { migrateAll, withClient } from './databases.ts';
import { connect } from './peers/knex.ts';
import { createAsset, createSchema, type Kind } from './peers/schema.ts';

interface Round {
  kind: Kind;
  amount: number;
}

const ASSET = 'GOLD';
const BATCH = 5_000;
/** In each round each player makes one movement; the sender of a transfer also receives one. */
const CYCLE: Round[] = [
  { kind: 'spend', amount: 70 },
  { kind: 'top_up', amount: 100 },
  { kind: 'transfer', amount: 30 },
];
const CYCLES = 5;
const OPENING: Round = { kind: 'top_up', amount: 1_000_000_000 };
const ROUNDS: Round[] = [OPENING, ...Array.from({ length: CYCLES }, () => CYCLE).flat()];

/** Entries of each player in each of the two ledgers. */
export const ENTRIES_PER_WALLET = ROUNDS.reduce((sum, { kind }) => sum + (kind === 'transfer' ? 2 : 1), 0);

/** Migrates and fills the gateway's database; returns the ids of the players' wallets. */
export async function fillGateway(url: string, wallets: number): Promise<string[]> {
  await migrateAll(url);
  return withClient(url, async (client) => {
    await client.query('select ledger.asset_create($1, $1)', [ASSET]);
    const { rows } = await client.query<{ id: string }>(
      `select w.id from generate_series(1, $1) player, ledger.wallet_open('player-' || player, $2) w`,
      [wallets, ASSET],
    );
    for (const [round, { kind, amount }] of ROUNDS.entries()) {
      for (let first = 1; first <= wallets; first += BATCH) {
        await client.query(
          `select count(*) from ledger.wallet_post_batch(array(
             select ledger.request($1::ledger.transfer_kind, ledger.wallet_id('player-' || player, $2),
                 case $1 when 'transfer' then ledger.wallet_id('player-' || player % $3 + 1, $2) end,
                 $4::bigint, $5)
               from generate_series($6::int, $7::int) player))`,
          [kind, ASSET, wallets, amount, `history-${round}`, first, Math.min(first + BATCH - 1, wallets)],
        );
      }
    }
    await client.query('vacuum (analyze)');
    return rows.map(({ id }) => id);
  });
}

/** Makes the peer's tables and fills them; returns the ids of the players' accounts. */
export async function fillPeer(url: string, wallets: number): Promise<string[]> {
  const knex = connect(url, 1);
  await createSchema(knex);
  await createAsset(knex, ASSET);
  await knex.destroy();
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `insert into accounts (asset_code, type, owner_id)
         select $2, 'player', 'player-' || player from generate_series(1, $1) player
         returning id`,
      [wallets, ASSET],
    );
    await client.query('analyze accounts');
    for (const [round, { kind, amount }] of ROUNDS.entries()) {
      await client.query(PEER_ROUND, [kind, ASSET, wallets, amount, `history-${round}`]);
    }
    await client.query('vacuum (analyze)');
    return rows.map(({ id }) => id);
  });
}

const PEER_ROUND = `
  with movements as materialized (
    select uuidv7() as id, own.id as account_id,
        case $1 when 'spend' then own.id when 'transfer' then own.id else treasury.id end as from_id,
        case $1 when 'spend' then revenue.id when 'transfer' then other.id else own.id end as to_id
      from generate_series(1, $3::int) player
        join accounts own on own.owner_id = 'player-' || player and own.asset_code = $2
        join accounts other on other.owner_id = 'player-' || player % $3 + 1 and other.asset_code = $2
        join accounts treasury on treasury.type = 'treasury' and treasury.asset_code = $2
        join accounts revenue on revenue.type = 'revenue' and revenue.asset_code = $2
  ), booked as (
    insert into transactions (id, kind, actor) select id, $1, 'service:history' from movements
  ), entered as (
    insert into ledger_entries (transaction_id, account_id, amount)
      select id, from_id, -$4::bigint from movements union all select id, to_id, $4 from movements
  )
  insert into idempotency_keys (key, request, response)
    select $5 || ':' || account_id,
        jsonb_build_object('kind', $1, 'from', from_id, 'to', to_id, 'amount', $4::text, 'metadata', '{}'),
        jsonb_build_object('transactionId', id, 'accountId', account_id, 'kind', $1, 'amount', $4::text, 'replayed', false)
      from movements`;
