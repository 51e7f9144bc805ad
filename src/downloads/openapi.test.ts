/** Compares docs/openapi.yaml with the routes of the service and with its answers. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { newAsset, newWallet, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import { sealAll } from '../../db/tests/seals.ts';
import { createPool } from '../database/pool.ts';
import { type Caller, createGateway, ROOT } from '../testing.ts';
import { downloadsRouter } from './index.ts';

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
}
interface Described {
  headers?: Record<string, unknown>;
  content: Record<string, { schema: { properties?: Record<string, unknown>; required?: string[] } }>;
}
interface Operation {
  path: string;
  parameters: Parameter[];
  security?: unknown[];
  responses: Record<string, Described>;
}
type Written = Omit<Operation, 'path' | 'parameters'> & { parameters?: Parameter[] };

const LIMIT = 40;
const gateway = createGateway({ RATE_LIMIT_PER_MINUTE: String(LIMIT) });
const { db } = gateway;

const document = parse(readFileSync(`${ROOT}docs/openapi.yaml`, 'utf8')) as {
  openapi: string;
  paths: Record<string, { get: Written }>;
};

/** Replaces each `$ref` by what it names. */
function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  if (!('$ref' in value))
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner)]));
  const names = String(value.$ref).replace(/^#\//, '').split('/');
  const found = names.reduce<unknown>(
    (outer, name) => (outer as Record<string, unknown> | undefined)?.[name],
    document,
  );
  if (found === undefined) throw new Error(`There is no ${String(value.$ref)}`);
  return resolved(found);
}

const operations = Object.entries(document.paths).map(([path, { get }]): Operation => {
  const operation = resolved(get) as Written;
  return { ...operation, path, parameters: operation.parameters ?? [] };
});
const downloads = operations.filter(({ path }) => /^\/(wallets|reports)\//.test(path));

const good: Record<string, string> = { bucket: 'hour', tz: 'Europe/Berlin', 'Wallet-Read': 'primary' };

beforeAll(async () => {
  const asset = await newAsset(db);
  const wallet = await newWallet(db, asset, { bought: 5, bonus: 2 });
  const day = 24 * 3600_000;
  const [from, to] = [new Date(Date.now() - day).toISOString(), new Date(Date.now() + day).toISOString()];
  Object.assign(good, { id: wallet, asset, from, to, at: to });
  const period = new URLSearchParams({ asset, from, to }).toString();
  // Only entries in closed blocks have a cursor.
  await sealAll(db);
  const journal = await gateway.as('auditor', 'first').fetch(`/reports/journal.ndjson?${period}`);
  good.after = (JSON.parse((await journal.text()).split('\n')[0] ?? '') as { cursor: string }).cursor;
});

/** Requests are limited per caller, so each operation has its own. */
function ask(
  { path }: Operation,
  parameters: readonly Parameter[],
  { changed = {}, caller = gateway.as('auditor', path) }: { changed?: Record<string, string>; caller?: Caller } = {},
): Promise<Response> {
  const values = { ...good, ...changed };
  const of = (place: Parameter['in']) =>
    parameters.filter((one) => one.in === place).map(({ name }): [string, string] => [name, values[name] ?? '']);
  const filled = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => values[name] ?? '');
  const query = new URLSearchParams(of('query')).toString();
  return caller.fetch(`${filled}${query && `?${query}`}`, { headers: Object.fromEntries(of('header')) });
}

const required = ({ parameters }: Operation) => parameters.filter((one) => one.required);

/** Checks that the answer is described: its status, media type, headers and the required fields of its JSON. */
async function expectDescribed({ path, responses }: Operation, response: Response, status: number): Promise<string> {
  const text = await response.text();
  expect({ path, status: response.status, text: response.ok ? '' : text }).toEqual({
    path,
    status,
    text: response.ok ? '' : text,
  });
  const described = responses[status];
  if (!described) throw new Error(`${path} does not describe ${status}`);
  const [type = '', ...more] = Object.keys(described.content);
  expect([response.headers.get('content-type')?.split(';')[0], more]).toEqual([type, []]);
  for (const header of Object.keys(described.headers ?? {}))
    expect({ path, status, header, value: response.headers.get(header) }).toMatchObject({
      value: expect.any(String) as string,
    });
  if (type === 'application/json')
    expect(Object.keys(JSON.parse(text) as object)).toEqual(described.content[type]?.schema.required);
  return text;
}

