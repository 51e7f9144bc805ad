/** `npm run seal -- --out file`: seals what is new, and adds the newest seal to a file for keeping elsewhere. */
import type pg from 'pg';
import { readKeptSeals, toList, writeKeptSeals, type KeptSeal } from './kept_seals.ts';
import { UsageError } from '../exit.ts';
import { withProofSession } from './proof_session.ts';
import { command } from '../command.ts';

const HELP = `npm run seal -- [--out <file>]

Closes a block over what is new and prints its seal. Ends with 1 if the file has a seal that the ledger does not hold.

  --out <file>  adds the newest seal to this file, for keeping elsewhere`;

await command({ help: HELP, options: { out: { type: 'string' } } }, async ({ out }) => {
  if (out === '') throw new UsageError('--out must name a file; see --help');
  const kept = (out === undefined ? undefined : await readKeptSeals(out)) ?? [];
  return withProofSession(async (client, mayRecord) => {
    // Who may not seal takes what the worker has sealed, a minute ago at most.
    if (mayRecord) await seal(client);
    await client.query('set role wallet_auditor');
    const lost = await missing(client, kept);
    if (lost.length > 0) {
      for (const detail of lost) console.error(JSON.stringify(detail));
      console.error(`${out ?? ''} has seals that the ledger does not hold: it is left as it is`);
      return 1;
    }
    const newest = await newestSeal(client);
    if (!newest) console.log('there is nothing to seal');
    else if (out === undefined) console.log(newest.line);
    else {
      if (!kept.some(({ seq }) => seq === newest.seq)) await writeKeptSeals(out, [...kept, newest]);
      console.log(`${out} holds seal ${newest.seq}`);
    }
    return 0;
  });
});

async function seal(client: pg.Client): Promise<void> {
  await client.query('set role wallet_worker');
  for (let more = 1; more > 0;) more = (await client.query('select from ledger.ledger_seal()')).rowCount ?? 0;
}

async function missing(client: pg.Client, kept: KeptSeal[]): Promise<object[]> {
  const text = "select detail from ledger.ledger_verify_seals($1) where rule = 'seal_missing'";
  const { rows } = await client.query<{ detail: object }>(text, [toList(kept)]);
  return rows.map(({ detail }) => detail);
}

async function newestSeal(client: pg.Client): Promise<KeptSeal | undefined> {
  const text = 'select seq::int, row_to_json(s)::text as line from ledger.blocks s order by s.seq desc limit 1';
  return (await client.query<KeptSeal>(text)).rows[0];
}
