/** Refuses queries whose answer, or whose planning, multiplies: lists in lists, aliases, fragments in fragments. */
import 'postgraphile/grafserv';
import {
  getNullableType,
  GraphQLError,
  isIntrospectionType,
  isListType,
  isObjectType,
  Kind,
  OperationTypeNode,
} from 'postgraphile/graphql';
import type {
  ASTVisitor,
  FieldNode,
  GraphQLSchema,
  SelectionSetNode,
  ValidationContext,
  ValueNode,
} from 'postgraphile/graphql';
import { DEFAULT_PAGE, MAX_PAGE } from './paging.ts';

/** Objects in the answer, if every list fills its page. */
const MAX_OBJECTS = 25_000;
/** Fields and fragments, counted as often as they are used. An IDE's introspection has a few hundred. */
const MAX_SELECTIONS = 2000;
/** Fields in fields. An IDE's introspection has 15. */
const MAX_DEPTH = 20;
/** Of a list that has no pages: as many receipts as a batch has requests. */
const MAX_UNPAGED = 10_000;

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

/** Where in a query we are: how deep, how many objects this selection is made for, and the page of the list around it. */
interface Place {
  depth: number;
  objects: number;
  page: number;
}

function LimitsRule(context: ValidationContext): ASTVisitor {
  const lists = listFields(context.getSchema());
  let selections = 0;
  let objects = 0;

  /** Its result tells whether to go on: the first error is enough. */
  function walk(selectionSet: SelectionSetNode, place: Place): boolean {
    return selectionSet.selections.every((node) => {
      selections += 1;
      if (selections > MAX_SELECTIONS)
        return refuse(`a query has at most ${MAX_SELECTIONS} fields, fragments spread out`);
      if (node.kind === Kind.INLINE_FRAGMENT) return walk(node.selectionSet, place);
      if (node.kind === Kind.FIELD) return walkField(node, place);
      const fragment = context.getFragment(node.name.value);
      return !fragment || walk(fragment.selectionSet, place);
    });
  }

  function walkField(field: FieldNode, { depth, objects: around, page }: Place): boolean {
    if (!field.selectionSet) return true;
    const name = field.name.value;
    const isPage = name === 'nodes' || name === 'edges';
    const plainSize = lists.plain.get(name);
    const here = around * (isPage ? page : plainSize === undefined ? 1 : pageOf(field, plainSize));
    objects += here;
    if (objects > MAX_OBJECTS) {
      return refuse(
        `a query asks for at most ${MAX_OBJECTS} objects: ask for smaller pages, by number and not by variable`,
      );
    }
    if (depth === MAX_DEPTH) return refuse(`a query is at most ${MAX_DEPTH} fields deep`);
    return walk(field.selectionSet, {
      depth: depth + 1,
      objects: here,
      page: lists.paged.has(name) ? pageOf(field, DEFAULT_PAGE) : 1,
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
      else walk(selectionSet, { depth: 1, objects: 1, page: 1 });
    },
  };
}

/** A page that is given both sizes is refused later, and must not make room for others here: it counts as the larger. */
function pageOf({ arguments: args = [] }: FieldNode, otherwise: number): number {
  const sizes = args
    .filter(({ name, value }) => (name.value === 'first' || name.value === 'last') && value.kind !== Kind.NULL)
    .map(({ value }) => sizeOf(value));
  return sizes.length > 0 ? Math.max(...sizes) : otherwise;
}

/** A variable's value is not known yet: it counts as the most that it can be, as does a size that is none. */
function sizeOf(value: ValueNode): number {
  const size = value.kind === Kind.INT ? Number(value.value) : MAX_PAGE;
  return size >= 0 && size <= MAX_PAGE ? size : MAX_PAGE;
}

/** The fields that are read a page at a time, and those that are lists themselves with what they hold where no size is given. */
function listFields(schema: GraphQLSchema): { paged: Set<string>; plain: Map<string, number> } {
  const paged = new Set<string>();
  const plain = new Map<string, number>();
  const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type));
  for (const { name, args, type } of types.filter(isObjectType).flatMap((type) => Object.values(type.getFields()))) {
    const hasSize = args.some((arg) => arg.name === 'first');
    if (!isListType(getNullableType(type))) {
      if (hasSize) paged.add(name);
    } else if (name !== 'nodes' && name !== 'edges') plain.set(name, hasSize ? MAX_PAGE : MAX_UNPAGED);
  }
  return { paged, plain };
}
