/** `npm run seal -- --out file`: seals what is new, and adds the newest seal to a file for keeping elsewhere. */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { readConfig } from '../config.ts';
import { readKeptSeals, toList, writeKeptSeals } from '../kept_seals.ts';
import { withDatabaseUrl } from '../local.ts';
import { run } from './run.ts';

await run(() => {
  const { out } = parseArgs({ options: { out: { type: 'string' } } }).values;
  return withDatabaseUrl(readConfig(process.env), async (url) => {
    const kept = (out === undefined ? undefined : await readKeptSeals(out)) ?? [];
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query('set role wallet_worker');
      for (let more = 1; more > 0;) more = (await client.query('select from ledger.ledger_seal()')).rowCount ?? 0;
      await client.query('set role wallet_auditor');
      const { rows: lost } = await client.query<{ detail: object }>(
        "select detail from ledger.ledger_verify_seals($1) where rule = 'seal_missing'",
        [toList(kept)],
      );
      if (lost.length > 0) {
        for (const { detail } of lost) console.error(JSON.stringify(detail));
        console.error(`${out ?? ''} has seals that the ledger does not hold: it is left as it is`);
        return 1;
      }
      const { rows } = await client.query<{ seq: number; line: string }>(
        'select seq::int, row_to_json(s)::text as line from ledger.seals s order by s.seq desc limit 1',
      );
      const newest = rows[0];
      if (!newest) {
        console.log('there is nothing to seal');
        return 0;
      }
      if (out === undefined) console.log(newest.line);
      else {
        if (!kept.some(({ seq }) => seq === newest.seq)) await writeKeptSeals(out, [...kept, newest]);
        console.log(`${out} holds seal ${newest.seq}`);
      }
      return 0;
    } finally {
      await client.end();
    }
  });
});
