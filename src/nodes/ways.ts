/** How each root field is answered: on the node of its wallets, on all nodes, or on one that the request names. */
import type { ExecutionResult } from 'postgraphile/graphql';
import { mayBeRepeated } from '../errors.ts';
import { dividedAnswer, isDivided } from './divided.ts';
import { isMerged, mergedAnswer } from './merged.ts';
import type { Ranges } from './ranges.ts';
import type { Root } from './roots.ts';
import { fieldError, type Run, type Way } from './split.ts';

/** Names the node that is to answer a request: for what each has for itself. */
export const HEADER = 'Wallet-Node';
/** The same on all nodes. */
const COMMON = ['__typename', '__schema', '__type'];
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
  const refused = (message: string): Way => ({
    answer: () => Promise.resolve(fieldError(root, 'INVALID_ARGUMENT', `invalid argument: ${message}`)),
  });
  if (others.length > 0 && isDivided(name))
    return { answer: (run) => dividedAnswer((id) => ranges.nodeOf(id), root, run) };
  if (others.length > 0) return refused(`the wallets of ${name} are on several nodes: ${nodes.join(', ')}`);
  if (EVERYWHERE.includes(name)) return { answer: (run) => everywhere(ranges, root, run) };
  if (name === 'transfer') return { answer: (run) => anywhere(ranges, root, run) };
  if (isMerged(name)) return { answer: (run) => mergedAnswer(ranges.names, root, run) };
  // What is no wallet's id is refused there.
  const takesWallet = name === 'wallet' || TAKE_A_WALLET.some((arg) => given[arg] !== undefined && given[arg] !== null);
  if (takesWallet || COMMON.includes(name)) return { node };
  if (name === 'assets') return { answer: (run) => anyone(ranges, root, run) };
  return refused(`each node has its own ${name}: ${nameOne(ranges.names)}`);
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

/** One of them has it, whichever that is. */
async function anywhere({ names }: Ranges, root: Root, run: Run): Promise<ExecutionResult> {
  const results = await Promise.all(names.map((node) => run(node, [root])));
  const isFound = ({ data }: ExecutionResult): boolean => (data?.[root.key] ?? null) !== null;
  return results.find(isFound) ?? results.find(({ errors }) => errors) ?? results[0] ?? {};
}

/** All of them have it: the first one that answers is enough. */
async function anyone({ names }: Ranges, root: Root, run: Run): Promise<ExecutionResult> {
  let result: ExecutionResult = {};
  for (const node of names) {
    result = await run(node, [root]);
    if (!result.errors?.some(mayBeRepeated)) break;
  }
  return result;
}
