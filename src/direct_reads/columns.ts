/** Decides which documents can be answered without a plan, and which columns their rows have. */
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  OperationTypeNode,
  type ExecutionArgs,
  type FieldNode,
  type GraphQLNamedType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'postgraphile/graphql';

export interface Column {
  name: string;
  type: GraphQLNamedType;
  mayBeNull: boolean;
  /** For a list: the columns of its rows, and the maximum number of rows. */
  nodes?: { columns: readonly Column[]; most: number };
}

/** The arguments of the document's one field, all of them variables, and the columns of its row. */
export interface Read {
  given: readonly { arg: string; variable: string }[];
  columns: readonly Column[];
}

/** Types whose values are returned as PostgreSQL writes them. */
const SHOWN = ['BigInt', 'Datetime', 'String', 'UUID'];
const VARIABLE = 'UUID';
const KEY = 'id';
const MOST_NODES = 100;

/** Undefined if the document asks for more than a row, its values, and lists of rows with values, or asks in an unusual way. */
export function readOf({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode): Read | undefined {
  const { variableDefinitions = [], directives = [], selectionSet } = operation;
  const [root, ...others] = selectionSet.selections;
  const isQuery = operation.operation === OperationTypeNode.QUERY && document.definitions.length === 1;
  if (!isQuery || directives.length > 0 || root?.kind !== Kind.FIELD || others.length > 0) return undefined;
  const areUsual = variableDefinitions.every(
    ({ type, defaultValue, directives: own = [] }) =>
      type.kind === Kind.NON_NULL_TYPE &&
      type.type.kind === Kind.NAMED_TYPE &&
      type.type.name.value === VARIABLE &&
      !defaultValue &&
      own.length === 0,
  );
  const given = (root.arguments ?? []).flatMap(({ name, value }) =>
    value.kind === Kind.VARIABLE ? [{ arg: name.value, variable: value.name.value }] : [],
  );
  const areGiven = given.length === root.arguments?.length && given.length === variableDefinitions.length;
  const field = schema.getQueryType()?.getFields()[root.name.value];
  if (!areUsual || !areGiven || root.directives?.length || !field) return undefined;
  if (isListType(getNullableType(field.type))) return undefined;
  const type = getNamedType(field.type);
  const columns = columnsOf(root.selectionSet, type, true);
  return columns && { given, columns: inOrder(columns, type) };
}

function columnsOf(
  set: SelectionSetNode | undefined,
  type: GraphQLNamedType | undefined,
  mayHaveLists: boolean,
): Column[] | undefined {
  if (!isObjectType(type)) return undefined;
  const columns: Column[] = [];
  for (const node of set?.selections ?? []) {
    if (node.kind !== Kind.FIELD || node.directives?.length) return undefined;
    const name = node.name.value;
    if (name === '__typename') continue;
    const column = node.selectionSet ? mayHaveLists && listOf(node, type) : valueOf(node, type);
    // Grafast may merge a repeated field into one column.
    if (!column || columns.some((other) => other.name === name)) return undefined;
    columns.push(column);
  }
  return columns;
}

function valueOf({ name, arguments: args = [] }: FieldNode, parent: GraphQLNamedType): Column | undefined {
  const field = isObjectType(parent) ? parent.getFields()[name.value] : undefined;
  if (!field || args.length > 0 || isListType(getNullableType(field.type))) return undefined;
  const type = getNamedType(field.type);
  const isShown = isEnumType(type) || SHOWN.includes(type.name);
  return isShown ? { name: name.value, type, mayBeNull: !isNonNullType(field.type) } : undefined;
}

/** Accepts `entries(first: 20) { nodes { … } }`. */
function listOf({ name, arguments: args = [], selectionSet }: FieldNode, parent: GraphQLNamedType): Column | undefined {
  const [first, ...otherArgs] = args;
  const [nodes, ...otherFields] = selectionSet?.selections ?? [];
  if (first?.name.value !== 'first' || first.value.kind !== Kind.INT || otherArgs.length > 0) return undefined;
  if (nodes?.kind !== Kind.FIELD || nodes.name.value !== 'nodes' || nodes.directives?.length || otherFields.length > 0)
    return undefined;
  const type = typeOf(parent, name.value);
  const columns = columnsOf(nodes.selectionSet, typeOf(type, 'nodes'), false);
  const most = Number(first.value.value);
  if (!type || !columns || most > MOST_NODES) return undefined;
  return { name: name.value, type, mayBeNull: false, nodes: { columns, most } };
}

/** Lists come last. The first list needs the row's id, unless a field before it has it. */
function inOrder(columns: readonly Column[], type: GraphQLNamedType): readonly Column[] {
  const first = columns.findIndex(({ nodes }) => nodes);
  const keyType = typeOf(type, KEY);
  if (first < 0 || !keyType) return columns;
  const before = columns.slice(0, first);
  const after = columns.slice(first).filter(({ name }) => name !== KEY);
  const key = before.some(({ name }) => name === KEY) ? [] : [{ name: KEY, type: keyType, mayBeNull: false }];
  return [...before, ...key, ...after.filter(({ nodes }) => !nodes), ...after.filter(({ nodes }) => nodes)];
}

function typeOf(parent: GraphQLNamedType | undefined, name: string): GraphQLNamedType | undefined {
  const field = isObjectType(parent) ? parent.getFields()[name] : undefined;
  return field && getNamedType(field.type);
}
