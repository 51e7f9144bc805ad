/** Documents without a plan get the same answers as planned ones: random documents to both, compared byte for byte. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import type { Pool } from 'pg';
import { postgraphile, type PostGraphileInstance } from 'postgraphile';
import { grafserv } from 'postgraphile/grafserv/express/v4';
import {
  call,
  createDatabase,
  expectSound,
  newKey,
  newWallet,
  rowsOf,
  someAsset,
  UNKNOWN_WALLET,
} from '../../db/tests/helpers.ts';
import { Chance } from '../../db/tests/prove/chance.ts';
import { createPool } from '../database/pool.ts';
import { learnRead } from '../direct_reads/index.ts';
import { createPreset } from '../graphql/graphile.config.ts';
import { jsonBody } from '../http/body.ts';
import { factsOf, startFacts, type RequestFacts } from '../observability/request_facts.ts';
import { answerHot, createPosting, flowsPlugins } from './index.ts';

const SEEDS = [1, 2, 3, 4, 5, Math.floor(Math.random() * 1e9)];
const DOCUMENTS = 60;
const ACCEPTED = ['application/json', 'application/graphql-response+json', '*/*', 'text/html, */*;q=0.1'];

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** With all of this folder; with grouping but always planned; without the folder. */
type Kind = 'hot' | 'planned' | 'bare';

/** The GraphQL API without the rest of the service. */
class Api {
  /** How many plans were made, and how many requests reached Grafserv. */
  plans = 0;
  served = 0;
  readonly #pgl: PostGraphileInstance;
  #server: Server | undefined;
  notes: RequestFacts | undefined;

  private constructor(pool: Pool, kind: Kind) {
    const preset = createPreset({
      pool,
      ...(kind !== 'bare' && { more: createPosting(true), plugins: flowsPlugins(learnRead) }),
    });
    const counting: GraphileConfig.Plugin = {
      name: 'CountingPlugin',
      grafast: {
        middleware: {
          establishOperationPlan: (next) => {
            this.plans += 1;
            return next();
          },
        },
      },
    };
    this.#pgl = postgraphile({
      ...preset,
      plugins: [...(preset.plugins ?? []).filter(({ name }) => kind === 'hot' || name !== 'HotPlugin'), counting],
    });
  }

  static async start(pool: Pool, kind: Kind): Promise<Api> {
    const api = new Api(pool, kind);
    const app = express();
    app.use((req, res, next) => {
      res.locals.identity = { role: 'operator', sub: req.get('X-Subject') ?? 'boss', pgRole: 'wallet_operator' };
      startFacts(res);
      api.notes = factsOf(res);
      next();
    }, jsonBody(1_000_000));
    const { schema, resolvedPreset } = await api.#pgl.getSchemaResult();
    if (kind === 'hot') app.use(answerHot(schema, resolvedPreset));
    app.use((_req, _res, next) => {
      api.served += 1;
      next();
    });
    await api.#pgl.createServ(grafserv).addTo(app, null, false);
    api.#server = app.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  async post(body: object, accept = 'application/json', subject = 'boss'): Promise<Answer> {
    const { port } = this.#server?.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: accept, 'X-Subject': subject },
      body: JSON.stringify(body),
    });
    const headers = Object.fromEntries(response.headers);
    return { status: response.status, headers: { ...headers, date: '' }, text: await response.text() };
  }

  async stop(): Promise<void> {
    this.#server?.close();
    this.#server?.closeAllConnections();
    await this.#pgl.release();
  }
}

// Hooks run in the order in which they are registered: this one before the database is dropped.
afterAll(async () => {
  await hot.stop();
  await planned.stop();
  await bare.stop();
  await pool.end();
});
const db = createDatabase();
let pool: Pool;
let hot: Api;
let planned: Api;
let bare: Api;
let wallets: string[];

