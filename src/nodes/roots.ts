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
  const roots = new Map<string, Root>();

  function collect({ selections }: SelectionSetNode): void {
    for (const node of selections) {
      if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if === true) continue;
      if (getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if === false) continue;
      if (node.kind === Kind.FIELD) add(node);
      else if (node.kind === Kind.INLINE_FRAGMENT) collect(node.selectionSet);
      else
        for (const fragment of document.definitions)
          if (fragment.kind === Kind.FRAGMENT_DEFINITION && fragment.name.value === node.name.value)
            collect(fragment.selectionSet);
    }
  }

  function add(node: FieldNode): void {
    const name = node.name.value;
    const key = node.alias?.value ?? name;
    const known = roots.get(key);
    if (known) {
      known.fields.push(node);
      return;
    }
    const { input, ...args }: Given = fields?.[name] ? getArgumentValues(fields[name], node, variables) : {};
    const given = typeof input === 'object' ? { ...args, ...input } : args;
    roots.set(key, { key, name, fields: [node], given, wallets: walletsIn(name, given) });
  }

  try {
    collect(operation.selectionSet);
    return [...roots.values()];
  } catch {
    return [];
  }
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
