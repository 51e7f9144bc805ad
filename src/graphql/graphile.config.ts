/** The GraphQL API: what PostGraphile derives from the schema `ledger`, and how it is served. */
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { createContext, type CreateContext, type Sources } from './context.ts';
import { maskError } from '../errors.ts';
import { ArgumentsPlugin } from './plugins/arguments.ts';
import { CachesPlugin, REMEMBERED_DOCUMENTS } from './plugins/caches.ts';
import { InputsPlugin } from './plugins/inputs.ts';
import { NamesPlugin } from './plugins/names.ts';
import { RequestFactsPlugin } from './plugins/request_facts.ts';
import { OutcomesPlugin } from './plugins/outcomes.ts';
import { PagingPlugin } from './plugins/paging.ts';
import { ScalarsPlugin } from './plugins/scalars.ts';
import { RefusalsPlugin } from './plugins/refusals.ts';
import 'postgraphile/grafserv/express/v4';

export interface PresetOptions extends Sources {
  hasIde?: boolean;
  /** Instead of one made from the sources. */
  context?: CreateContext | undefined;
  /** Those of the optional modules. */
  presets?: readonly GraphileConfig.Preset[];
  plugins?: readonly GraphileConfig.Plugin[];
}

export function createPreset({
  hasIde = false,
  presets = [],
  plugins = [],
  context,
  ...sources
}: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, ...presets],
    plugins: [
      // First, so that it sees the errors that other plugins add.
      RequestFactsPlugin,
      NamesPlugin,
      ArgumentsPlugin,
      InputsPlugin,
      ScalarsPlugin,
      PagingPlugin,
      CachesPlugin,
      RefusalsPlugin,
      OutcomesPlugin,
      ...plugins,
    ],
    disablePlugins: [
      'NodePlugin',
      // Counting a list would read all of it.
      'PgConnectionTotalCountPlugin',
      // Fields that only some clients' conventions need.
      'QueryQueryPlugin',
      'PgMutationPayloadEdgePlugin',
    ],
    pgServices: [makePgService({ pool: sources.pool, schemas: ['ledger', 'webhook'], pubsub: false })],
    gather: { pgStrictFunctions: true },
    schema: {
      // Only functions write.
      defaultBehavior: '-resource:insert -resource:update -resource:delete',
      dontSwallowErrors: true,
      // The set-returning functions return no null rows.
      pgForbidSetofFunctionsToReturnNull: true,
      sortExport: true,
    },
    grafast: { context: context ?? createContext(sources) },
    grafserv: {
      graphiql: hasIde,
      graphiqlPath: '/ruru',
      graphiqlOnGraphQLGET: false,
      maskError,
      parseAndValidateCacheSize: REMEMBERED_DOCUMENTS,
    },
  };
}
