/** The session in which a command proves the ledger, however long that takes. */
import type pg from 'pg';
import { readCommandConfig } from '../config.ts';
import { withSession } from '../migrate/session.ts';
import { withDatabaseUrl } from '../dev/local.ts';

/** An administrator and the worker may write down what they did, but not on a standby. The gateway's login only looks. */
const MAY_RECORD = `select pg_has_role('wallet_worker', 'set') and current_setting('transaction_read_only') = 'off' as "mayRecord"`;

export function withProofSession<T>(work: (client: pg.Client, mayRecord: boolean) => Promise<T>): Promise<T> {
  return withDatabaseUrl(readCommandConfig(process.env), (url) =>
    withSession(url, 'wallet-proof', async (client) => {
      const { rows } = await client.query<{ mayRecord: boolean }>(MAY_RECORD);
      return work(client, rows[0]?.mayRecord === true);
    }),
  );
}
