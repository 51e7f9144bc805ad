/** What functions are given: rows of composite types, and lists of them. */
import { GraphQLList, GraphQLNonNull, isInputObjectType, isListType, isNonNullType } from 'postgraphile/graphql';
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
        // No call asks for nothing.
        if (!isMutationInput || !isListType(list) || !isInputObjectType(list.ofType)) return field;
        return { ...field, type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(list.ofType))) };
      },
    },
  },
};
