/** What functions are given: rows of composite types, and lists of them. */
import { getNullableType, GraphQLList, GraphQLNonNull, isListType, isNonNullType } from 'postgraphile/graphql';
import 'postgraphile/graphile-build-pg';

export const InputsPlugin: GraphileConfig.Plugin = {
  name: 'InputsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLInputObjectType(type, _build, { scope: { isPgRowType, pgCodec } }) {
        return isPgRowType && pgCodec?.description ? { ...type, description: pgCodec.description } : type;
      },
      GraphQLInputObjectType_fields_field(field, _build, { scope: { isMutationInput } }) {
        const list = isNonNullType(field.type) ? field.type.ofType : undefined;
        // No function of a mutation takes a null in a list.
        if (!isMutationInput || !isListType(list)) return field;
        const item = getNullableType(list.ofType);
        return { ...field, type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(item))) };
      },
    },
  },
};
