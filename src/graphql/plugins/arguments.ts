/**
 * SQL has no comments on arguments: a function's comment lists them, and each argument gets its line as description. What
 * a mutation answers is described by its type.
 */
import { getNamedType, isInputObjectType, isObjectType, type GraphQLField } from 'postgraphile/graphql';

export const ArgumentsPlugin: GraphileConfig.Plugin = {
  name: 'ArgumentsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      finalize(schema) {
        for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
          for (const field of Object.values(type.getFields())) {
            describeArguments(field);
            field.description ??= getNamedType(field.type).description;
          }
        }
        return schema;
      },
    },
  },
};

/** A mutation's arguments are the fields of its one argument; those that find a row are columns of it. */
function describeArguments({ description, args, type }: GraphQLField<unknown, unknown>): void {
  const lines = new Map(listedArguments(description ?? ''));
  const input = args.find(({ name }) => name === 'input');
  const inputType = input && getNamedType(input.type);
  const rowType = getNamedType(type);
  const columns = isObjectType(rowType) ? rowType.getFields() : {};
  for (const argument of isInputObjectType(inputType) ? Object.values(inputType.getFields()) : args) {
    argument.description ??= lines.get(argument.name) ?? columns[argument.name]?.description;
  }
}

/** Lines such as `- amount: minor units.`, which may go on indented. */
function listedArguments(description: string): [string, string][] {
  const lines = description.matchAll(/^- (\w+): (.*(?:\n {2}.*)*)/gm);
  return [...lines].map(([, name = '', text = '']) => [name, sentence(text.replaceAll(/\s+/g, ' '))]);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
