/** GraphQL names and types that follow the SQL ones, so that a word means the same at every door. */
import { TYPES } from 'postgraphile/@dataplan/pg';
import 'postgraphile/graphile-build-pg';

interface Codec {
  domainOfCodec?: Codec;
}

export const NamesPlugin: GraphileConfig.Plugin = {
  name: 'NamesPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      // The ids of transactions, of which PostGraphile knows nothing: positions within the ledger.
      pgCodecs_findPgCodec(_info, event) {
        if (event.pgType.typname === 'xid8') event.pgCodec ??= TYPES.bigint;
      },
      // What a number may be is the database's rule. To callers it is a number, not a type of its own.
      pgCodecs_attribute(_info, event) {
        const { attribute } = event as { attribute: { codec: Codec } };
        attribute.codec = attribute.codec.domainOfCodec ?? attribute.codec;
      },
    },
  },
  inflection: {
    replace: {
      // A row's id is its UUID; there are no opaque node ids to tell it from.
      _attributeName(previous, _preset, details) {
        return previous?.({ ...details, skipRowId: true }) ?? details.attributeName;
      },
      enumValue(_previous, _preset, value) {
        return value;
      },
    },
  },
};
