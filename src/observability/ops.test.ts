/** Compares the Prometheus and Grafana files under `ops/` with the exported metrics. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { newAsset, newKey, newWallet, someAsset } from '../../db/tests/helpers.ts';
import { sealUntil } from '../../db/tests/seals.ts';
import { createGateway, ROOT } from '../testing.ts';
import { type Family, parseMetrics } from './testing_metrics.ts';

const gateway = createGateway();
const { db } = gateway;
/** A generous limit: the feed waits for transactions of other tests. */
const LIMIT_MS = 240_000;

async function scrape(): Promise<Map<string, Family>> {
  return parseMetrics(await (await gateway.with(undefined).fetch('/metrics')).text());
}

/** Produces events first: ages and labelled counters appear only after the first event. */
beforeAll(async () => {
  const wallet = await newWallet(db, await someAsset(db), { bought: 1 });
  expect((await gateway.as('service').post('{ assets { nodes { code } } }')).status).toBe(200);
  expect((await gateway.with(undefined).post('{ assets { nodes { code } } }')).status).toBe(401);
  const socket = new WebSocket(`${gateway.url.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
  socket.on('open', () => {
    socket.close();
  });
  const input = { endpoint: 'shop', url: 'https://shop.example/wallet', assetCode: await newAsset(db) };
  expect(
    (await gateway.as('operator').mutate('webhookEndpointCreate', input, 'secret { endpoint }')).body.errors,
  ).toBeUndefined();
  await sealUntil(db, wallet, 1);
  const worker = await db.connectLogin('wallet_worker');
  expect((await worker.query('select * from ledger.ledger_prove(null)')).rows).toEqual([]);
  // The ledger's metrics are cached for seconds, the poller counts bookings only after it has started, and webhooks' figures are read at an
  // interval.
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(200)) {
    await gateway.as('service').receipt('walletTopUp', { walletId: wallet, amount: '1', idemKey: newKey() });
    const families = await scrape();
    const wanted = [
      'wallet_postings_total',
      'websockets_closed_total',
      'wallet_poller_last_round_seconds',
      'wallet_webhooks_parked',
    ];
    const missing = wanted.filter((name) => !families.get(name)?.series.size);
    if (missing.length === 0) break;
    if (Date.now() > deadline) throw new Error(`Not counted: ${missing.join(', ')}`);
  }
});

interface Panel {
  title: string;
  type: string;
  datasource?: { uid: string };
  targets?: { expr: string; legendFormat?: string; datasource: { uid: string } }[];
}

const read = (path: string): Promise<string> => readFile(`${ROOT}ops/${path}`, 'utf8');

async function panels(): Promise<Panel[]> {
  const dashboard = JSON.parse(await read('grafana/dashboards/wallet.json')) as { panels: Panel[] };
  return dashboard.panels.filter(({ type }) => type !== 'row');
}

interface Alert {
  alert: string;
  expr: string;
  annotations: Record<string, string>;
}

async function rules(): Promise<Alert[]> {
  const { groups } = parse(await read('prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap((group) => group.rules);
}

async function alerts(): Promise<string[]> {
  return (await rules()).map(({ expr }) => expr);
}

async function expressions(): Promise<string[]> {
  const shown = (await panels()).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  return [...shown, ...(await alerts())];
}

const WORDS = new Set(['by', 'and', 'or', 'unless', 'on', 'ignoring', 'without']);

/** The metrics in an expression: names that are no functions, labels, durations or keywords. */
function metricsIn(expr: string): string[] {
  const bare = expr.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring) *\([^)]*\)|"[^"]*"/g, ' ');
  return [...bare.matchAll(/\b[a-zA-Z_:][\w:]*(?! *\(|\w)/g)].map(([name]) => name).filter((name) => !WORDS.has(name));
}

interface Asked {
  metric: string;
  label: string;
  /** Set for a single value. */
  value?: string;
}

/** The labels that an expression requires of its metrics: matchers in braces, and grouping labels of the metrics in brackets. */
function labelsIn(expr: string): Asked[] {
  const matched = [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].flatMap(([, metric = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+) *(=~|!~|!=|=) *"([^"]*)"/g)].map(([, label = '', sign, value = '']) => ({
      metric,
      label,
      ...(sign === '=' && { value }),
    })),
  );
  const grouped = [...expr.matchAll(/\bby *\(([^)]*)\) *\(/g)].flatMap(({ 0: found, 1: labels = '', index }) =>
    metricsIn(inBrackets(expr.slice(index + found.length))).flatMap((metric) =>
      labels.split(',').map((label) => ({ metric, label: label.trim() })),
    ),
  );
  return [...matched, ...grouped];
}

/** The text up to the closing bracket. */
function inBrackets(text: string): string {
  let depth = 1;
  const end = text.split('').findIndex((sign) => (depth += sign === '(' ? 1 : sign === ')' ? -1 : 0) === 0);
  if (end < 0) throw new Error(`Not closed: ${text}`);
  return text.slice(0, end);
}

/** The labels and values of each metric; Prometheus adds `job`. */
async function exportedLabels(): Promise<Map<string, Map<string, Set<string>>>> {
  const own = new Map([['job', new Set(['wallet-service'])]]);
  const found = new Map([['up', new Map(own)]]);
  for (const { series } of (await scrape()).values())
    for (const key of series.keys()) {
      const [sample = '', labels = ''] = key.slice(0, -1).split('{');
      const known = found.get(sample) ?? new Map(own);
      found.set(sample, known);
      for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
        known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  return found;
}

async function exported(): Promise<Set<string>> {
  return new Set((await exportedLabels()).keys());
}

describe('metricsIn', () => {
  it.each([
    ['sum by (le) (rate(a_bucket{b="c"}[5m])) / sum(d) > 3 * 60', ['a_bucket', 'd']],
    ['max(a) == 1 unless max(b)', ['a', 'b']],
    ['histogram_quantile(0.99, sum by (le, x) (rate(a[$__rate_interval])))', ['a']],
    ['increase(a[15m]) > 0.25', ['a']],
  ])('finds those of %s', (expr, names) => {
    expect(metricsIn(expr)).toEqual(names);
  });
});

describe('labelsIn', () => {
  it.each([
    [
      'a{b="c", d=~"e|f"} > 1',
      [
        { metric: 'a', label: 'b', value: 'c' },
        { metric: 'a', label: 'd' },
      ],
    ],
    [
      'histogram_quantile(0.99, sum by (le, x) (rate(a[5m]))) / sum(b)',
      [
        { metric: 'a', label: 'le' },
        { metric: 'a', label: 'x' },
      ],
    ],
    ['max(a)', []],
  ])('finds those of %s', (expr, labels) => {
    expect(labelsIn(expr)).toEqual(labels);
  });
});

describe('the service exports', () => {
  it('each label that a panel or an alert uses, on its metrics, with the value if it names one', async () => {
    const exports = await exportedLabels();
    const asked = (await expressions()).flatMap(labelsIn);
    const missing = asked.filter(({ metric, label, value }) => {
      const values = exports.get(metric)?.get(label);
      return !values || (value !== undefined && !values.has(value));
    });

    expect(asked.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });

  it('each label in the text of an alert or the legend of a panel', async () => {
    const exports = await exportedLabels();
    const texts = [
      ...(await rules()).map(({ expr, annotations }) => ({ expr, text: Object.values(annotations).join(' ') })),
      ...(await panels()).flatMap(({ targets = [] }) =>
        targets.map(({ expr, legendFormat = '' }) => ({ expr, text: legendFormat })),
      ),
    ];
    const wrong = texts.flatMap(({ expr, text }) =>
      [...text.matchAll(/\{\{ *(?:\$labels\.)?(?!\$)(\w+) *\}\}/g)]
        .map(([, label = '']) => label)
        // An aggregation has its grouping labels; without one there are all labels, and `instance`.
        .filter((label) =>
          /\b(sum|min|max|avg|count)\b/.test(expr)
            ? !labelsIn(expr).some((one) => one.label === label && one.value === undefined)
            : label !== 'instance' && !metricsIn(expr).every((metric) => exports.get(metric)?.has(label)),
        )
        .map((label) => `${label} in ${expr}`),
    );

    expect(wrong).toEqual([]);
  });

  it('each metric of a panel', async () => {
    const names = await exported();
    const shown = (await panels()).map(({ title, targets }) => ({
      title,
      metrics: (targets ?? []).flatMap(({ expr }) => metricsIn(expr)),
    }));

    expect(shown.filter(({ metrics }) => metrics.length === 0)).toEqual([]);
    expect(shown.filter(({ metrics }) => metrics.some((name) => !names.has(name)))).toEqual([]);
  });

  it('each metric of an alert', async () => {
    const names = await exported();
    const exprs = await alerts();

    expect(exprs).toHaveLength((await read('prometheus/alerts.yml')).match(/- alert:/g)?.length ?? 0);
    expect(exprs.filter((expr) => metricsIn(expr).length === 0)).toEqual([]);
    expect(exprs.filter((expr) => metricsIn(expr).some((name) => !names.has(name)))).toEqual([]);
  });

  it('each code of an alert', async () => {
    const errors = await readFile(`${ROOT}src/errors.ts`, 'utf8');
    const codes = (await alerts()).flatMap((expr) =>
      [...expr.matchAll(/(?:outcome|code)=~?"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|')),
    );

    expect(codes).not.toEqual([]);
    expect(codes.filter((code) => code !== 'UNAUTHENTICATED' && !errors.includes(`'${code}'`))).toEqual([]);
  });
});

describe('the files under ops', () => {
  it('belong together: the scrape, its rules, the data source and its dashboards', async () => {
    const prometheus = await read('prometheus/prometheus.yml');
    const source = await read('grafana/provisioning/datasources/prometheus.yml');
    const uid = /uid: (\S+)/.exec(source)?.[1];

    expect(prometheus).toContain("targets: ['gateway:5678']");
    expect(prometheus).toMatch(/rule_files:\n +- alerts\.yml/);
    expect(source).toContain('url: http://prometheus:9090');
    expect(await read('grafana/provisioning/dashboards/wallet.yml')).toContain('path: /var/lib/grafana/dashboards');
    const sources = (await panels()).flatMap(({ datasource, targets = [] }) => [
      datasource,
      ...targets.map((target) => target.datasource),
    ]);
    expect(new Set(sources.map((each) => each?.uid))).toEqual(new Set([uid]));
  });
});
