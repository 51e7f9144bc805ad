/** Types of functions' arguments: rows of composite types and lists. Neither these lists nor those in rows contain null. */
import {
  getNullableType,
  GraphQLList,
  GraphQLNonNull,
  isListType,
  isNonNullType,
  type GraphQLInputType,
  type GraphQLOutputType,
} from 'postgraphile/graphql';
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
        const list = isNonNullType(field.type) ? field.type.ofType : field.type;
        if (!isMutationInput || !isListType(list)) return field;
        const type = listOf(list.ofType);
        return { ...field, type: isNonNullType(field.type) ? new GraphQLNonNull(type) : type };
      },
      GraphQLObjectType_fields_field(field, _build, { scope: { pgFieldAttribute } }) {
        return pgFieldAttribute && isListType(field.type) ? { ...field, type: outputListOf(field.type.ofType) } : field;
      },
      GraphQLObjectType_fields_field_args_arg(arg) {
        const { type } = arg;
        if (isNonNullType(type) && isListType(type.ofType))
          return { ...arg, type: new GraphQLNonNull(listOf(type.ofType.ofType)) };
        return isListType(type) ? { ...arg, type: listOf(type.ofType) } : arg;
      },
    },
  },
};

/** No function accepts null in a list. */
function listOf(item: GraphQLInputType): GraphQLList<GraphQLInputType> {
  return new GraphQLList(new GraphQLNonNull(getNullableType(item)));
}

function outputListOf(item: GraphQLOutputType): GraphQLList<GraphQLOutputType> {
  return new GraphQLList(new GraphQLNonNull(getNullableType(item)));
}
