/** Wallets over several databases: each request is answered by the nodes of its wallets. */
import type { RequestHandler } from 'express';
import type { Config } from '../config.ts';
import { sendError } from '../errors.ts';
import type { CreateContext } from '../graphql/context.ts';
import type { Node, Nodes } from '../graphql/nodes.ts';
import { isUuid } from '../values.ts';
import { readNodesFile } from './file.ts';
import { Ranges } from './ranges.ts';
import { rootsOf, walletsIn, type Root } from './roots.ts';
import { executePart, inParts, type Run } from './split.ts';
import { HEADER, nameOne, wayOf } from './ways.ts';

type Context = Partial<Grafast.Context>;
type Opened = Node & { close: () => Promise<void> };

interface Routed {
  roots: readonly Root[];
  /** The node that the request names, which then has all of it. */
  named: string | undefined;
  on: (node: string, walletId?: string) => Context;
}

declare global {
  // As the library declares it.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Grafast {
    interface Context {
      /** Where there are several databases: how this request is answered. */
      routed?: Routed;
    }
  }
}

export async function openNodes(
  path: string,
  open: (config: Partial<Config> & { node: string }) => Promise<Opened>,
): Promise<Nodes> {
  const file = readNodesFile(path);
  const opened: Opened[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((node) => node.close()));
  };
  try {
    for (const { name, config } of file.nodes) opened.push(await open({ ...config, node: name }));
  } catch (error) {
    await close();
    throw error;
  }
  const ranges = new Ranges(path, file);
  const byName = <T>(make: (node: Node) => T) =>
    new Map(ranges.names.map((name, at) => [name, make(opened[at] as Node)]));
  return {
    all: opened,
    first: opened[0] as Node,
    createContext: (on) => routedContext(ranges, byName(on)),
    plugins: [routingPlugin(ranges)],
    check: (req, res, next) => {
      const named = req.get(HEADER);
      if (named === undefined || ranges.names.includes(named)) next();
      else
        sendError(
          res,
          400,
          'INVALID_ARGUMENT',
          `invalid argument: there is no node ${named}: ${nameOne(ranges.names)}`,
        );
    },
    download: (on) => downloadFrom(ranges, byName(on)),
    close: async () => {
      ranges.close();
      await close();
    },
  };
}

function routedContext(ranges: Ranges, contexts: ReadonlyMap<string, CreateContext>): CreateContext {
  const [first = ''] = ranges.names;
  return (request, args) => {
    const roots = rootsOf(args);
    const named = request.expressv4?.req.get(HEADER);
    const at = (node: string): Context => contexts.get(node)?.(request, args) ?? {};

    function on(node: string, walletId?: string): Context {
      const own = at(node);
      const { withPgClient, postFlow } = own;
      if (named !== undefined || !withPgClient) return own;
      return {
        ...own,
        // Calls that wait go together with others of the same node.
        postFlow:
          postFlow &&
          ((flow, input) => {
            const [wallet] = walletsIn(flow.name, input);
            if (wallet === undefined) return postFlow(flow, input);
            return ranges.withNode(wallet, (found) => (at(found).postFlow ?? postFlow)(flow, input));
          }),
        withPgClient:
          walletId === undefined
            ? withPgClient
            : (settings, callback) =>
                ranges.withNode(walletId, (found) => (at(found).withPgClient ?? withPgClient)(settings, callback)),
      };
    }

    const wallet = roots[0]?.wallets[0];
    const node = named ?? (wallet === undefined ? first : ranges.nodeOf(wallet));
    return { ...on(node, wallet), routed: { roots, named, on } };
  };
}

/** What lies on one node is executed as it is. */
function routingPlugin(ranges: Ranges): GraphileConfig.Plugin {
  return {
    name: 'RoutingPlugin',
    version: '1.0.0',
    grafast: {
      middleware: {
        execute(next, { args }) {
          const { routed, ...contextValue } = args.contextValue as Context;
          if (!routed || routed.named !== undefined) return next();
          const ways = routed.roots.map((root) => [root, wayOf(ranges, root)] as const);
          const nodes = ways.map(([, way]) => ('node' in way ? way.node : undefined));
          if (nodes.every((node) => node !== undefined && node === nodes[0])) return next();
          const run: Run = (node, roots, variable) => {
            const own = { ...contextValue, ...routed.on(node, roots[0]?.wallets[0]) };
            return executePart({ ...args, contextValue: own }, roots, variable);
          };
          return inParts(args, ways, run);
        },
      },
    },
  };
}

function downloadFrom(ranges: Ranges, handlers: ReadonlyMap<string, RequestHandler>): RequestHandler {
  return (req, res, next) => {
    const walletId = /^\/wallets\/([^/]+)/.exec(req.path)?.[1];
    const named = req.get(HEADER);
    // What is no wallet's id is refused there.
    const ofWallet = isUuid(walletId) ? ranges.nodeOf(walletId) : ranges.names[0];
    const handler = handlers.get(named ?? (walletId === undefined ? undefined : ofWallet) ?? '');
    if (handler) void handler(req, res, next);
    else if (!req.path.startsWith('/reports/')) next();
    else sendError(res, 400, 'INVALID_ARGUMENT', `invalid argument: each node has its own: ${nameOne(ranges.names)}`);
  };
}
