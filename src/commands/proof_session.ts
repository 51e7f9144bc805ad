/** The session in which a command proves the ledger, however long that takes. */
import pg from 'pg';
import { readConfig } from '../config.ts';
import { OUR_SETTINGS } from '../database/session.ts';
import { withDatabaseUrl } from '../local.ts';

// The gateway's and the worker's login have limits of time, for calls.
const PREPARE = `${OUR_SETTINGS}; set statement_timeout = 0; set transaction_timeout = 0`;

/** An administrator and the worker may write down what they did, but not on a standby. The gateway's login only looks. */
const MAY_RECORD = `select pg_has_role('wallet_worker', 'set') and current_setting('transaction_read_only') = 'off' as "mayRecord"`;

export function withProofSession<T>(work: (client: pg.Client, mayRecord: boolean) => Promise<T>): Promise<T> {
  return withDatabaseUrl(readConfig(process.env), async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(PREPARE);
      const { rows } = await client.query<{ mayRecord: boolean }>(MAY_RECORD);
      return await work(client, rows[0]?.mayRecord === true);
    } finally {
      await client.end();
    }
  });
}
