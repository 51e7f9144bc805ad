/** The ids of transactions, of which PostGraphile knows nothing: positions within the ledger, which no type of the schema shows. */
import { TYPES } from 'postgraphile/@dataplan/pg';
import 'postgraphile/graphile-build-pg';

export const PositionsPlugin: GraphileConfig.Plugin = {
  name: 'PositionsPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgCodecs_findPgCodec(_info, event) {
        if (event.pgType.typname === 'xid8') event.pgCodec ??= TYPES.bigint;
      },
    },
  },
};
