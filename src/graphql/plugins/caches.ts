/** How many documents are kept with their plans. */
import 'postgraphile/graphile-build';

/** Those last used. The largest has 2 MB of syntax tree, and 4 MB for each plan: with one more for each set of its conditions. */
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
