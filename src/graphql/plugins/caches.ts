/** Limits how many documents and plans are cached. */
import 'postgraphile/graphile-build';

/**
 * The most recently used documents. The largest has a syntax tree of 2 MB and plans of 4 MB each; a document has a plan for each
 * combination of its conditions.
 */
export const REMEMBERED_DOCUMENTS = 100;
const REMEMBERED_PLANS = 4;

export const CachesPlugin: GraphileConfig.Plugin = {
  name: 'CachesPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLSchema(config) {
        const { extensions } = config;
        const grafast = {
          ...extensions?.grafast,
          operationsCacheMaxLength: REMEMBERED_DOCUMENTS,
          operationOperationPlansCacheMaxLength: REMEMBERED_PLANS,
        };
        return { ...config, extensions: { ...extensions, grafast } };
      },
    },
  },
};
