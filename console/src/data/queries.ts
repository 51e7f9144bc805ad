/** What the screens ask for. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { call, CallError } from './api.ts';
import { graphql, type ResultOf } from './graphql.ts';

const AssetsQuery = graphql(`
  query Assets {
    assets(first: 1000) {
      nodes {
        code
        name
        scale
        createdAt
        limits {
          seq
          actor
          createdAt
          maxSpend
          maxTransfer
          maxBalance
          maxDailyTopUp
          maxDailyBonus
          maxDailySpend
          maxDailyTransfer
          collectDebts
        }
      }
    }
  }
`);

const AssetLimitsQuery = graphql(`
  query AssetLimits($code: String!) {
    assets(first: 1, condition: { code: $code }) {
      nodes {
        limitsHistory(first: 100, orderBy: [PRIMARY_KEY_DESC]) {
          nodes {
            seq
            actor
            createdAt
            maxSpend
            maxTransfer
            maxBalance
            maxDailyTopUp
            maxDailyBonus
            maxDailySpend
            maxDailyTransfer
          }
        }
      }
    }
  }
`);

const WalletFields = graphql(`
  fragment WalletFields on Wallet {
    id
    ownerId
    assetCode
    status
    createdAt
    seq
    balance
    bonusBalance
    heldBalance
    available
    owed
  }
`);

const WalletQuery = graphql(
  `
    query Wallet($id: UUID!) {
      wallet(id: $id) {
        ...WalletFields
        mergedInto {
          id
          ownerId
        }
        limits {
          maxSpend
          maxTransfer
          maxBalance
          maxDailyTopUp
          maxDailyBonus
          maxDailySpend
          maxDailyTransfer
        }
        holds(open: true, first: 100) {
          nodes {
            id
            amount
            bonusAmount
            createdAt
            expiresAt
            status
          }
        }
      }
    }
  `,
  [WalletFields],
);

const HoldQuery = graphql(`
  query Hold($walletId: UUID!, $id: UUID!) {
    hold(walletId: $walletId, id: $id) {
      id
      amount
      bonusAmount
      createdAt
      expiresAt
      status
    }
  }
`);

const ExplainQuery = graphql(`
  query Explain($id: UUID!) {
    walletExplain(walletId: $id) {
      amount
      available
      source
      expiresAt
      holdId
      transferId
    }
  }
`);

const EventsQuery = graphql(`
  query Events($id: UUID!) {
    wallet(id: $id) {
      events(first: 100, orderBy: [PRIMARY_KEY_DESC]) {
        nodes {
          seq
          kind
          actor
          reason
          createdAt
          limits {
            maxSpend
            maxTransfer
            maxBalance
            maxDailyTopUp
            maxDailyBonus
            maxDailySpend
            maxDailyTransfer
          }
        }
      }
    }
  }
`);

const EntriesQuery = graphql(`
  query Entries($id: UUID!, $first: Int!, $after: Cursor, $kinds: [TransferKind!], $from: Datetime, $to: Datetime) {
    wallet(id: $id) {
      entries(first: $first, after: $after, kinds: $kinds, from: $from, to: $to) {
        nodes {
          seq
          kind
          side
          amount
          bonusAmount
          heldAmount
          balance
          bonusBalance
          heldBalance
          counterparty
          createdAt
          transferId
          transfer {
            idemKey
            actor
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const WalletsQuery = graphql(
  `
    query Wallets($first: Int!, $after: Cursor, $ownerPrefix: String, $assetCode: String, $status: WalletStatus) {
      wallets(first: $first, after: $after, ownerPrefix: $ownerPrefix, assetCode: $assetCode, status: $status) {
        nodes {
          ...WalletFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [WalletFields],
);

const OwnersWalletsQuery = graphql(
  `
    query OwnersWallets($ownerId: String!) {
      wallets(first: 1000, condition: { ownerId: $ownerId }) {
        nodes {
          ...WalletFields
        }
      }
    }
  `,
  [WalletFields],
);

const TransferFields = graphql(`
  fragment TransferFields on Transfer {
    id
    kind
    walletId
    amount
    bonusAmount
    requestedAmount
    idemKey
    actor
    metadata
    createdAt
    expiresAt
    holdId
    reverses
    debitWalletId
    debitSeq
    creditWalletId
    creditSeq
    wallet {
      id
      ownerId
      assetCode
    }
  }
`);

const TransferQuery = graphql(
  `
    query Transfer($id: UUID!) {
      transfer(id: $id) {
        ...TransferFields
        reversible
        linkedEntry {
          amount
          transferId
          wallet {
            id
            ownerId
            assetCode
          }
        }
        debitEntry {
          debit
          credit
          balance
          wallet {
            id
            ownerId
          }
        }
        creditEntry {
          debit
          credit
          balance
          wallet {
            id
            ownerId
          }
        }
        reversedTransfer {
          id
          kind
          amount
          createdAt
        }
        reversals(first: 1000) {
          nodes {
            id
            amount
            bonusAmount
            actor
            idemKey
            createdAt
          }
        }
      }
    }
  `,
  [TransferFields],
);

const ByKeyQuery = graphql(
  `
    query ByKey($walletId: UUID!, $idemKey: String!) {
      transferByIdemKey(walletId: $walletId, idemKey: $idemKey) {
        ...TransferFields
      }
    }
  `,
  [TransferFields],
);

const TransfersQuery = graphql(
  `
    query Transfers(
      $first: Int!
      $after: Cursor
      $kinds: [TransferKind!]
      $assetCode: String
      $actor: String
      $idemKey: String
      $from: Datetime
      $to: Datetime
    ) {
      transfers(
        first: $first
        after: $after
        kinds: $kinds
        assetCode: $assetCode
        actor: $actor
        idemKey: $idemKey
        from: $from
        to: $to
      ) {
        nodes {
          ...TransferFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [TransferFields],
);

const OpenHoldsQuery = graphql(`
  query OpenHolds($first: Int!, $after: Cursor) {
    holds(first: $first, after: $after, open: true) {
      nodes {
        id
        amount
        createdAt
        expiresAt
        wallet {
          id
          ownerId
          assetCode
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const ExpiringQuery = graphql(`
  query Expiring($first: Int!, $after: Cursor, $before: Datetime) {
    expiringLots(first: $first, after: $after, before: $before) {
      nodes {
        seq
        amount
        grantedAmount
        heldAmount
        expiresAt
        wallet {
          id
          ownerId
          assetCode
        }
        entry {
          transferId
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const TrialBalanceQuery = graphql(`
  query TrialBalance {
    ledgerTrialBalance(first: 1000) {
      nodes {
        assetCode
        account
        debit
        credit
      }
    }
  }
`);

const BlocksQuery = graphql(`
  query Blocks {
    blocks(last: 20) {
      nodes {
        seq
        sealedAt
        entries
        wallets
        root
        finalUntil
      }
    }
  }
`);

const SearchQuery = graphql(`
  query Search($id: UUID!) {
    wallet(id: $id) {
      id
    }
    transfer(id: $id) {
      id
    }
  }
`);

export type AssetRow = NonNullable<ResultOf<typeof AssetsQuery>['assets']>['nodes'][number];
export type WalletRow = NonNullable<ResultOf<typeof WalletsQuery>['wallets']>['nodes'][number];
export type WalletDetail = NonNullable<ResultOf<typeof WalletQuery>['wallet']>;
export type HoldRow = WalletDetail['holds']['nodes'][number];
export type BalancePart = NonNullable<ResultOf<typeof ExplainQuery>['walletExplain']>[number];
export type EntryLine = NonNullable<ResultOf<typeof EntriesQuery>['wallet']>['entries']['nodes'][number];
export type TransferDetail = NonNullable<ResultOf<typeof TransferQuery>['transfer']>;
export type TransferFacts = NonNullable<ResultOf<typeof ByKeyQuery>['transferByIdemKey']>;
export type TrialLine = NonNullable<ResultOf<typeof TrialBalanceQuery>['ledgerTrialBalance']>['nodes'][number];
export type Block = NonNullable<ResultOf<typeof BlocksQuery>['blocks']>['nodes'][number];
export type Kind = EntryLine['kind'];

const PAGE = 50;
/** The service tells of what is booked, and of nothing else: whether a wallet was frozen, say, is asked now and then. */
const UNTOLD_MS = 15_000;

