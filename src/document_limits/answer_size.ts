/** Refuses queries whose answer or plan multiplies: lists in lists, aliases, fragments in fragments. */
import 'postgraphile/grafserv';
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isObjectType,
  Kind,
} from 'postgraphile/graphql';
import type {
  ASTVisitor,
  FieldNode,
  FragmentDefinitionNode,
  GraphQLNamedType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
  ValidationContext,
  ValueNode,
} from 'postgraphile/graphql';
import { DEFAULT_PAGE, MAX_PAGE } from '../graphql/plugins/paging.ts';
import { badRequest } from '../graphql/plugins/refusals.ts';

/** Sizes of a document, and their limits; each use of a fragment counts. */
interface Counts {
  selections: number;
  /** Data fields with subfields. Planning takes about a millisecond for each. */
  nested: number;
  /** Each alias may be another call of a mutation, with a transaction of its own. */
  aliases: number;
  /** Objects in the answer if every list fills its page. */
  objects: number;
}

/** Enough for fifty calls in one request, each with its receipt; for more, use a batch. */
const LIMITS: Readonly<Counts> = { selections: 2000, nested: 100, aliases: 50, objects: 25_000 };
/** Levels of fields. An IDE's introspection has 15 and needs no plan. */
const MAX_DEPTH = 12;
const MAX_INTROSPECTION_DEPTH = 20;
const INTROSPECTION = ['__schema', '__type'];
/** The arguments that limit a list. */
const SIZES = ['first', 'last', 'limit'];
/** The limit for a list without pages: a batch has at most so many receipts. */
const MAX_UNPAGED = 10_000;

const REFUSALS: Readonly<Record<keyof Counts, (most: number) => string>> = {
  selections: (most) => `a query has at most ${most} fields, fragments spread out`,
  nested: (most) => `a query has at most ${most} fields that have fields, fragments spread out`,
  aliases: (most) => `a query has at most ${most} aliases, fragments spread out: many calls are a batch`,
  objects: (most) => `a query asks for at most ${most} objects: ask for smaller pages, by number and not by variable`,
};

export const AnswerSizePlugin: GraphileConfig.Plugin = {
  name: 'AnswerSizePlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      setPreset(next, { validationRules }) {
        validationRules.push(AnswerSizeRule);
        return next();
      },
    },
  },
};

/**
 * The paged fields, and the plain lists with their default size. The keys are `Type.field`, since a field name may be a different kind of
 * list in another type.
 */
interface Lists {
  paged: Set<string>;
  plain: Map<string, number>;
}

/** A position in a query: its depth, how many objects the selection is made for, and the page size of the list around it. */
interface Place {
  isIntrospection: boolean;
  depth: number;
  objects: number;
  page: number;
  /** Undefined for an unknown field, which other rules refuse. */
  type: GraphQLNamedType | undefined;
}

/** Runs before the other rules and ends the validation: some of them need quadratic time. */
function AnswerSizeRule(context: ValidationContext): ASTVisitor {
  const schema = context.getSchema();
  const lists = listsOf(schema);

  function walkDefinition(definition: OperationDefinitionNode | FragmentDefinitionNode): void {
    const counts: Counts = { selections: 0, nested: 0, aliases: 0, objects: 0 };
    const type = typeOf(definition);
    // A fragment on a type such as __Type belongs to introspection.
    walk(definition.selectionSet, start(type?.name.startsWith('__') === true, type));

    function count(what: keyof Counts, by = 1): void {
      counts[what] += by;
      if (counts[what] > LIMITS[what]) throw badRequest(REFUSALS[what](LIMITS[what]));
    }

    function walk(set: SelectionSetNode, place: Place): void {
      for (const node of set.selections) {
        count('selections');
        if (node.kind === Kind.INLINE_FRAGMENT) {
          const { typeCondition } = node;
          walk(node.selectionSet, typeCondition ? { ...place, type: schema.getType(typeCondition.name.value) } : place);
        } else if (node.kind === Kind.FIELD) {
          walkField(node, INTROSPECTION.includes(node.name.value) ? start(true, place.type) : place);
        } else {
          const fragment = context.getFragment(node.name.value);
          if (fragment) walk(fragment.selectionSet, { ...place, type: typeOf(fragment) });
        }
      }
    }

    function walkField(field: FieldNode, place: Place): void {
      const { isIntrospection, depth } = place;
      const deepest = isIntrospection ? MAX_INTROSPECTION_DEPTH : MAX_DEPTH;
      if (depth > deepest) throw badRequest(`a query is at most ${deepest} fields deep`);
      if (field.alias) count('aliases');
      if (!field.selectionSet) return;
      const objects = objectsOf(field, place, lists);
      const type = typeOfField(field, place);
      count('objects', objects * weightOf(field, place, type));
      if (!isIntrospection) count('nested');
      const page = lists.paged.has(nameOf(field, place)) ? pageOf(field, DEFAULT_PAGE) : 1;
      walk(field.selectionSet, { isIntrospection, depth: depth + 1, objects, page, type });
    }

    function typeOf(node: OperationDefinitionNode | FragmentDefinitionNode): GraphQLNamedType | undefined {
      return node.kind === Kind.FRAGMENT_DEFINITION
        ? schema.getType(node.typeCondition.name.value)
        : (schema.getRootType(node.operation) ?? undefined);
    }

    function typeOfField(field: FieldNode, { type }: Place): GraphQLNamedType | undefined {
      const name = field.name.value;
      if (INTROSPECTION.includes(name)) return schema.getType(name === '__schema' ? '__Schema' : '__Type');
      if (!isObjectType(type) && !isInterfaceType(type)) return undefined;
      const found = type.getFields()[name];
      return found && getNamedType(found.type);
    }
  }

  return {
    Document({ definitions }) {
      for (const definition of definitions) {
        // Fragments too: other rules also look at unused ones.
        if ('selectionSet' in definition) walkDefinition(definition);
      }
    },
  };
}

