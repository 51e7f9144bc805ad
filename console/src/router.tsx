/** The addresses. Each screen is loaded when somebody goes there. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { KINDS } from './data/words.ts';
import type { Kind } from './data/queries.ts';
import { Shell } from './parts/shell.tsx';
import { Empty, Failed, Loading } from './parts/states.tsx';

const STATUSES = ['open', 'frozen', 'closed'] as const;
type Status = (typeof STATUSES)[number];
const REPORT_VIEWS = ['activity', 'balances', 'month'] as const;
export type ReportView = (typeof REPORT_VIEWS)[number];
type Optional<Names extends string> = Partial<Record<Names, string | undefined>>;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => <Empty title="There is nothing at this address." />,
  errorComponent: ({ error, reset }) => (
    <Failed error={error instanceof Error ? error : new Error(String(error))} onRetry={reset} />
  ),
});

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const day = (value: unknown): string | undefined =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined;

const kind = (value: unknown): Kind | undefined =>
  typeof value === 'string' && Object.hasOwn(KINDS, value) ? (value as Kind) : undefined;

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (query: Record<string, unknown>): Optional<'asset'> => ({ asset: text(query.asset) }),
  component: lazyRouteComponent(() => import('./screens/overview.tsx'), 'Overview'),
});

const wallets = createRoute({
  getParentRoute: () => root,
  path: '/wallets',
  validateSearch: (
    search: Record<string, unknown>,
  ): Optional<'owner' | 'asset' | 'do'> & { status?: Status | undefined } => ({
    owner: text(search.owner),
    asset: text(search.asset),
    status: STATUSES.find((status) => status === search.status),
    do: text(search.do),
  }),
  component: lazyRouteComponent(() => import('./screens/wallets.tsx'), 'Wallets'),
});

const wallet = createRoute({
  getParentRoute: () => root,
  path: '/wallets/$id',
  validateSearch: (
    search: Record<string, unknown>,
  ): Optional<'from' | 'to' | 'do' | 'hold'> & { kind?: Kind | undefined } => ({
    kind: kind(search.kind),
    from: day(search.from),
    to: day(search.to),
    do: text(search.do),
    hold: text(search.hold),
  }),
  component: lazyRouteComponent(() => import('./screens/wallet.tsx'), 'Wallet'),
});

const transfer = createRoute({
  getParentRoute: () => root,
  path: '/transfers/$id',
  validateSearch: (search: Record<string, unknown>): Optional<'do'> => ({ do: text(search.do) }),
  component: lazyRouteComponent(() => import('./screens/transfer.tsx'), 'Transfer'),
});

const transfers = createRoute({
  getParentRoute: () => root,
  path: '/transfers',
  validateSearch: (
    query: Record<string, unknown>,
  ): Optional<'asset' | 'actor' | 'key' | 'from' | 'to'> & { kind?: Kind | undefined } => ({
    kind: kind(query.kind),
    asset: text(query.asset),
    actor: text(query.actor),
    key: text(query.key),
    from: day(query.from),
    to: day(query.to),
  }),
  component: lazyRouteComponent(() => import('./screens/transfers.tsx'), 'Transfers'),
});

const holds = createRoute({
  getParentRoute: () => root,
  path: '/holds',
  validateSearch: (query: Record<string, unknown>): Optional<'before'> => ({ before: day(query.before) }),
  component: lazyRouteComponent(() => import('./screens/holds.tsx'), 'Holds'),
});

const search = createRoute({
  getParentRoute: () => root,
  path: '/search',
  validateSearch: (query: Record<string, unknown>) => ({ q: text(query.q)?.slice(0, 200) ?? '' }),
  component: lazyRouteComponent(() => import('./screens/search.tsx'), 'Search'),
});

const assets = createRoute({
  getParentRoute: () => root,
  path: '/assets',
  validateSearch: (query: Record<string, unknown>): Optional<'limits'> => ({ limits: text(query.limits) }),
  component: lazyRouteComponent(() => import('./screens/assets.tsx'), 'Assets'),
});

const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: (query: Record<string, unknown>): Optional<'actor' | 'from' | 'to'> => ({
    actor: text(query.actor),
    from: day(query.from),
    to: day(query.to),
  }),
  component: lazyRouteComponent(() => import('./screens/audit.tsx'), 'Audit'),
});

const reports = createRoute({
  getParentRoute: () => root,
  path: '/reports',
  validateSearch: (
    query: Record<string, unknown>,
  ): Optional<'asset' | 'from' | 'to' | 'at' | 'month' | 'zone'> & { view?: ReportView | undefined } => ({
    view: REPORT_VIEWS.find((view) => view === query.view),
    asset: text(query.asset),
    from: day(query.from),
    to: day(query.to),
    at: day(query.at),
    month: day(`${String(query.month)}-01`)?.slice(0, 7),
    zone: query.zone === 'UTC' ? 'UTC' : undefined,
  }),
  component: lazyRouteComponent(() => import('./screens/reports.tsx'), 'Reports'),
});

const imports = createRoute({
  getParentRoute: () => root,
  path: '/imports',
  component: lazyRouteComponent(() => import('./screens/imports.tsx'), 'Imports'),
});

const importFile = createRoute({
  getParentRoute: () => root,
  path: '/imports/$id',
  component: lazyRouteComponent(() => import('./screens/import_file.tsx'), 'ImportFile'),
});

const feed = createRoute({
  getParentRoute: () => root,
  path: '/feed',
  validateSearch: (query: Record<string, unknown>): Optional<'asset'> & { kind?: Kind | undefined } => ({
    kind: kind(query.kind),
    asset: text(query.asset),
  }),
  component: lazyRouteComponent(() => import('./screens/feed.tsx'), 'Feed'),
});

const webhooks = createRoute({
  getParentRoute: () => root,
  path: '/webhooks',
  validateSearch: (query: Record<string, unknown>): Optional<'endpoint' | 'do' | 'webhook'> => ({
    endpoint: text(query.endpoint),
    do: text(query.do),
    webhook: text(query.webhook),
  }),
  component: lazyRouteComponent(() => import('./screens/webhooks.tsx'), 'Webhooks'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    wallets,
    wallet,
    transfers,
    transfer,
    feed,
    holds,
    imports,
    importFile,
    search,
    assets,
    reports,
    audit,
    webhooks,
  ]),
  basepath: '/console',
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading />,
  scrollRestoration: false,
  // Words as they are: an owner may be called 1e5 or true.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
    return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
