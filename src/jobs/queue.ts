/** Where the worker's jobs wait: a schema of graphile-worker, under a name of its own, so that another program's is left alone. */
import { Logger } from 'graphile-worker';
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

// The library also prints, with a stack, why one of its workers ended. It has logged that by then.
console.trace = () => undefined;
