/**
 * Describes arguments. SQL has no comments on arguments, so a function's comment lists them, and each line becomes the description of its
 * argument. A mutation's payload has the description of its type.
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

/** A mutation's arguments are fields of its `input`. Arguments that find a row take the description of its column. */
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

/** Finds lines such as `- amount: minor units.`, with their indented continuation. */
function listedArguments(description: string): [string, string][] {
  const lines = description.matchAll(/^- (\w+): (.*(?:\n {2}.*)*)/gm);
  return [...lines].map(([, name = '', text = '']) => [name, sentence(text.replaceAll(/\s+/g, ' '))]);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
