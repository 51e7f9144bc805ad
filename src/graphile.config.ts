/** The GraphQL API: what PostGraphile makes of the schema `ledger`, and how it is served. */
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import type { Pool } from 'pg';
import { makePgService } from 'postgraphile/adaptors/pg';
import { getOperationAST, OperationTypeNode, type ExecutionArgs } from 'postgraphile/graphql';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { identityOf } from './auth.ts';
import { maskError } from './errors.ts';
import { createWithPgClient } from './pg_client.ts';
import { ArgumentsPlugin } from './plugins/arguments.ts';
import { DocumentsPlugin } from './plugins/documents.ts';
import { FiltersPlugin } from './plugins/filters.ts';
import { InputsPlugin } from './plugins/inputs.ts';
import { LimitsPlugin, REMEMBERED_DOCUMENTS } from './plugins/limits.ts';
import { NamesPlugin } from './plugins/names.ts';
import { PagingPlugin } from './plugins/paging.ts';
import { createRuruPlugin } from './plugins/ruru.ts';
import { ScalarsPlugin } from './plugins/scalars.ts';
import { RefusalsPlugin } from './plugins/refusals.ts';
import { readingWith } from './reads.ts';
import type { Standby } from './standby.ts';
import 'postgraphile/grafserv/express/v4';

export interface PresetOptions {
  pool: Pool;
  /** For queries. */
  standby?: Standby | undefined;
  /** Makes tokens for the IDE at `/`; without it there is no IDE. */
  createRuruToken?: (() => Promise<string>) | undefined;
}

export function createPreset({ pool, standby, createRuruToken }: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset],
    plugins: [
      NamesPlugin,
      ArgumentsPlugin,
      InputsPlugin,
      ScalarsPlugin,
      PagingPlugin,
      FiltersPlugin,
      DocumentsPlugin,
      LimitsPlugin,
      RefusalsPlugin,
      ...(createRuruToken ? [createRuruPlugin(createRuruToken)] : []),
    ],
    disablePlugins: [
      // Ids are the ledger's own.
      'NodePlugin',
      // Counting a list means reading it.
      'PgConnectionTotalCountPlugin',
      // Fields that only some clients' conventions ask for.
      'QueryQueryPlugin',
      'PgMutationPayloadEdgePlugin',
    ],
    pgServices: [makePgService({ pool, schemas: ['ledger'], pubsub: false })],
    gather: { pgStrictFunctions: true },
    schema: {
      // Only functions write.
      defaultBehavior: '-resource:insert -resource:update -resource:delete',
      dontSwallowErrors: true,
      // They return rows.
      pgForbidSetofFunctionsToReturnNull: true,
      sortExport: true,
    },
    grafast: { context: createContext(pool, standby) },
    grafserv: {
      graphiql: createRuruToken !== undefined,
      graphiqlOnGraphQLGET: false,
      maskError,
      parseAndValidateCacheSize: REMEMBERED_DOCUMENTS,
    },
  };
}

type CreateContext = (request: Partial<Grafast.RequestContext>, args: ExecutionArgs) => Partial<Grafast.Context>;

/** Each request acts with the role and the claims of its token; the ledger's policies do the rest. */
function createContext(pool: Pool, standby: Standby | undefined): CreateContext {
  const onPrimary = createWithPgClient(pool);
  const onStandby = standby && createWithPgClient(standby.pool);
  return ({ expressv4 }, { document, operationName }) => {
    if (!expressv4) throw new Error('Request without an identity');
    const { req, res } = expressv4;
    const { role, sub, pgRole } = identityOf(res);
    // What a mutation's answer tells beyond its receipt is read after its commit, and has to show it.
    const isQuery = getOperationAST(document, operationName)?.operation === OperationTypeNode.QUERY;
    const withPgClient =
      standby && onStandby && isQuery ? readingWith(standby, onStandby, onPrimary, req, res) : onPrimary;
    return { withPgClient, pgSettings: { role: pgRole, 'jwt.claims.sub': sub, 'jwt.claims.role': role } };
  };
}