beforeAll(async () => {
  pool = createPool({ url: db.url, login: 'wallet_gateway', size: 4, name: 'wallet-gateway', statementTimeoutMs: 0 });
  [hot, planned, bare] = [
    await Api.start(pool, 'hot'),
    await Api.start(pool, 'planned'),
    await Api.start(pool, 'bare'),
  ];
  const asset = await someAsset(db);
  wallets = await Promise.all([1, 2, 3].map(() => newWallet(db, asset, { bought: 1_000_000, bonus: 100 })));
}, 120_000);

/** Compares replays, after a first call has booked. For the second one the document is known. */
async function compare(body: object, accept?: string): Promise<Answer & { plans: number; served: number }> {
  await planned.post(body);
  const expected = await planned.post(body, accept);
  const { notes } = planned;
  const [plans, served] = [hot.plans, hot.served];
  for (let time = 0; time < 2; time += 1) {
    expect({ body, ...(await hot.post(body, accept)) }).toEqual({ body, ...expected });
    expect(hot.notes).toEqual(notes);
  }
  return { ...expected, plans: hot.plans - plans, served: hot.served - served };
}

const FIELDS =
  'transferId walletId seq kind amount bonusAmount balance bonusBalance heldBalance available holdId replayed createdAt'.split(
    ' ',
  );
const INPUTS = [
  'walletTopUp',
  'walletBonus',
  'walletSpend',
  'walletTransfer',
  'walletHold',
  'walletCapture',
  'walletRelease',
  'walletReverse',
];

/** Draws documents: mostly valid ones, in all the forms in which the same can be asked. */
class Author {
  readonly #chance: Chance;
  #variables: Record<string, unknown> = {};
  #definitions: string[] = [];
  #fragments: string[] = [];

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  body(): Record<string, unknown> {
    const chance = this.#chance;
    [this.#variables, this.#definitions, this.#fragments] = [{}, [], []];
    const fields = Array.from(
      { length: chance.weighted({ 1: 8, 2: 2, 3: 1 }) === '1' ? 1 : chance.int(1, 3) },
      (_, nth) => this.#root(nth),
    );
    if (chance.happens(10)) fields.push('__typename');
    const definitions = this.#definitions.length > 0 ? `(${this.#definitions.join(', ')})` : '';
    const name = chance.pick(['', 'Named']);
    const query = [`mutation ${name}${definitions} { ${fields.join(' ')} }`, ...this.#fragments].join('\n');
    return {
      query,
      variables: chance.happens(95) ? this.#variables : chance.pick([{}, null, { ...this.#variables, more: 1 }]),
      ...(name !== '' && chance.happens(50) && { operationName: name }),
      ...(chance.happens(3) && { operationName: 'Other' }),
    };
  }

  #variable(type: string, value: unknown): string {
    const name = `v${this.#definitions.length}`;
    const fallback = this.#chance.happens(3) && type === 'Boolean!' ? ' = true' : '';
    this.#definitions.push(`$${name}: ${type}${fallback}`);
    if (this.#chance.happens(98)) this.#variables[name] = value;
    return `$${name}`;
  }

  #root(nth: number): string {
    const chance = this.#chance;
    const name = chance.pick(INPUTS);
    const alias = nth > 0 || chance.happens(30) ? `a${nth}: ` : '';
    return `${alias}${name}(input: ${this.#input(name)})${this.#directive()} { ${this.#payload(name)} }`;
  }

  #input(name: string): string {
    const chance = this.#chance;
    const values = this.#values(name);
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    if (chance.happens(50))
      return this.#variable(`${type}!`, Object.fromEntries(values.map(([field, , value]) => [field, value])));
    const fields = values.map(([field, gqlType, value]) =>
      chance.happens(50) ? `${field}: ${this.#variable(gqlType, value)}` : `${field}: ${literal(value)}`,
    );
    return `{ ${fields.join(', ')} }`;
  }

