/** What the worker does so that the ledger can be proved: seals each minute, and a proof of everything now and then. */
import type { JobHelpers, TaskList } from 'graphile-worker';
import { log } from '../observability/log.ts';
import { inTransaction } from './queue.ts';

/** Each has a queue of its own: no proof, which reads everything, keeps what is due waiting. */
export function proofCrontab(verifyCron: string | undefined): string {
  const seal = '* * * * * seal ?queue=seal&jobKey=seal';
  return verifyCron === undefined ? seal : `${seal}\n${verifyCron} verify ?queue=verify&jobKey=verify&max=3`;
}

export const proofTasks: TaskList = { seal, verify };

const SEAL_LIMIT_MS = 5 * 60_000;
const VERIFY_LIMIT = '6h';
/** Longer than a proof may last. */
export const VERIFY_DEAD_AFTER = '7 hours';

/** Block by block, each a transaction of its own. */
async function seal(_payload: unknown, helpers: JobHelpers): Promise<void> {
  const deadline = Date.now() + SEAL_LIMIT_MS;
  for (let sealed = 1; sealed > 0 && !helpers.abortSignal.aborted && Date.now() < deadline;) {
    sealed = (await helpers.query('select from ledger.ledger_seal()')).rowCount ?? 0;
  }
}

/** One statement, which may take longer than others; where this process ends, the server notices and ends it too. */
async function verify(_payload: unknown, helpers: JobHelpers): Promise<void> {
  const findings = await inTransaction(helpers, async (client) => {
    await client.query(`set local statement_timeout = '${VERIFY_LIMIT}'`);
    await client.query(`set local transaction_timeout = '${VERIFY_LIMIT}'`);
    await client.query("set local client_connection_check_interval = '5s'");
    return (await client.query('select from ledger.ledger_prove()')).rowCount ?? 0;
  });
  if (findings > 0) log.error({ findings }, 'the ledger is not sound: npm run verify prints the findings');
  else log.info('verified: the ledger is sound');
}
