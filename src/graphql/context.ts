/** Makes the context of a request: its role and its connections. Calls that post must not wait for reads. */
import type { Pool } from 'pg';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import type { NodePostgresPgClient } from 'postgraphile/adaptors/pg';
import { getOperationAST, OperationTypeNode, type ExecutionArgs } from 'postgraphile/graphql';
import { identityOf } from '../auth.ts';
import { ConcurrencyLimit } from '../database/concurrency.ts';
import { createWithPgClient } from '../database/pg_client.ts';
import type { Reads } from '../database/reads.ts';
import { statementTimeoutOf } from '../database/timeouts.ts';
import type { Identity } from '../roles.ts';
import 'postgraphile/grafserv/express/v4';

export interface Sources {
  pool: Pool;
  /** For auditors, whose verifications take minutes. */
  auditPool?: Pool | undefined;
  /** Another server that may answer queries. */
  reads?: Reads | undefined;
  /** Makes further values in the context of a request over HTTP. */
  more?: MoreContext | undefined;
  /** For subscriptions. Undefined where only the schema is built. */
  socketContext?: SocketContext | undefined;
}

/** Returns the identity of a websocket, and further context of its operations. */
export type SocketContext = (socket: object) => { identity: Identity } & Partial<Grafast.Context>;

/** Takes `withPgClient` of calls that post; returns what makes the values for a request. */
export type MoreContext = (
  posting: With,
) => (identity: Identity, settings: Record<string, string | undefined>) => Partial<Grafast.Context>;

export type CreateContext = (request: Partial<Grafast.RequestContext>, args: ExecutionArgs) => Partial<Grafast.Context>;

type With = WithPgClient<NodePostgresPgClient>;

/** How many statements of auditors run at a time; the other fields of a request wait. */
const AUDITS_AT_ONCE = 2;
const MAX_WAITING_AUDITS = 100;
const MAX_WAITING_READS = 1000;
/** How long a statement may wait to be allowed a connection. */
const WAIT_MS = 30_000;

export function createContext({ pool, auditPool = pool, reads, more, socketContext }: Sources): CreateContext {
  const { posting, reading, events } = limitsOf(pool);
  const moreOf = more?.(posting);
  const auditing = auditsOn(auditPool);
  const elsewhere = reads && { reading: createWithPgClient(reads.pool), auditing: auditsOn(reads.pool) };
  return ({ expressv4, ws }, args) => {
    if (expressv4) {
      const { req, res } = expressv4;
      const identity = identityOf(res);
      const settings = settingsOf(identity);
      const kind = identity.role === 'auditor' ? 'auditing' : 'reading';
      const onPrimary = kind === 'auditing' ? auditing : isQuery(args) ? reading : posting;
      return {
        withPgClient:
          reads && elsewhere && isQuery(args) ? reads.queries(elsewhere[kind], onPrimary, req, res) : onPrimary,
        pgSettings: settings,
        ...moreOf?.(identity, settings),
      };
    }
    if (!ws?.socket || !socketContext) throw new Error('Request without an identity');
    const { identity, ...others } = socketContext(ws.socket);
    return { withPgClient: events, pgSettings: settingsOf(identity), ...others };
  };
}

/** Reads leave a quarter of the connections to calls that post. Events, which may come in large numbers, use at most a quarter. */
function limitsOf(pool: Pool): Record<'posting' | 'reading' | 'events', With> {
  const quarter = Math.ceil(pool.options.max / 4);
  const reads = new ConcurrencyLimit({
    name: 'reads',
    max: Math.max(1, pool.options.max - quarter),
    maxWaiting: MAX_WAITING_READS,
    waitMs: WAIT_MS,
  });
  const events = new ConcurrencyLimit({ name: 'events', max: quarter, maxWaiting: Infinity, waitMs: WAIT_MS });
  const posting = createWithPgClient(pool);
  const reading = through(reads, posting);
  return { posting, reading, events: through(events, reading) };
}

function auditsOn(pool: Pool): With {
  const audits = new ConcurrencyLimit({
    name: 'audits',
    max: AUDITS_AT_ONCE,
    maxWaiting: MAX_WAITING_AUDITS,
    waitMs: WAIT_MS,
  });
  return through(audits, createWithPgClient(pool));
}

function through(limit: ConcurrencyLimit, withPgClient: With): With {
  return (settings, callback) => limit.run(async () => withPgClient(settings, callback));
}

function settingsOf({ role, sub, pgRole }: Identity): Record<string, string | undefined> {
  return {
    role: pgRole,
    'jwt.claims.sub': sub,
    'jwt.claims.role': role,
    statement_timeout: statementTimeoutOf(role),
  };
}

/** A mutation's further fields are read after its commit and must see it, so they are read on the primary. */
function isQuery({ document, operationName }: ExecutionArgs): boolean {
  return getOperationAST(document, operationName)?.operation === OperationTypeNode.QUERY;
}
