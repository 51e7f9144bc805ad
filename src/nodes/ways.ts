/** How each root field is answered: on the node of its wallets, on all nodes, or on one that the request names. */
import { GraphQLError, type ExecutionResult } from 'postgraphile/graphql';
import type { Ranges } from './ranges.ts';
import type { Root } from './roots.ts';
import type { Run, Way } from './split.ts';

/** Names the node that is to answer a request: for what each has for itself. */
export const HEADER = 'Wallet-Node';
/** The same on all nodes. */
const COMMON = ['__typename', '__schema', '__type', 'assets'];
/** Has to be done on all nodes; doing it twice changes nothing. */
const EVERYWHERE = ['assetCreate', 'assetSet', 'assetLimitSet'];
const TAKE_A_WALLET = ['walletId', 'fromWallet', 'ownerId', 'ownerIds', 'requests'];

export function nameOne(names: readonly string[]): string {
  return `name one of ${names.join(', ')} in the header ${HEADER}`;
}

export function wayOf(ranges: Ranges, root: Root): Way {
  const { name, given, wallets } = root;
  const [first = ''] = ranges.names;
  const nodes = [...new Set(wallets.map((id) => ranges.nodeOf(id)))];
  const [node = first, ...others] = nodes;
  if (others.length > 0)
    return { answer: () => refused(root, `the wallets of ${name} are on several nodes: ${nodes.join(', ')}`) };
  if (EVERYWHERE.includes(name)) return { answer: (run) => everywhere(ranges, root, run) };
  // What is no wallet's id is refused there.
  const takesWallet = name === 'wallet' || TAKE_A_WALLET.some((arg) => given[arg] !== undefined && given[arg] !== null);
  if (takesWallet || COMMON.includes(name)) return { node };
  return {
    answer: () => refused(root, `each node has its own ${name}: ${nameOne(ranges.names)}`),
  };
}

function refused({ key, fields }: Root, message: string): Promise<ExecutionResult> {
  const error = new GraphQLError(`invalid argument: ${message}`, {
    nodes: fields,
    path: [key],
    extensions: { code: 'INVALID_ARGUMENT' },
  });
  return Promise.resolve({ data: { [key]: null }, errors: [error] });
}

/** One after the other: what the first one refuses, no other is asked for. */
async function everywhere({ names }: Ranges, root: Root, run: Run): Promise<ExecutionResult> {
  let result: ExecutionResult = {};
  for (const node of names) {
    result = await run(node, [root]);
    if (result.errors) break;
  }
  return result;
}
