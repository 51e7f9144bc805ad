/** The GraphQL API: what PostGraphile makes of the schema `ledger`, and how it is served. */
import { PgSimplifyInflectionPreset } from '@graphile/simplify-inflection';
import { makePgService } from 'postgraphile/adaptors/pg';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { createContext, type Sources } from './context.ts';
import { maskError } from '../errors.ts';
import { ArgumentsPlugin } from './plugins/arguments.ts';
import { CachesPlugin, REMEMBERED_DOCUMENTS } from './plugins/caches.ts';
import { FiltersPlugin } from './plugins/filters.ts';
import { FlowsPlugin } from './plugins/flows.ts';
import { createHotPlugin, type LearnRead } from './plugins/hot.ts';
import { InputsPlugin } from './plugins/inputs.ts';
import { NoIntrospectionPlugin } from './plugins/introspection.ts';
import { ListsPlugin } from './plugins/lists.ts';
import { NamesPlugin } from './plugins/names.ts';
import { RequestFactsPlugin } from './plugins/request_facts.ts';
import { OutcomesPlugin } from './plugins/outcomes.ts';
import { PagingPlugin } from './plugins/paging.ts';
import { PositionsPlugin } from './plugins/positions.ts';
import { ScalarsPlugin } from './plugins/scalars.ts';
import { RefusalsPlugin } from './plugins/refusals.ts';
import 'postgraphile/grafserv/express/v4';

export interface PresetOptions extends Sources {
  /** For the IDE at `/ruru`; without it there is no IDE. */
  idePlugin?: GraphileConfig.Plugin | undefined;
  /** Whether callers may read the schema. */
  introspection?: boolean;
  /** Finds out which queries need no plan; without it all have one. */
  learnRead?: LearnRead | undefined;
  /** What is optional. */
  presets?: readonly GraphileConfig.Preset[];
  plugins?: readonly GraphileConfig.Plugin[];
}

export function createPreset({
  idePlugin,
  introspection = false,
  learnRead,
  presets = [],
  plugins = [],
  ...sources
}: PresetOptions): GraphileConfig.Preset {
  return {
    extends: [PostGraphileAmberPreset, PgSimplifyInflectionPreset, ...presets],
    plugins: [
      // Before all others: it then sees what they make of an answer.
      RequestFactsPlugin,
      NamesPlugin,
      ArgumentsPlugin,
      InputsPlugin,
      ScalarsPlugin,
      PagingPlugin,
      PositionsPlugin,
      FiltersPlugin,
      ListsPlugin,
      CachesPlugin,
      RefusalsPlugin,
      OutcomesPlugin,
      FlowsPlugin,
      ...(introspection ? [] : [NoIntrospectionPlugin]),
      ...plugins,
      ...(idePlugin ? [idePlugin] : []),
      // After all others that look at a request: it answers some in place of a plan.
      createHotPlugin(learnRead),
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
    pgServices: [makePgService({ pool: sources.pool, schemas: ['ledger'], pubsub: false })],
    gather: { pgStrictFunctions: true },
    schema: {
      // Only functions write.
      defaultBehavior: '-resource:insert -resource:update -resource:delete',
      dontSwallowErrors: true,
      // They return rows.
      pgForbidSetofFunctionsToReturnNull: true,
      sortExport: true,
    },
    grafast: { context: createContext(sources) },
    grafserv: {
      graphiql: idePlugin !== undefined,
      graphiqlPath: '/ruru',
      graphiqlOnGraphQLGET: false,
      maskError,
      parseAndValidateCacheSize: REMEMBERED_DOCUMENTS,
    },
  };
}