export const assetsQuery = queryOptions({
  queryKey: ['assets'],
  queryFn: async ({ signal }) => (await call(AssetsQuery, {}, signal)).assets?.nodes ?? [],
  staleTime: 60_000,
});

/** All settings, newest first. */
export const assetLimitsQuery = (code: string) =>
  queryOptions({
    queryKey: ['assets', code, 'limits'],
    queryFn: async ({ signal }) =>
      (await call(AssetLimitsQuery, { code }, signal)).assets?.nodes[0]?.limitsHistory.nodes ?? [],
  });

export const walletQuery = (id: string) =>
  queryOptions({
    queryKey: ['wallet', id, 'now'],
    queryFn: async ({ signal }) => (await call(WalletQuery, { id }, signal)).wallet,
    refetchInterval: UNTOLD_MS,
  });

export const holdQuery = (walletId: string, id: string) =>
  queryOptions({
    queryKey: ['wallet', walletId, 'hold', id],
    queryFn: async ({ signal }) => (await call(HoldQuery, { walletId, id }, signal)).hold,
  });

export const explainQuery = (id: string) =>
  queryOptions({
    queryKey: ['wallet', id, 'explain'],
    queryFn: async ({ signal }) => (await call(ExplainQuery, { id }, signal)).walletExplain ?? [],
  });

