/** The subscription `walletChanged`: each event reads the requested fields anew, with the caller's own rights. */
import { TYPES } from 'postgraphile/@dataplan/pg';
import { context, lambda, listen, type FieldArgs, type GrafastSubscriber, type Step } from 'postgraphile/grafast';
import { getOperationAST, GraphQLError, OperationTypeNode, type ExecutionArgs } from 'postgraphile/graphql';
import { extendSchema, gql } from 'postgraphile/utils';

declare global {
  // The library declares it as a namespace.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Grafast {
    interface Context {
      /** Null except on a websocket. Topics and events are wallet ids. */
      walletChanges: GrafastSubscriber<Record<string, string>> | null;
    }
  }
}

const FieldPlugin = extendSchema((build) => {
  const { wallets, wallet_balance: walletBalance } = build.pgResources;
  if (!wallets || !walletBalance) throw new Error('The schema has no wallets');
  return {
    typeDefs: gql`
      extend type Subscription {
        """
        Tells when something has been booked in a wallet, from then on when this is asked for; the first event comes at once, with the wallet as it
        is. Several movements may come as one event, and an event may come twice: the wallet's \`seq\` tells which entries are new. Over a websocket only.

        Refuses with WALLET_NOT_FOUND (WLNOW).
        """
        walletChanged("A player's wallet that the caller may see." walletId: UUID!): WalletChange
      }

      "That something has been booked in a wallet."
      type WalletChange {
        "The wallet as it is when the event is sent."
        wallet: Wallet
      }
    `,
    objects: {
      Subscription: {
        plans: {
          walletChanged: {
            subscribePlan(_$root: Step, args: FieldArgs) {
              const $walletId = args.getRaw('walletId');
              // Fails with the ledger's own error for a wallet that the caller may not see.
              const $balance = walletBalance.execute([{ step: $walletId, pgCodec: TYPES.uuid }]);
              const $topic = lambda([$walletId, $balance], ([walletId]) => (walletId as string).toLowerCase());
              return listen(context().get('walletChanges'), $topic);
            },
            plan: ($walletId: Step) => $walletId,
          },
        },
      },
      WalletChange: {
        plans: {
          wallet: ($walletId: Step) => wallets.get({ id: $walletId }),
        },
      },
    },
  };
});

/** Allows only subscriptions on websockets: limits and logs of requests apply to HTTP. Over HTTP, refuses subscriptions. */
const TransportsPlugin: GraphileConfig.Plugin = {
  name: 'TransportsPlugin',
  version: '1.0.0',
  grafast: {
    middleware: {
      execute(next, { args }) {
        const refusal = args.requestContext?.ws ? refuseAllButSubscriptions(args) : refuseSubscriptions(args);
        return refusal ? { errors: [refusal] } : next();
      },
    },
  },
};

export const SubscriptionsPlugins: GraphileConfig.Plugin[] = [FieldPlugin, TransportsPlugin];

/** Undefined if the operation is allowed on a websocket. */
export function refuseAllButSubscriptions(
  args: Pick<ExecutionArgs, 'document' | 'operationName'>,
): GraphQLError | undefined {
  const operation = getOperationAST(args.document, args.operationName)?.operation;
  if (operation === undefined || operation === OperationTypeNode.SUBSCRIPTION) return undefined;
  return refusal('a websocket is for subscriptions only: POST queries and mutations');
}

function refuseSubscriptions(args: Pick<ExecutionArgs, 'document' | 'operationName'>): GraphQLError | undefined {
  const operation = getOperationAST(args.document, args.operationName)?.operation;
  if (operation !== OperationTypeNode.SUBSCRIPTION) return undefined;
  return refusal('a subscription needs a websocket, with the protocol graphql-transport-ws');
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } });
}
