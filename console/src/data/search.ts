/** One field for everything: what a text may be, and where it was looked for. */
import { call } from './api.ts';
import { graphql, type ResultOf } from './graphql.ts';

const ByWordQuery = graphql(`
  query ByWord($text: String!) {
    wallets(ownerPrefix: $text, first: 50) {
      nodes {
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
      pageInfo {
        hasNextPage
      }
    }
    transfers(idemKey: $text, first: 50) {
      nodes {
        id
        kind
        amount
        createdAt
        idemKey
        wallet {
          id
          ownerId
          assetCode
        }
      }
    }
  }
`);

const FieldsQuery = graphql(`
  query Fields {
    ledgerEventsNewest(limit: 200) {
      metadata
    }
  }
`);

const ByReferenceQuery = graphql(`
  query ByReference($metadata: JSON!, $from: Datetime!, $after: Cursor) {
    transfers(metadata: $metadata, from: $from, after: $after, first: 50) {
      nodes {
        id
        kind
        amount
        createdAt
        idemKey
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

export type FoundWallet = NonNullable<ResultOf<typeof ByWordQuery>['wallets']>['nodes'][number];
export type FoundTransfer = NonNullable<ResultOf<typeof ByWordQuery>['transfers']>['nodes'][number];

export interface Found {
  wallets: FoundWallet[];
  hasMoreWallets: boolean;
  transfers: FoundTransfer[];
}

export interface References {
  transfers: FoundTransfer[];
  /** The fields of the metadata that were compared. */
  fields: string[];
  /** Whether all of the last 31 days was looked through. */
  isAll: boolean;
}

/** How people write a field of the metadata and its value. */
const PAIR = /^([\w.-]{1,60})\s*[:=]\s*(.{1,300})$/;
const DAYS = 31;
/** Pages of 2000 movements each, for each field. */
const MAX_PAGES = 5;
const MAX_FIELDS = 6;
/** Where the newest movements say nothing of their fields. */
const USUAL_FIELDS = ['payment', 'reference', 'order'];

/** Owners that begin so, and the key, in whatever wallet: both by an index. */
export async function findWord(text: string, signal?: AbortSignal): Promise<Found> {
  const { wallets, transfers } = await call(ByWordQuery, { text }, signal);
  return {
    wallets: wallets?.nodes ?? [],
    hasMoreWallets: wallets?.pageInfo.hasNextPage ?? false,
    transfers: transfers?.nodes ?? [],
  };
}

/** `payment=PAY-7` looks at that field, anything else at those that the newest movements have. No index answers this: it takes its time. */
export async function findReference(text: string, signal?: AbortSignal): Promise<References> {
  const [, name, value = text] = PAIR.exec(text) ?? [];
  const fields = name === undefined ? await fieldsInUse(signal) : [name];
  const from = new Date(Date.now() - DAYS * 86_400_000 + 60_000).toISOString();
  const wanted = fields.flatMap((field) => valuesOf(value).map((one) => ({ [field]: one })));
  const found = await Promise.all(wanted.map((metadata) => lookFor(metadata, from, signal)));
  const transfers = new Map(found.flatMap((one) => one.transfers.map((transfer) => [transfer.id, transfer] as const)));
  return { transfers: [...transfers.values()], fields, isAll: found.every(({ isAll }) => isAll) };
}

/** What is written in digits may stand there as a number. */
function valuesOf(text: string): (string | number)[] {
  return /^(0|[1-9]\d{0,14})$/.test(text) ? [text, Number(text)] : [text];
}

async function fieldsInUse(signal?: AbortSignal): Promise<string[]> {
  const { ledgerEventsNewest } = await call(FieldsQuery, {}, signal);
  const counts = new Map<string, number>();
  for (const { metadata } of ledgerEventsNewest ?? []) {
    for (const [name, value] of Object.entries((metadata ?? {}) as Record<string, unknown>)) {
      const isReference = (typeof value === 'string' || typeof value === 'number') && name !== 'reason';
      if (isReference) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const most = [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
  return [...new Set([...most, ...USUAL_FIELDS])].slice(0, MAX_FIELDS);
}

async function lookFor(metadata: Record<string, string | number>, from: string, signal?: AbortSignal) {
  const transfers: FoundTransfer[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer: ResultOf<typeof ByReferenceQuery> = await call(ByReferenceQuery, { metadata, from, after }, signal);
    transfers.push(...(answer.transfers?.nodes ?? []));
    if (!answer.transfers?.pageInfo.hasNextPage) return { transfers, isAll: true };
    after = answer.transfers.pageInfo.endCursor;
  }
  return { transfers, isAll: false };
}
