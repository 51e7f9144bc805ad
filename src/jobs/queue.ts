/** Where the worker's jobs wait: a schema of graphile-worker, under a name of its own, so that another program's is left alone. */
import { Logger, type JobHelpers } from 'graphile-worker';
import type { PoolClient } from 'pg';
import { log } from '../observability/log.ts';

export const QUEUE_SCHEMA = 'wallet_queue';

const QUIET = new Set<string>(['info', 'debug']);

/** Success is logged by the caller; errors are a line each, without stacks. */
export const queueLogger = new Logger(() => (level, message, meta) => {
  if (QUIET.has(level)) return;
  const [line = ''] = message.split('\n', 1);
  const reason = meta.fatalError instanceof Error ? `: ${meta.fatalError.message}` : '';
  log.error({ error: `${line.replace(/:$/, '')}${reason}` }, 'worker');
});

/** The first error is the cause; where the connection is gone, the rollback fails too. */
export function inTransaction<T>(helpers: JobHelpers, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return helpers.withPgClient(async (client) => {
    await client.query('begin');
    try {
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  });
}

// The library also prints, with a stack, why one of its workers ended. It has logged that by then.
console.trace = () => undefined;
