/** Comments in SQL begin and end with an empty line; as descriptions in GraphQL they should not. */
export const DescriptionsPlugin: GraphileConfig.Plugin = {
  name: 'DescriptionsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType: trim,
      GraphQLObjectType_fields_field: trim,
    },
  },
};

function trim<T extends { description?: string | null | undefined }>(spec: T): T {
  return spec.description ? { ...spec, description: spec.description.trim() } : spec;
}
