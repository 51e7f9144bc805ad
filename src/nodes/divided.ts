/** Many calls in one, of wallets on several nodes: each node gets its own, and what comes of them is put together in order. */
import { Kind, type ExecutionResult, type FieldNode } from 'postgraphile/graphql';
import { mayBeRepeated } from '../errors.ts';
import { replaced, type Root } from './roots.ts';
import { nameNode, OWN, type Run } from './split.ts';

/** The list in the input, and the one in the answer. */
const DIVIDED: Readonly<Record<string, { items: string; answers: string }>> = {
  walletPostEach: { items: 'requests', answers: 'outcomes' },
  walletOpenMany: { items: 'ownerIds', answers: 'wallets' },
};

export function isDivided(name: string): boolean {
  return name in DIVIDED;
}

export async function dividedAnswer(
  nodeOf: (wallet: string) => string,
  root: Root,
  run: Run,
): Promise<ExecutionResult> {
  const { key, name, given, wallets } = root;
  const { items = '', answers = '' } = DIVIDED[name] ?? {};
  const places = Map.groupBy(wallets.keys(), (at) => nodeOf(wallets[at] ?? ''));
  const fields = root.fields.map(withInput);
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
  const all = given[items] as unknown[];
  const parts = await Promise.all(
    [...places].map(async ([node, at]) => {
      const value = { ...given, [items]: at.map((place) => all[place]) };
      const asked = { ...root, fields, wallets: at.map((place) => wallets[place] ?? '') };
      return { node, at, result: await run(node, [asked], { type, value }) };
    }),
  );
  const isAway = ({ result }: (typeof parts)[number]) =>
    name === 'walletPostEach' && result.errors?.some(mayBeRepeated);
  const refused = parts.find((part) => part.result.errors && !isAway(part));
  const answered = parts.find(({ result }) => !result.errors);
  if (refused || !answered) return (refused ?? parts[0])?.result ?? {};
  const shown = replaced(root, answered.result.data?.[key], root.fields, (field, of, nodes) => {
    if (field !== answers) return undefined;
    const list: unknown[] = [];
    for (const part of parts) {
      const own = (part.result.data?.[key] as Record<string, unknown[]> | null)?.[of];
      part.at.forEach((place, nth) => (list[place] = own ? own[nth] : awayAs(root, nodes, part.node)));
    }
    return list;
  });
  return { data: { [key]: shown } };
}

/** Nobody knows what has come of it: its key shows that to whoever sends it again. */
function awayAs(root: Root, nodes: readonly FieldNode[], node: string): unknown {
  const refusal: Record<string, unknown> = { code: 'RETRY', message: `retry: node ${node} does not answer` };
  const made = (parents: readonly FieldNode[], value: (name: string, inner: FieldNode[]) => unknown) =>
    Object.fromEntries(
      [...root.selected(parents)].map(([key, inner]) => [key, value(inner[0]?.name.value ?? '', inner)]),
    );
  return made(nodes, (field, inner) => (field === 'refusal' ? made(inner, (name) => refusal[name] ?? null) : null));
}

const known = new WeakMap<FieldNode, FieldNode>();

function withInput(field: FieldNode): FieldNode {
  const value = { kind: Kind.VARIABLE, name: nameNode(OWN) } as const;
  const made = known.get(field) ?? { ...field, arguments: [{ kind: Kind.ARGUMENT, name: nameNode('input'), value }] };
  known.set(field, made);
  return made;
}
