/** A ledger as the migrations make it, to be copied for each round, and the login of its jobs. */
import { migrateAll, withClient } from '../../../bench/databases.ts';
import type { Cluster } from './cluster.ts';

export const TEMPLATE = 'wallet_prove_empty';
const JOB = 'wallet_prove_job';
const PASSWORD = 'prove';

export async function prepareLedger(cluster: Cluster): Promise<void> {
  await cluster.administer(`create database ${TEMPLATE}`);
  await migrateAll(cluster.url(TEMPLATE));
  await withClient(cluster.url('postgres'), async (client) => {
    await client.query(`create role ${JOB} login password '${PASSWORD}' in role wallet_job`);
    // It reads balances too.
    await client.query(`grant wallet_auditor to ${JOB}`);
  });
}

/** The way that this URL goes, as a trusted job. */
export function asJob(url: string): string {
  return Object.assign(new URL(url), { username: JOB, password: PASSWORD }).href;
}
