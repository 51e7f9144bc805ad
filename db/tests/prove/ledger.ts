/** A ledger as the migrations make it, with wallets for callers, and the login of its jobs. */
import type pg from 'pg';
import { migrateAll, urlOf, withClient } from '../../../bench/databases.ts';
import { call, type Session } from '../helpers.ts';
import type { Stock } from './operations.ts';

/** To be copied for each round. */
export const TEMPLATE = 'wallet_prove_empty';
const JOB = 'wallet_prove_job';
const PASSWORD = 'prove';

const ASSETS = ['GOLD', 'GEMS'];
const HOT = 4;
const COLD = 40;
const SPARE = 300;

/** `url` is an administrator's. */
export async function prepareLedger(url: string, database = TEMPLATE): Promise<void> {
  await withClient(url, (client) => client.query(`create database ${database}`));
  await migrateAll(urlOf(url, database));
  await withClient(url, async (client) => {
    await client.query(`create role ${JOB} login password '${PASSWORD}' in role wallet_job`);
    // It reads balances too.
    await client.query(`grant wallet_auditor to ${JOB}`);
  });
}

/** The way that this URL goes, as a trusted job. */
export function asJob(url: string): string {
  return Object.assign(new URL(url), { username: JOB, password: PASSWORD }).href;
}

export async function openWallets(client: pg.Client): Promise<Stock> {
  const stock: Stock = { assets: [], holds: [], booked: [], owing: [] };
  for (const code of ASSETS) {
    const wallets = await openAsset(client, code, HOT + COLD + SPARE);
    stock.assets.push({
      hot: wallets.slice(0, HOT),
      cold: wallets.slice(HOT, HOT + COLD),
      spare: wallets.slice(HOT + COLD),
    });
  }
  return stock;
}

/** A new asset with so many empty wallets. */
export async function openAsset(client: Session, code: string, count: number): Promise<string[]> {
  await call(client, 'asset_create', { code, name: 'For the proof' });
  const wallets: string[] = [];
  for (let owner = 1; owner <= count; owner += 1) {
    const { id } = await call<{ id: string }>(client, 'wallet_open', { owner_id: `player ${owner}`, asset_code: code });
    wallets.push(id);
  }
  return wallets;
}
