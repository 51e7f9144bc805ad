/** What the screen of webhooks asks for. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './api.ts';
import { graphql, type ResultOf } from './graphql.ts';

const READ_EVERY_MS = 5_000;

const EndpointsQuery = graphql(`
  query WebhookEndpoints {
    webhookEndpoints(first: 200) {
      nodes {
        name
        url
        kinds
        assetCode
        state
        pausedBecause
        heldUntil
        delivered
        deliveredAt
        waiting
        waitingSince
        parked
        failure
        failedAt
        deliveries(parked: true, first: 100) {
          nodes {
            id
            kind
            walletId
            parkedAt
            tries
            failure
          }
        }
      }
    }
  }
`);

export type Endpoint = NonNullable<ResultOf<typeof EndpointsQuery>['webhookEndpoints']>['nodes'][number];
export type Parked = Endpoint['deliveries']['nodes'][number];

export async function readEndpoints(signal?: AbortSignal): Promise<Endpoint[]> {
  return (await call(EndpointsQuery, {}, signal)).webhookEndpoints?.nodes ?? [];
}

export const endpointsQuery = queryOptions({
  queryKey: ['webhooks'],
  queryFn: ({ signal }) => readEndpoints(signal),
  refetchInterval: READ_EVERY_MS,
});