function start(isIntrospection: boolean, type: GraphQLNamedType | undefined): Place {
  return { isIntrospection, depth: 1, objects: 1, page: 1, type };
}

function nameOf({ name }: FieldNode, { type }: Place): string {
  return `${type?.name ?? ''}.${name.value}`;
}

function objectsOf(field: FieldNode, place: Place, lists: Lists): number {
  const { objects: around, page } = place;
  const name = field.name.value;
  if (name === 'nodes' || name === 'edges') return around * page;
  const plainSize = lists.plain.get(nameOf(field, place));
  return around * (plainSize === undefined ? 1 : pageOf(field, plainSize));
}

/**
 * An outcome has a receipt or a refusal, never both: it counts as two objects, which include the field inside it unless that has an alias.
 */
function weightOf({ alias }: FieldNode, place: Place, type: GraphQLNamedType | undefined): number {
  if (type?.name === 'Outcome') return 2;
  return place.type?.name === 'Outcome' && !alias ? 0 : 1;
}

/** A page with both sizes is refused later. It counts as the larger, so that a small size cannot hide a large one. */
function pageOf({ arguments: args = [] }: FieldNode, otherwise: number): number {
  const sizes = args
    .filter(({ name, value }) => SIZES.includes(name.value) && value.kind !== Kind.NULL)
    .map(({ value }) => sizeOf(value));
  return sizes.length > 0 ? Math.max(...sizes) : otherwise;
}

/** A variable's value is unknown here: it counts as the maximum, and so does an invalid size. */
function sizeOf(value: ValueNode): number {
  const size = value.kind === Kind.INT ? Number(value.value) : MAX_PAGE;
  return size >= 0 && size <= MAX_PAGE ? size : MAX_PAGE;
}

function listsOf(schema: GraphQLSchema): Lists {
  const paged = new Set<string>();
  const plain = new Map(introspectionLists(schema));
  const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type));
  for (const parent of types.filter(isObjectType)) {
    for (const { name, args, type } of Object.values(parent.getFields())) {
      const key = `${parent.name}.${name}`;
      const hasSize = args.some((arg) => arg.name === 'first');
      const hasLimit = args.some((arg) => arg.name === 'limit');
      if (!isListType(getNullableType(type))) {
        if (hasSize) paged.add(key);
      } else if (name !== 'nodes' && name !== 'edges') {
        plain.set(key, hasLimit ? DEFAULT_PAGE : hasSize ? MAX_PAGE : MAX_UNPAGED);
      }
    }
  }
  return { paged, plain };
}

/** The average lengths of introspection's lists: nested lists grow with the schema. */
function introspectionLists(schema: GraphQLSchema): [string, number][] {
  const types = Object.values(schema.getTypeMap());
  const fields = types.filter(isObjectType).flatMap((type) => Object.values(type.getFields()));
  const inputs = types.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields()));
  const args = fields.flatMap((field) => field.args).length / fields.length;
  return [
    ['__Schema.types', types.length],
    ['__Schema.directives', schema.getDirectives().length],
    ['__Type.fields', fields.length / types.length],
    ['__Type.inputFields', inputs.length / types.length],
    ['__Type.enumValues', types.filter(isEnumType).flatMap((type) => type.getValues()).length / types.length],
    ['__Field.args', args],
    ['__Directive.args', args],
  ];
}