  /** Field, type and value of each argument. */
  #values(name: string): [string, string, unknown][] {
    const chance = this.#chance;
    const wallet = chance.happens(95)
      ? chance.pick(wallets)
      : chance.pick([UNKNOWN_WALLET, 'no id', null, wallets[0]?.toUpperCase()]);
    const amount = chance.happens(92)
      ? String(chance.int(1, 9))
      : chance.pick(['0', 7, '10000000', 'x', null, '99999999999999999999', 1.5]);
    const values: [string, string, unknown][] = [
      ...(name === 'walletTransfer'
        ? ([
            ['fromWallet', 'UUID!', wallet],
            ['toWallet', 'UUID!', chance.pick(wallets)],
          ] as [string, string, unknown][])
        : ([['walletId', 'UUID!', wallet]] as [string, string, unknown][])),
      ['idemKey', 'String!', chance.happens(95) ? newKey() : chance.pick(['', 5, null, true, 'a\0'])],
    ];
    if (['walletCapture', 'walletRelease'].includes(name)) values.push(['holdId', 'UUID!', randomUUID()]);
    if (name === 'walletReverse') values.push(['transferId', 'UUID!', randomUUID()]);
    const mayBeLeftOut = ['walletCapture', 'walletReverse'].includes(name);
    if (name !== 'walletRelease' && !(mayBeLeftOut && chance.happens(50)))
      values.push(['amount', mayBeLeftOut ? 'BigInt' : 'BigInt!', amount]);
    if (chance.happens(25))
      values.push([
        'metadata',
        'JSON',
        chance.pick<unknown>([{ a: 1, b: ['x', null, { c: true }] }, null, {}, [], 'text', 3]),
      ]);
    if (chance.happens(15)) values.push(['clientMutationId', 'String', chance.pick(['mine', null, ''])]);
    if (['walletBonus', 'walletHold'].includes(name) && chance.happens(30))
      values.push(['expiresAt', 'Datetime', chance.pick(['2101-01-01T00:00:00Z', 'tomorrow', null, '2101-13-01'])]);
    if (chance.happens(2)) values.push(['unknown', 'String', 'x']);
    return chance.happens(97) ? values : values.slice(1);
  }

  #payload(name: string): string {
    const chance = this.#chance;
    const receipt = `${chance.happens(15) ? 'r: ' : ''}receipt${this.#directive()} { ${this.#receipt(2)} }`;
    const others = [
      ...(chance.happens(20) ? ['clientMutationId'] : []),
      ...(chance.happens(15) ? ['__typename'] : []),
      // The same field again, with other subfields.
      ...(chance.happens(5) ? ['receipt { seq }'] : []),
      // A field that only a plan can read.
      ...(chance.happens(10) ? [`query { wallet(id: "${wallets[0] ?? ''}") { ownerId } }`] : []),
      ...(chance.happens(2) ? ['nothing'] : []),
    ];
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Payload`;
    const all = chance.shuffled([receipt, ...others]).join(' ');
    if (chance.happens(85)) return all;
    return chance.happens(50)
      ? `... on ${type}${this.#directive()} { ${all} }`
      : `...${this.#fragment(type, all)}${this.#directive()}`;
  }

  #receipt(depth: number): string {
    const chance = this.#chance;
    const fields = chance
      .shuffled(FIELDS)
      .slice(0, chance.int(1, FIELDS.length))
      .map((field) => `${chance.happens(8) ? `x${chance.int(1, 99)}: ` : ''}${field}${this.#directive()}`);
    if (chance.happens(10)) fields.push('__typename');
    if (depth > 0 && chance.happens(20)) fields.push(`...${this.#fragment('Receipt', this.#receipt(depth - 1))}`);
    if (depth > 0 && chance.happens(10)) fields.push(`... ${this.#directive()} { ${this.#receipt(depth - 1)} }`);
    return fields.join(' ');
  }

  #fragment(type: string, selection: string): string {
    const name = `f${this.#fragments.length}`;
    this.#fragments.push(`fragment ${name} on ${type} { ${selection} }`);
    return name;
  }

  #directive(): string {
    const chance = this.#chance;
    if (chance.happens(94)) return '';
    const value = chance.happens(50) ? String(chance.happens(70)) : this.#variable('Boolean!', chance.happens(70));
    return ` @${chance.pick(['include', 'skip'])}(if: ${value})`;
  }
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${key}: ${literal(one)}`)
      .join(', ')} }`;
  return JSON.stringify(value);
}