export const eventsQuery = (id: string) =>
  queryOptions({
    queryKey: ['wallet', id, 'events'],
    queryFn: async ({ signal }) => (await call(EventsQuery, { id }, signal)).wallet?.events.nodes ?? [],
    refetchInterval: UNTOLD_MS,
  });

export interface EntryFilter {
  kinds?: Kind[] | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

interface Page<Row> {
  nodes: Row[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** A list that is read on where its last page ended. */
export const paged = <Row>(
  queryKey: readonly unknown[],
  read: (after: string | null, signal: AbortSignal) => Promise<Page<Row> | null | undefined>,
) =>
  infiniteQueryOptions({
    queryKey,
    queryFn: async ({ signal, pageParam }) => (await read(pageParam, signal)) ?? null,
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined),
  });

export const entriesQuery = (id: string, filter: EntryFilter) =>
  paged(
    ['wallet', id, 'entries', filter],
    async (after, signal) => (await call(EntriesQuery, { id, first: PAGE, after, ...filter }, signal)).wallet?.entries,
  );

export interface WalletFilter {
  ownerPrefix?: string | undefined;
  assetCode?: string | undefined;
  status?: WalletRow['status'] | undefined;
}

export const walletsQuery = (filter: WalletFilter) =>
  paged(
    ['wallets', filter],
    async (after, signal) => (await call(WalletsQuery, { first: PAGE, after, ...filter }, signal)).wallets,
  );

/** Those of one owner, of all assets. */
export const ownersWalletsQuery = (ownerId: string) =>
  queryOptions({
    queryKey: ['wallets', 'of', ownerId],
    queryFn: async ({ signal }) => (await call(OwnersWalletsQuery, { ownerId }, signal)).wallets?.nodes ?? [],
  });

export interface TransferFilter {
  kind?: Kind | undefined;
  assetCode?: string | undefined;
  actor?: string | undefined;
  idemKey?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export const transfersQuery = ({ kind, ...filter }: TransferFilter) =>
  paged(
    ['transfers', kind, filter],
    async (after, signal) =>
      (await call(TransfersQuery, { first: PAGE, after, kinds: kind && [kind], ...filter }, signal)).transfers,
  );

export const openHoldsQuery = paged(
  ['holds'],
  async (after, signal) => (await call(OpenHoldsQuery, { first: PAGE, after }, signal)).holds,
);

export const expiringQuery = (before: string | undefined) =>
  paged(
    ['expiring', before],
    async (after, signal) => (await call(ExpiringQuery, { first: PAGE, after, before }, signal)).expiringLots,
  );

export const transferQuery = (id: string) =>
  queryOptions({
    queryKey: ['transfer', id],
    queryFn: async ({ signal }) => (await call(TransferQuery, { id }, signal)).transfer,
  });

export const trialBalanceQuery = queryOptions({
  queryKey: ['trial balance'],
  queryFn: async ({ signal }) => (await call(TrialBalanceQuery, {}, signal)).ledgerTrialBalance?.nodes ?? [],
});

/** The newest blocks, newest first. */
export const blocksQuery = queryOptions({
  queryKey: ['blocks'],
  queryFn: async ({ signal }) => ((await call(BlocksQuery, {}, signal)).blocks?.nodes ?? []).toReversed(),
});

/** Whether a call with this key was booked, and as what. */
export async function bookedWith(walletId: string, idemKey: string): Promise<TransferFacts | undefined> {
  return (await call(ByKeyQuery, { walletId, idemKey })).transferByIdemKey ?? undefined;
}

export const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** What has this id. */
export async function whatIs(id: string): Promise<'wallet' | 'transfer' | undefined> {
  const { wallet, transfer } = await call(SearchQuery, { id });
  if (wallet) return 'wallet';
  return transfer ? 'transfer' : undefined;
}

/** A refusal is final; what nobody answered may be asked again. */
export function mayAskAgain(times: number, error: Error): boolean {
  return error instanceof CallError && error.trouble === 'unanswered' && times < 2;
}

const ActivityQuery = graphql(`
  query Activity(
    $assetCode: String!
    $from: Datetime!
    $to: Datetime!
    $timeZone: String!
    $bucket: String!
    $after: Cursor
  ) {
    ledgerActivity(
      assetCode: $assetCode
      fromTime: $from
      toTime: $to
      timeZone: $timeZone
      bucket: $bucket
      first: 1000
      after: $after
    ) {
      nodes {
        fromTime
        kind
        debit
        credit
        movements
        amount
        bonusAmount
        final
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const BalancesQuery = graphql(`
  query Balances($assetCode: String!, $atTimes: [Datetime!]!, $after: Cursor) {
    ledgerBalancesAt(assetCode: $assetCode, atTimes: $atTimes, first: 1000, after: $after) {
      nodes {
        atTime
        account
        side
        balance
        bonusBalance
        final
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export type ActivityRow = NonNullable<ResultOf<typeof ActivityQuery>['ledgerActivity']>['nodes'][number];
export type BalanceRow = NonNullable<ResultOf<typeof BalancesQuery>['ledgerBalancesAt']>['nodes'][number];

export interface Period {
  assetCode: string;
  from: string;
  to: string;
  timeZone: string;
}

/** All pages of a report: a month has some hundred rows. */
async function all<Row>(read: (after: string | null) => Promise<Page<Row> | null>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after: string | null = null; ;) {
    const page = await read(after);
    rows.push(...(page?.nodes ?? []));
    if (!page?.pageInfo.hasNextPage) return rows;
    after = page.pageInfo.endCursor;
  }
}

export const activityQuery = (period: Period, bucket: 'day' | 'month' = 'day') =>
  queryOptions({
    queryKey: ['activity', period, bucket],
    queryFn: ({ signal }) =>
      all<ActivityRow>(
        async (after) => (await call(ActivityQuery, { ...period, bucket, after }, signal)).ledgerActivity,
      ),
  });

export const balancesQuery = (assetCode: string, atTimes: string[]) =>
  queryOptions({
    queryKey: ['balances', assetCode, atTimes],
    queryFn: ({ signal }) =>
      all<BalanceRow>(
        async (after) => (await call(BalancesQuery, { assetCode, atTimes, after }, signal)).ledgerBalancesAt,
      ),
  });