describe('docs/openapi.yaml', () => {
  it('has exactly the routes of the service', () => {
    const pool = createPool({ url: db.url, login: 'wallet_gateway', size: 1, name: 'routes', statementTimeoutMs: 0 });
    const routes = downloadsRouter({ pool }).stack.map(({ route }) => route?.path.replaceAll(/:(\w+)/g, '{$1}'));
    const plain = [...readFileSync(`${ROOT}src/app.ts`, 'utf8').matchAll(/app\.get\('([^']+)'/g)].map(
      ([, path]) => path,
    );

    expect(plain).toContain('/healthz');
    expect(Object.keys(document.paths).sort()).toEqual([...routes, ...plain].sort());
  });

  it('is OpenAPI 3.1, with different operation ids', () => {
    const names = Object.values(document.paths).map(({ get }) => (get as { operationId?: string }).operationId);

    expect(document.openapi).toBe('3.1.0');
    expect(new Set(names.filter((name) => name !== undefined)).size).toBe(operations.length);
  });

  it.each(operations)(
    'describes 200 of $path, with all parameters and with the required ones only',
    async (operation) => {
      await expectDescribed(operation, await ask(operation, operation.parameters), 200);
      const text = await expectDescribed(operation, await ask(operation, required(operation)), 200);

      const fields = operation.responses[200]?.content['application/x-ndjson']?.schema.properties;
      if (!fields) return;
      for (const line of text.trimEnd().split('\n'))
        expect(Object.keys(JSON.parse(line) as object)).toEqual(Object.keys(fields));
    },
  );

  it.each(downloads)('describes 400 of $path for each parameter, and for an unknown one', async (operation) => {
    const unknown: Parameter = { name: 'unknown', in: 'query' };
    await expectDescribed(operation, await ask(operation, [...operation.parameters, unknown]), 400);
    for (const left of required(operation).filter((one) => one.in === 'query')) {
      const text = await expectDescribed(
        operation,
        await ask(
          operation,
          required(operation).filter((one) => one !== left),
        ),
        400,
      );
      expect(text).toContain(`${left.name} is missing`);
    }
    const read = await ask(operation, operation.parameters, { changed: { 'Wallet-Read': 'other' } });
    expect(await expectDescribed(operation, read, 400)).toContain('Wallet-Read');
  });

  it.each(operations)('describes the roles that may use $path', async (operation) => {
    const response = await ask(operation, operation.parameters, { caller: gateway.with(undefined) });

    await expectDescribed(operation, response, operation.security?.length === 0 ? 200 : 401);
    if (!operation.responses[403]) return;
    await expectDescribed(operation, await ask(operation, operation.parameters, { caller: gateway.as('player') }), 403);
  });

  it.each(downloads)('describes 404 of $path', async (operation) => {
    const missing = { id: UNKNOWN_WALLET, asset: 'NOPE' };
    const names = operation.parameters.filter(({ name }) => name !== 'after');

    await expectDescribed(
      operation,
      await ask(operation, names, { changed: missing }),
      operation.responses[404] ? 404 : 200,
    );
  });

  it.each(downloads)('describes 429 of $path', async (operation) => {
    const caller = gateway.as('auditor', `often ${operation.path}`);
    let response = await ask(operation, operation.parameters, { caller });
    for (let turn = 0; response.ok && turn < 10 * LIMIT; turn += 1) {
      await response.text();
      response = await ask(operation, operation.parameters, { caller });
    }

    await expectDescribed(operation, response, 429);
  });

  it('describes 503 of downloads while the tables are locked', async () => {
    const holder = await db.connect();
    await holder.query('begin');
    await holder.query(
      'lock table ledger.wallets, ledger.entries, ledger.assets, ledger.blocks in access exclusive mode',
    );
    try {
      await Promise.all(
        downloads.map(async (operation) => {
          const response = await ask(operation, operation.parameters, {
            caller: gateway.as('auditor', `locked ${operation.path}`),
          });
          await expectDescribed(operation, response, 503);
        }),
      );
    } finally {
      await holder.query('rollback');
    }
  });

  it('describes 503 of /readyz while the gateway may not read the migrations', async () => {
    const operation = operations.find(({ path }) => path === '/readyz');
    if (!operation) throw new Error('There is no /readyz');
    await db.query('revoke usage on schema wallet_migrate from wallet_gateway');
    try {
      await expectDescribed(operation, await ask(operation, []), 503);
    } finally {
      await db.query('grant usage on schema wallet_migrate to wallet_gateway');
    }
  });

  it('describes only statuses that these tests have seen', () => {
    const seen = new Set(['200', '400', '401', '403', '404', '429', '503']);
    const others = operations.flatMap(({ responses }) => Object.keys(responses)).filter((status) => !seen.has(status));

    expect(others).toEqual([]);
  });
});