describe('a document of flows and their receipts', () => {
  const counts = { direct: 0, unplanned: 0, planned: 0, receipts: 0, refusals: 0, badRequests: 0 };

  it.each(SEEDS)('gets the same answer without a plan: seed %i', async (seed) => {
    const author = new Author(new Chance(seed));
    const accepts = new Chance(seed);
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const accept = accepts.pick(ACCEPTED);
      const { status, text, plans, served } = await compare(author.body(), accept);
      if (plans === 0) counts[served < 2 ? 'direct' : 'unplanned'] += 1;
      else counts.planned += 1;
      if (status !== 200) counts.badRequests += 1;
      else if (text.includes('"errors"')) counts.refusals += 1;
      else counts.receipts += 1;
    }
  });

  it('has come in all forms', () => {
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(10);
  });

  it('gets the same answer without this folder', async () => {
    const author = new Author(new Chance(SEEDS.at(-1) ?? 0));
    for (let count = 0; count < DOCUMENTS / 3; count += 1) {
      const body = author.body();
      await planned.post(body);
      expect({ body, ...(await bare.post(body)) }).toEqual({ body, ...(await planned.post(body)) });
    }
  });

  it('books its mutations in order, and once each', async () => {
    const [walletId = ''] = wallets;
    const before = await rowsOf(db, walletId);
    const spends = Array.from(
      { length: 20 },
      (_, nth) =>
        `s${nth}: walletSpend(input: { walletId: "${walletId}", amount: "${nth + 1}", idemKey: "${newKey()}" }) { receipt { seq amount } }`,
    );

    const { text } = await hot.post({ query: `mutation { ${spends.join('\n')} }` });

    const { data } = JSON.parse(text) as { data: Record<string, { receipt: { seq: string; amount: string } }> };
    const receipts = Object.values(data).map(({ receipt }) => receipt);
    expect(receipts.map(({ amount }) => amount)).toEqual(spends.map((_, nth) => String(nth + 1)));
    expect(receipts.map(({ seq }) => seq)).toEqual(receipts.map((_, nth) => String(Number(receipts[0]?.seq) + nth)));
    expect((await rowsOf(db, walletId)).entries).toBe(before.entries + 20);
  });

  it('books in the name of each of its callers', async () => {
    const query = `mutation ($input: WalletSpendInput!) { walletSpend(input: $input) { receipt { seq } } }`;
    const [walletId = ''] = wallets;
    const subjects = ['ann', 'ben', 'ann', 'cem'];
    const keys = subjects.map(() => newKey());
    for (const [nth, subject] of subjects.entries())
      await hot.post(
        { query, variables: { input: { walletId, amount: '1', idemKey: keys[nth] } } },
        undefined,
        subject,
      );

    const { rows } = await db.query<{ actor: string }>(
      'select actor from ledger.transfers where idem_key = any ($1) order by array_position($1, idem_key)',
      [keys],
    );

    expect(rows.map(({ actor }) => actor)).toEqual(subjects.map((subject) => `operator:${subject}`));
  });

  it('that also reads the wallet sees it after the commit', async () => {
    const [walletId = ''] = wallets;
    const { text } = await hot.post({
      query: `mutation ($input: WalletTopUpInput!) { walletTopUp(input: $input) { receipt { balance } query { wallet(id: "${walletId}") { balance } } } }`,
      variables: { input: { walletId, amount: '5', idemKey: newKey() } },
    });

    const { data } = JSON.parse(text) as {
      data: { walletTopUp: { receipt: { balance: string }; query: { wallet: { balance: string } } } };
    };
    expect(data.walletTopUp.query.wallet.balance).toBe(data.walletTopUp.receipt.balance);
  });

  it('leaves the ledger sound', async () => {
    await expectSound(db);
  });
});

