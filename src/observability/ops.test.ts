/** What Prometheus and Grafana are given under `ops/`, held against what the service exports. */
import { readFile } from 'node:fs/promises';
import { newWallet, someAsset } from '../../db/tests/helpers.ts';
import { sealUntil } from '../../db/tests/seals.ts';
import { createGateway, ROOT } from '../testing.ts';
import { parseMetrics } from './testing_metrics.ts';

const gateway = createGateway();
const { db } = gateway;

/** What has never been has no age. */
beforeAll(async () => {
  const wallet = await newWallet(db, await someAsset(db), { bought: 1 });
  await sealUntil(db, wallet, 1);
  const worker = await db.connectLogin('wallet_worker');
  expect((await worker.query('select * from ledger.ledger_prove(null)')).rows).toEqual([]);
});

interface Panel {
  title: string;
  type: string;
  datasource?: { uid: string };
  targets?: { expr: string; datasource: { uid: string } }[];
}

const read = (path: string): Promise<string> => readFile(`${ROOT}ops/${path}`, 'utf8');

async function panels(): Promise<Panel[]> {
  const dashboard = JSON.parse(await read('grafana/dashboards/wallet.json')) as { panels: Panel[] };
  return dashboard.panels.filter(({ type }) => type !== 'row');
}

/** On the same line, or indented under a bar. */
async function alerts(): Promise<string[]> {
  const text = await read('prometheus/alerts.yml');
  return [...text.matchAll(/^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.+)\n)/gm)].map(
    ([, block, line]) => block ?? line ?? '',
  );
}

const WORDS = new Set(['by', 'and', 'or', 'unless', 'on', 'ignoring', 'without']);

/** The metrics of an expression: its names that are no functions, labels, durations or words of the language. */
function metricsIn(expr: string): string[] {
  const bare = expr.replaceAll(/\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring) *\([^)]*\)|"[^"]*"/g, ' ');
  return [...bare.matchAll(/\b[a-zA-Z_:][\w:]*(?! *\(|\w)/g)].map(([name]) => name).filter((name) => !WORDS.has(name));
}

/** Prometheus's own, and the samples of each family. */
async function exported(): Promise<Set<string>> {
  const families = parseMetrics(await (await gateway.with(undefined).fetch('/metrics')).text());
  const names = [...families].flatMap(([name, { type }]) =>
    type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
  );
  return new Set(['up', ...names]);
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

describe('the service exports', () => {
  it('every metric that a panel shows', async () => {
    const names = await exported();
    const shown = (await panels()).map(({ title, targets }) => ({
      title,
      metrics: (targets ?? []).flatMap(({ expr }) => metricsIn(expr)),
    }));

    expect(shown.filter(({ metrics }) => metrics.length === 0)).toEqual([]);
    expect(shown.filter(({ metrics }) => metrics.some((name) => !names.has(name)))).toEqual([]);
  });

  it('every metric that an alert looks at', async () => {
    const names = await exported();
    const exprs = await alerts();

    expect(exprs).toHaveLength((await read('prometheus/alerts.yml')).match(/- alert:/g)?.length ?? 0);
    expect(exprs.filter((expr) => metricsIn(expr).length === 0)).toEqual([]);
    expect(exprs.filter((expr) => metricsIn(expr).some((name) => !names.has(name)))).toEqual([]);
  });

  it('every code that an alert looks at', async () => {
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
