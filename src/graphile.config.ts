/** The GraphQL API: what PostGraphile makes of the schema `ledger`, and how it is served. */
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import type { Pool } from 'pg';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { identityOf } from './auth.ts';
import { maskError } from './errors.ts';
import { createWithPgClient } from './pg_client.ts';
import { ArgumentsPlugin } from './plugins/arguments.ts';
import { DocumentsPlugin } from './plugins/documents.ts';
import { FiltersPlugin } from './plugins/filters.ts';
import { InputsPlugin } from './plugins/inputs.ts';
import { NoIntrospectionPlugin } from './plugins/introspection.ts';
import { LimitsPlugin, REMEMBERED_DOCUMENTS } from './plugins/limits.ts';
import { NamesPlugin } from './plugins/names.ts';
import { PagingPlugin } from './plugins/paging.ts';
import { createPersistedPreset, type PersistedOptions } from './plugins/persisted.ts';
import { createRuruPlugin } from './plugins/ruru.ts';
import { ScalarsPlugin } from './plugins/scalars.ts';
import { RefusalsPlugin } from './plugins/refusals.ts';
import { statementTimeoutOf } from './timeouts.ts';
import 'postgraphile/grafserv/express/v4';

export interface PresetOptions {
  pool: Pool;
  /** Makes tokens for the IDE at `/`; without it there is no IDE. */
  createRuruToken?: (() => Promise<string>) | undefined;
  /** Whether callers may read the schema. */
  introspection?: boolean;
  /** Documents that callers may name by their hash. */
  persisted?: PersistedOptions | undefined;
}

export function createPreset({
  pool,
  createRuruToken,
  introspection = false,
  persisted,
}: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [
      PostGraphileAmberPreset,
      PgSimplifyInflectionPreset,
      ...(persisted ? [createPersistedPreset(persisted)] : []),
    ],
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
      ...(introspection ? [] : [NoIntrospectionPlugin]),
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
    grafast: { context: createContext(pool) },
    grafserv: {
      graphiql: createRuruToken !== undefined,
      graphiqlOnGraphQLGET: false,
      maskError,
      parseAndValidateCacheSize: REMEMBERED_DOCUMENTS,
    },
  };
}

/** Each request acts with the role and the claims of its token; the ledger's policies do the rest. */
function createContext(pool: Pool): (request: Partial<Grafast.RequestContext>) => Partial<Grafast.Context> {
  const withPgClient = createWithPgClient(pool);
  return ({ expressv4 }) => {
    if (!expressv4) throw new Error('Request without an identity');
    const { role, sub, pgRole } = identityOf(expressv4.res);
    const pgSettings = {
      role: pgRole,
      'jwt.claims.sub': sub,
      'jwt.claims.role': role,
      statement_timeout: statementTimeoutOf(role),
    };
    return { withPgClient, pgSettings };
  };
}
