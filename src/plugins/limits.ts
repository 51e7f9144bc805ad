/** Refuses queries whose answer, or whose planning, multiplies: thousands of rows times thousands, fragments in fragments. */
import 'postgraphile/grafserv';
import { GraphQLError, isObjectType, Kind, OperationTypeNode } from 'postgraphile/graphql';
import type { ASTVisitor, GraphQLSchema, SelectionSetNode, ValidationContext } from 'postgraphile/graphql';

/** Fields and fragments, counted as often as they are used. An IDE's introspection has a few hundred. */
const MAX_SELECTIONS = 2000;

export const LimitsPlugin: GraphileConfig.Plugin = {
  name: 'LimitsPlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      setPreset(next, { validationRules }) {
        validationRules.push(LimitsRule);
        return next();
      },
    },
  },
};

function LimitsRule(context: ValidationContext): ASTVisitor {
  const lists = listFields(context.getSchema());
  let count = 0;

  /** `inside`: the lists around. Its result tells whether to go on: the first error is enough. */
  function walk({ selections }: SelectionSetNode, inside: readonly string[]): boolean {
    return selections.every((node) => {
      count += 1;
      if (count > MAX_SELECTIONS) return refuse(`a query has at most ${MAX_SELECTIONS} fields, fragments spread out`);
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = context.getFragment(node.name.value);
        return !fragment || walk(fragment.selectionSet, inside);
      }
      if (node.kind === Kind.INLINE_FRAGMENT) return walk(node.selectionSet, inside);
      const name = node.name.value;
      if (inside.includes(name)) return refuse(`"${name}" cannot be read inside itself`);
      return !node.selectionSet || walk(node.selectionSet, lists.has(name) ? [...inside, name] : inside);
    });
  }

  function refuse(message: string): false {
    context.reportError(new GraphQLError(message));
    return false;
  }

  return {
    OperationDefinition({ operation, selectionSet }) {
      // GraphQL's own rules let it pass although the schema has none.
      if (operation === OperationTypeNode.SUBSCRIPTION) refuse('there are no subscriptions');
      else walk(selectionSet, []);
    },
  };
}

/** The fields that are read a page at a time. */
function listFields(schema: GraphQLSchema): Set<string> {
  const fields = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()));
  return new Set(fields.filter(({ args }) => args.some(({ name }) => name === 'first')).map(({ name }) => name));
}
