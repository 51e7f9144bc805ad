/** As whom an operation acts, and on which connections. */
import type { Pool } from 'pg';
import { getOperationAST, OperationTypeNode, type ExecutionArgs } from 'postgraphile/graphql';
import { identityOf, type Identity } from '../auth.ts';
import type { Listener } from '../subscriptions/listener.ts';
import { createWithPgClient } from '../database/pg_client.ts';
import { readingWith } from '../database/reads.ts';
import { peerOf } from '../subscriptions/sockets.ts';
import type { Standby } from '../database/standby.ts';
import { statementTimeoutOf } from '../http/timeouts.ts';
import 'postgraphile/grafserv/express/v4';

export interface Sources {
  pool: Pool;
  /** For queries. */
  standby?: Standby | undefined;
  /** For subscriptions; without it there is the schema only. */
  listener?: Listener | undefined;
}

type CreateContext = (request: Partial<Grafast.RequestContext>, args: ExecutionArgs) => Partial<Grafast.Context>;

export function createContext({ pool, standby, listener }: Sources): CreateContext {
  const onPrimary = createWithPgClient(pool);
  const onStandby = standby && createWithPgClient(standby.pool);
  return ({ expressv4, ws }, args) => {
    if (expressv4) {
      const { req, res } = expressv4;
      const reads = standby && onStandby && isQuery(args);
      return {
        withPgClient: reads ? readingWith(standby, onStandby, onPrimary, req, res) : onPrimary,
        pgSettings: settingsOf(identityOf(res)),
      };
    }
    if (!ws?.socket || !listener) throw new Error('Request without an identity');
    const { identity, flushed } = peerOf(ws.socket);
    return {
      withPgClient: onPrimary,
      pgSettings: settingsOf(identity),
      walletChanges: { subscribe: (wallet: string) => listener.subscribe(wallet, flushed) },
    };
  };
}

/** The role and the claims of the token; the ledger's policies do the rest. */
function settingsOf({ role, sub, pgRole }: Identity): Record<string, string | undefined> {
  return {
    role: pgRole,
    'jwt.claims.sub': sub,
    'jwt.claims.role': role,
    statement_timeout: statementTimeoutOf(role),
  };
}

/** What a mutation's answer tells beyond its receipt is read after its commit, and has to show it. */
function isQuery({ document, operationName }: ExecutionArgs): boolean {
  return getOperationAST(document, operationName)?.operation === OperationTypeNode.QUERY;
}