const UUIDS: Readonly<Record<string, readonly string[]>> = {
  wallet: ['id'],
  walletBalance: ['walletId'],
  transfer: ['id'],
  hold: ['id', 'walletId'],
};
const VALUES: Readonly<Record<string, readonly string[]>> = {
  wallet: 'id ownerId assetCode status balance bonusBalance heldBalance available createdAt seq'.split(' '),
  walletBalance: 'walletId seq balance bonusBalance heldBalance available'.split(' '),
  transfer:
    'id walletId kind amount bonusAmount actor createdAt expiresAt holdId idemKey reverses debitSeq creditWalletId'.split(
      ' ',
    ),
  hold: 'id walletId seq amount bonusAmount status createdAt expiresAt'.split(' '),
  entries: 'seq transferId kind side amount bonusAmount balance debit credit counterparty createdAt heldAmount'.split(
    ' ',
  ),
  events: 'actor createdAt kind reason walletId'.split(' '),
  holds: 'id seq amount bonusAmount status createdAt expiresAt'.split(' '),
};
/** Fields that need a plan, by their parent. */
const PLANNED: Readonly<Record<string, readonly string[]>> = {
  wallet: ['entries { nodes { seq } }', 'entries(last: 3) { nodes { seq } }', 'holds(first: 1) { edges { cursor } }'],
  transfer: ['metadata', 'wallet { ownerId }'],
  entries: ['hash', 'wallet { ownerId }'],
  events: ['seq', 'wallet { balance }'],
  hold: ['transfer { metadata }'],
  holds: ['closing { id }'],
};

