/**
 * `npm run verify`: proves the ledger from its rows; prints every finding as a line of JSON, nothing else, and ends with 1 if there is one.
 * On a terminal it also shows its progress and the outcome. With `-- --seal file` it proves too that the ledger still holds the
 * seals in that file.
 */
import type pg from 'pg';
import { ConfigError } from '../config.ts';
import { readKeptSeals, toList } from './kept_seals.ts';
import { showLine, showProgress } from './progress.ts';
import { withProofSession } from './proof_session.ts';
import { command } from '../command.ts';

const HELP = `npm run verify -- [--seal <file>]

Proves the ledger from its rows and prints every finding. Ends with 0 if there is none, with 1 otherwise.

  --seal <file>  proves too that the ledger holds the seals in this file, which npm run seal wrote`;

await command({ help: HELP, options: { seal: { type: 'string' } } }, async ({ seal }) => {
  const kept = seal === undefined ? undefined : await readKeptSeals(seal);
  if (seal !== undefined && !kept?.length) throw new ConfigError(`There is no seal in ${seal}`);
  const terminal = process.stderr.isTTY ? process.stderr : undefined;
  return withProofSession(async (client, mayRecord) => {
    if (terminal) await showProgress(client, terminal);
    const list = kept ? toList(kept) : null;
    const rows = mayRecord ? await prove(client, list) : await look(client, list);
    for (const finding of rows) console.log(JSON.stringify(finding));
    const newest = kept?.at(-1);
    const held = newest ? ` and holds seal ${newest.seq} of ${seal ?? ''}` : '';
    if (terminal) showLine(terminal, rows.length === 0 ? `the ledger is sound${held}\n` : `findings: ${rows.length}\n`);
    return rows.length === 0 ? 0 : 1;
  });
});

/** As good a proof, which is not recorded. */
async function look(client: pg.Client, kept: string | null): Promise<Record<string, unknown>[]> {
  await client.query('set role wallet_auditor');
  const text = `select * from ledger.ledger_verify_seals($1) where rule = 'seal_missing'
    union all select * from ledger.ledger_verify()`;
  return (await client.query<Record<string, unknown>>(text, [kept])).rows;
}

async function prove(client: pg.Client, kept: string | null): Promise<Record<string, unknown>[]> {
  await client.query('set role wallet_worker');
  return (await client.query<Record<string, unknown>>('select * from ledger.ledger_prove($1)', [kept])).rows;
}
