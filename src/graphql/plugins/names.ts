/** GraphQL names and types that follow the SQL ones, so that a name means the same in both. */
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
      // Transaction ids, positions in the ledger, have a type that PostGraphile does not know.
      pgCodecs_findPgCodec(_info, event) {
        if (event.pgType.typname === 'xid8') event.pgCodec ??= TYPES.bigint;
      },
      // The database enforces a domain's range; GraphQL shows the underlying type.
      pgCodecs_attribute(_info, event) {
        const { attribute } = event as { attribute: { codec: Codec } };
        attribute.codec = attribute.codec.domainOfCodec ?? attribute.codec;
      },
    },
  },
  inflection: {
    replace: {
      // There are no opaque node ids, so a row's `id` needs no other name.
      _attributeName(previous, _preset, details) {
        return previous?.({ ...details, skipRowId: true }) ?? details.attributeName;
      },
      enumValue(_previous, _preset, value) {
        return value;
      },
    },
  },
};
