/** Measures the ledger inside the server: against plain inserts, on one house account, and in batches. */
import type pg from 'pg';
import { makeDatabase, settle, withClient } from './databases.ts';
import type { Contender, Group } from './measure.ts';
import type { Bench, Part } from './part.ts';
import { installPgledger } from './peers/pgledger.ts';
import { callInEach, openSessions } from './sessions.ts';

export const CALLS = 'In the database: calls';
export const HOUSE = 'In the database: one house account';
export const BATCHES = 'In the database: batches, counted in transfers';
export const GROUPS = 'In the database: each for itself, counted in top-ups';
export const BESIDE = 'In the database: beside pgledger';

export const FLOOR = 'floor: three bare inserts';
export const ONE_ASSET = 'top-ups of one asset';
export const PGLEDGER = { transfers: 'pgledger: transfers', topUps: 'pgledger: top-ups from one house account' };
export const batchesOf = (size: number): string => `batches of ${size.toLocaleString('en')}`;

export const groupsOf = (size: number): string => `top-ups in groups of ${size.toLocaleString('en')}`;

/** Groups of players, by their number of assets; `open_players` makes them. */
const CROWDS = { gold: 1, spread: 100, ten: 1, one: 1, batch: 1 };
type Crowd = keyof typeof CROWDS;
const WALLETS: Partial<Record<string, number>> = { ten: 10, one: 1 };

const CONNECTIONS = [1, 8, 32];
const CONTENDED = [8, 32];
const BATCH_SIZES = [1, 10, 100, 1_000, 10_000];

export const ledger: Part = {
  titles: [CALLS, HOUSE, BATCHES, GROUPS, BESIDE],
  async prepare(bench) {
    const { sizes, progress, cleaning } = bench;
    const url = await makeDatabase(bench, 'wallet_bench_ledger');
    progress(`In the database: ${sizes.wallets} wallets`);
    await withClient(url, async (client) => {
      for (const [crowd, assets] of Object.entries(CROWDS)) {
        await fillCrowd(client, crowd, assets, WALLETS[crowd] ?? sizes.wallets);
      }
      await settle(client);
    });
    const sessions = await openSessions(url, Math.max(...CONNECTIONS));
    cleaning.push(() => Promise.all(sessions.map(({ client }) => client.end())));

    const calls = (name: string, procedure: string, crowd: Crowd, connections: number): Contender => ({
      name,
      connections,
      run: (seconds) => callInEach(sessions.slice(0, connections), `run_${procedure}`, [crowd, seconds]),
    });
    const each = (name: string, crowd: Crowd, size: number, connections: number): Contender => ({
      name,
      connections,
      run: (seconds) => callInEach(sessions.slice(0, connections), 'run_each', [crowd, size, seconds]),
    });
    const groups: Group[] = [
      {
        title: CALLS,
        contenders: CONNECTIONS.flatMap((connections) => [
          calls(FLOOR, 'floor', 'gold', connections),
          calls("a transfer's statements, nothing computed", 'bare', 'gold', connections),
          calls('spend', 'spend', 'gold', connections),
          calls('top-up', 'top_up', 'gold', connections),
          calls('transfer', 'transfer', 'gold', connections),
          calls('replay of a used key', 'replay', 'gold', connections),
          calls('refusal: not enough funds', 'refusal', 'gold', connections),
        ]),
      },
      {
        title: HOUSE,
        contenders: CONTENDED.flatMap((connections) => [
          calls('top-ups over 100 assets', 'top_up', 'spread', connections),
          calls(ONE_ASSET, 'top_up', 'gold', connections),
          calls('transfers among 10 wallets', 'transfer', 'ten', connections),
        ]),
      },
      {
        title: BATCHES,
        contenders: BATCH_SIZES.map((size) => ({
          name: batchesOf(size),
          connections: 1,
          run: (seconds) => callInEach(sessions.slice(0, 1), 'run_batch', ['batch', size, seconds]),
        })),
      },
      {
        title: GROUPS,
        contenders: [
          ...CONTENDED.flatMap((connections) => [
            calls(FLOOR, 'floor', 'gold', connections),
            calls('single top-ups', 'top_up', 'gold', connections),
            each(groupsOf(32), 'gold', 32, connections),
          ]),
          calls('single top-ups of one wallet', 'top_up', 'one', 1),
          each(`${groupsOf(1_000)} of one wallet`, 'one', 1_000, 1),
        ],
      },
    ];
    if (bench.wanted(BESIDE)) groups.push(...(await beside(bench, calls)));
    return { groups, warmUpSeconds: sizes.warmUpSeconds, prove: () => verify(bench, url) };
  },
};

/** Empty without a file of pgledger. */
async function beside(
  { url, pgledger, note, cleaning }: Bench,
  calls: (name: string, procedure: string, crowd: Crowd, connections: number) => Contender,
): Promise<Group[]> {
  if (pgledger === undefined) {
    note('Left out: pgledger, for which --pgledger names a checkout of it.');
    return [];
  }
  const database = 'wallet_bench_pgledger';
  cleaning.push(() => withClient(url, (admin) => admin.query(`drop database if exists ${database} with (force)`)));
  const sessions = await openSessions(await installPgledger(url, database, pgledger), Math.max(...CONTENDED));
  cleaning.push(() => Promise.all(sessions.map(({ client }) => client.end())));
  const peer = (name: string, procedure: string, connections: number): Contender => ({
    name,
    connections,
    run: (seconds) => callInEach(sessions.slice(0, connections), `run_${procedure}`, [seconds]),
  });
  const contenders = CONTENDED.flatMap((connections) => [
    peer(PGLEDGER.transfers, 'transfer', connections),
    peer(PGLEDGER.topUps, 'top_up', connections),
    calls('transfers', 'transfer', 'gold', connections),
    calls(ONE_ASSET, 'top_up', 'gold', connections),
  ]);
  return [{ title: BESIDE, contenders }];
}

async function fillCrowd(client: pg.ClientBase, crowd: string, assets: number, wallets: number): Promise<void> {
  const codes = Array.from({ length: assets }, (_, number) => `${crowd}-${number + 1}`);
  await client.query('call bench.open_players($1, $2, $3)', [crowd, codes, wallets]);
  await client.query('call bench.fund_players($1)', [crowd]);
}

/** Figures of a ledger that has booked wrongly are worthless. */
async function verify({ progress, note }: Bench, url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ entries: string }>('select count(*) as entries from ledger.entries');
    const entries = Number(rows[0]?.entries).toLocaleString('en');
    progress(`In the database: proving ${entries} entries`);
    const start = performance.now();
    const { rows: findings } = await client.query('select * from ledger.ledger_verify()');
    if (findings.length > 0) throw new Error(`The ledger is not sound: ${JSON.stringify(findings.slice(0, 5))}`);
    const seconds = Math.round((performance.now() - start) / 1000);
    note(`After these loads ledger_verify() proved all ${entries} entries sound, in ${seconds} s.`);
  });
}
