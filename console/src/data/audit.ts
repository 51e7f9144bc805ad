/** How the ledger is, when it was proven, and what operators did. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './api.ts';
import { graphql, type ResultOf } from './graphql.ts';
import { paged } from './queries.ts';

const StateQuery = graphql(`
  query State {
    ledgerState {
      asOf
      lastBlockSeq
      lastBlockAt
      notClosedSeconds
      lastVerifiedAt
      lastVerifyFindings
      lastCleanVerifiedAt
      feedLagSeconds
      overdueSeconds
      unsettledWallets
    }
  }
`);

const VerificationsQuery = graphql(`
  query Verifications {
    verifications(last: 20) {
      nodes {
        id
        seq
        startedAt
        finishedAt
        findings
        blockSeq
        keptSeals
        actor
      }
    }
  }
`);

const OpenHoldsCountQuery = graphql(`
  query OpenHoldsCount {
    holds(first: 100, open: true) {
      nodes {
        id
      }
    }
  }
`);

const OperatorActionsQuery = graphql(`
  query OperatorActions($first: Int!, $after: Cursor, $from: Datetime!, $to: Datetime!, $actor: String) {
    operatorActions(first: $first, after: $after, from: $from, to: $to, actor: $actor) {
      nodes {
        id
        seq
        action
        actor
        createdAt
        reason
        assetCode
        transferId
        wallet {
          id
          ownerId
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const VerifyQuery = graphql(`
  query Verify($walletId: UUID) {
    ledgerVerify(walletId: $walletId, first: 1000) {
      nodes {
        rule
        walletId
        seq
        transferId
        detail
      }
    }
  }
`);

export type Finding = NonNullable<ResultOf<typeof VerifyQuery>['ledgerVerify']>['nodes'][number];
export type LedgerState = NonNullable<ResultOf<typeof StateQuery>['ledgerState']>;
export type VerificationRow = NonNullable<ResultOf<typeof VerificationsQuery>['verifications']>['nodes'][number];

export const stateQuery = queryOptions({
  queryKey: ['state'],
  queryFn: async ({ signal }) => (await call(StateQuery, {}, signal)).ledgerState,
  refetchInterval: 10_000,
});

/** Newest first. */
export const verificationsQuery = queryOptions({
  queryKey: ['verifications'],
  queryFn: async ({ signal }) => ((await call(VerificationsQuery, {}, signal)).verifications?.nodes ?? []).toReversed(),
});

/** 100 stands for all that are more. */
export const openHoldsCountQuery = queryOptions({
  queryKey: ['holds', 'count'],
  queryFn: async ({ signal }) => (await call(OpenHoldsCountQuery, {}, signal)).holds?.nodes.length ?? 0,
});

export const actionsQuery = (filter: { actor: string | undefined; from: string; to: string }) =>
  paged(
    ['actions', filter],
    async (after, signal) =>
      (await call(OperatorActionsQuery, { first: 50, after, ...filter }, signal)).operatorActions,
  );

/** The service gives a statement of an auditor five minutes. */
const PROOF_MS = 6 * 60_000;

export async function proveLedger(): Promise<Finding[]> {
  return (await call(VerifyQuery, { walletId: null }, undefined, PROOF_MS)).ledgerVerify?.nodes ?? [];
}
