/** The root fields of an operation, and the wallets that each is about. */
import {
  getArgumentValues,
  getDirectiveValues,
  getOperationAST,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  Kind,
  valueFromASTUntyped,
  type ExecutionArgs,
  type FieldNode,
  type GraphQLOutputType,
  type SelectionSetNode,
} from 'postgraphile/graphql';
import { isUuid } from '../values.ts';
import { walletIdOf } from './file.ts';

type Given = Record<string, unknown>;

export interface Root {
  /** In the answer. */
  key: string;
  name: string;
  fields: FieldNode[];
  /** Its arguments, and those in its input. */
  given: Given;
  wallets: readonly string[];
  type: GraphQLOutputType | undefined;
  /** What is asked for in these, by its key in the answer. */
  selected: (parents: readonly FieldNode[]) => Map<string, FieldNode[]>;
}

/** In the order of the answer; none where the request will be refused as it is. */
export function rootsOf({ schema, document, operationName, variableValues }: ExecutionArgs): Root[] {
  const operation = getOperationAST(document, operationName);
  const fields = operation && schema.getRootType(operation.operation)?.getFields();
  if (!fields) return [];
  const variables: Given = { ...variableValues };
  for (const { variable, defaultValue } of operation.variableDefinitions ?? [])
    if (defaultValue && variables[variable.name.value] === undefined)
      variables[variable.name.value] = valueFromASTUntyped(defaultValue);
  function collect({ selections }: SelectionSetNode, found = new Map<string, FieldNode[]>()): Map<string, FieldNode[]> {
    for (const node of selections) {
      if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if === true) continue;
      if (getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if === false) continue;
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        found.set(key, [...(found.get(key) ?? []), node]);
      } else if (node.kind === Kind.INLINE_FRAGMENT) collect(node.selectionSet, found);
      else
        for (const fragment of document.definitions)
          if (fragment.kind === Kind.FRAGMENT_DEFINITION && fragment.name.value === node.name.value)
            collect(fragment.selectionSet, found);
    }
    return found;
  }

  const selected: Root['selected'] = (parents) => {
    const found = new Map<string, FieldNode[]>();
    for (const { selectionSet } of parents) if (selectionSet) collect(selectionSet, found);
    return found;
  };

  try {
    return [...collect(operation.selectionSet)].map(([key, nodes]) => {
      const [node] = nodes;
      const name = node?.name.value ?? '';
      const field = fields[name];
      const { input, ...args }: Given = node && field ? getArgumentValues(field, node, variables) : {};
      const given = typeof input === 'object' ? { ...args, ...input } : args;
      return { key, name, fields: nodes, given, wallets: walletsIn(name, given), type: field?.type, selected };
    });
  } catch {
    return [];
  }
}

/** An answer in which some values are others; undefined leaves a value. */
export function replaced(
  { selected }: Root,
  shown: unknown,
  parents: readonly FieldNode[],
  instead: (name: string, key: string, nodes: readonly FieldNode[], value: unknown) => unknown,
): Record<string, unknown> {
  const fields = selected(parents);
  return Object.fromEntries(
    Object.entries(shown as object).map(([key, value]: [string, unknown]) => {
      const nodes = fields.get(key) ?? [];
      const found = instead(nodes[0]?.name.value ?? '', key, nodes, value);
      return [key, found === undefined ? value : found];
    }),
  );
}

/** What a call acts on: for a transfer that is the sender's. */
export function walletsIn(name: string, given: Given): string[] {
  const { walletId, fromWallet, ownerId, ownerIds, assetCode, requests } = given;
  const own = walletId ?? fromWallet ?? (name === 'wallet' ? given.id : undefined) ?? derived(ownerId, assetCode);
  if (own !== undefined) return isUuid(own) ? [own] : [];
  const many = Array.isArray(ownerIds)
    ? ownerIds.map((owner) => derived(owner, assetCode))
    : Array.isArray(requests)
      ? requests.map((request) => (request as Given | null)?.walletId)
      : [];
  return many.every(isUuid) ? many : [];
}

function derived(ownerId: unknown, assetCode: unknown): string | undefined {
  return typeof ownerId === 'string' && typeof assetCode === 'string' ? walletIdOf(ownerId, assetCode) : undefined;
}