describe('a document that reads a row and its lists', () => {
  const counts = { direct: 0, planned: 0, rows: 0, none: 0, errors: 0 };
  const ids: Record<string, string[]> = {};

  beforeAll(async () => {
    const strange = await newWallet(db, await someAsset(db), {
      bought: 500,
      bonus: 50,
      owner: 'o"{},\\NULL',
    });
    const [other = ''] = wallets;
    const spend = await call<{ transfer_id: string }>(db, 'wallet_spend', {
      wallet_id: strange,
      amount: 60,
      idem_key: 'k"e\\y{},NULL',
    });
    await call(db, 'wallet_transfer', { from_wallet: strange, to_wallet: other, amount: 7, idem_key: newKey() });
    const holds = [];
    for (const amount of [11, 12, 13])
      holds.push(
        await call<{ hold_id: string }>(db, 'wallet_hold', { wallet_id: strange, amount, idem_key: newKey() }),
      );
    const [open, captured, released] = holds.map(({ hold_id: id }) => id);
    await call(db, 'wallet_capture', { wallet_id: strange, hold_id: captured, idem_key: newKey() });
    await call(db, 'wallet_release', { wallet_id: strange, hold_id: released, idem_key: newKey() });
    await call(db, 'wallet_freeze', { wallet_id: strange, reason: 'NULL' });
    await call(db, 'wallet_reopen', { wallet_id: strange, reason: '"{\\",} é' });
    const empty = await newWallet(db, await someAsset(db));
    Object.assign(ids, {
      walletId: [strange, strange, strange, empty, other, UNKNOWN_WALLET],
      hold: [open, captured, released, UNKNOWN_WALLET],
      transfer: [spend.transfer_id, spend.transfer_id, UNKNOWN_WALLET],
    });
  });

  function draw(chance: Chance): Record<string, unknown> {
    const name = chance.weighted({ wallet: 10, walletBalance: 2, transfer: 2, hold: 2 });
    const definitions: string[] = [];
    const variables: Record<string, unknown> = {};
    const directive = (): string => (chance.happens(99) ? '' : ` @include(if: ${String(chance.happens(70))})`);
    const values = (of: string): string[] => [
      ...chance
        .shuffled(VALUES[of] ?? [])
        .slice(0, chance.int(1, 12))
        .map((field) => `${chance.happens(10) ? `a${chance.int(1, 99)}: ` : ''}${field}${directive()}`),
      ...(chance.happens(15) ? ['__typename'] : []),
      ...(chance.happens(4) ? [chance.pick(PLANNED[of] ?? ['nothing'])] : []),
      ...(chance.happens(2) ? ['... { __typename }'] : []),
    ];
    const list = (of: string): string => {
      const size = chance.weighted({ few: 8, many: 1, variable: 1 });
      if (size === 'variable') {
        definitions.push('$n: Int');
        variables.n = chance.int(0, 9);
      }
      const first = size === 'variable' ? '$n' : size === 'few' ? chance.int(0, 9) : chance.pick([100, 101, -1, 1001]);
      const named = chance.happens(10) ? 'list: nodes' : 'nodes';
      return `${of}(first: ${first}) { ${named} { ${values(of).join(' ')} } ${chance.happens(4) ? 'pageInfo { hasNextPage }' : ''} }`;
    };
    const args = (UUIDS[name] ?? []).map((arg) => {
      const known = ids[arg === 'walletId' || name === 'wallet' ? 'walletId' : name] ?? [];
      const value = chance.happens(95) ? chance.pick(known) : chance.pick(['no id', null, known[0]?.toUpperCase()]);
      if (chance.happens(4)) return `${arg}: ${JSON.stringify(value)}`;
      const variable = chance.pick([arg, 'some']);
      if (variable in variables) return `${arg}: $${variable}`;
      definitions.push(`$${variable}: UUID!${chance.happens(2) ? ` = "${UNKNOWN_WALLET}"` : ''}`);
      if (chance.happens(97)) variables[variable] = value;
      return `${arg}: $${variable}`;
    });
    const lists = name === 'wallet' ? ['entries', 'holds', 'events'].filter(() => chance.happens(45)).map(list) : [];
    const fields = chance.shuffled([...values(name), ...lists]).join(' ');
    const alias = chance.happens(30) ? 'result: ' : '';
    const given = definitions.length > 0 ? `(${[...new Set(definitions)].join(', ')})` : '';
    const more = chance.happens(3) ? ' more: ledgerTrialBalance(first: 1) { nodes { __typename } }' : '';
    return { query: `query ${given} { ${alias}${name}(${args.join(', ')}) { ${fields} }${more} }`, variables };
  }

  it.each(SEEDS)('gets the same answer without a plan: seed %i', async (seed) => {
    const chance = new Chance(seed);
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const body = draw(chance);
      const accept = chance.pick(ACCEPTED);
      const expected = await planned.post(body, accept);
      const { notes } = planned;
      let served = hot.served;
      // The resolver is derived while the second request is answered.
      for (let time = 0; time < 4; time += 1) {
        served = hot.served;
        expect({ body, ...(await hot.post(body, accept)) }).toEqual({ body, ...expected });
        expect(hot.notes).toEqual(notes);
      }
      counts[hot.served === served ? 'direct' : 'planned'] += 1;
      const { data } = JSON.parse(expected.text) as { data?: Record<string, unknown> | null };
      if (expected.text.includes('"errors"')) counts.errors += 1;
      else counts[data && Object.values(data)[0] ? 'rows' : 'none'] += 1;
    }
  });

  it('has come in all forms', () => {
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(5);
    expect(counts.direct).toBeGreaterThan(100);
  });
});
