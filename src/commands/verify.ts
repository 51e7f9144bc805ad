/** `npm run verify`: proves the ledger from its rows; prints every finding and ends with 1 if there is one. */
import pg from 'pg';
import { readConfig } from '../config.ts';
import { withDatabaseUrl } from '../local.ts';
import { run } from './run.ts';

await run(() =>
  withDatabaseUrl(readConfig(process.env), async (url) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query('set role wallet_auditor');
      const { rows } = await client.query<Record<string, unknown>>('select * from ledger.ledger_verify()');
      for (const finding of rows) console.log(JSON.stringify(finding));
      console.log(rows.length === 0 ? 'the ledger is sound' : `findings: ${rows.length}`);
      return rows.length === 0 ? 0 : 1;
    } finally {
      await client.end();
    }
  }),
);
