import { readFileSync } from 'node:fs';
import {
  buildSchema,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
} from 'graphql';
import { type JWTPayload, SignJWT } from 'jose';
import { expectSound, newAsset, newKey, newWallet, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import type { Refusal, Session } from '../../db/tests/helpers.ts';
import { countRows, goodValue, HOSTILE, isLegal, isStored, newScene, type Scene } from '../../db/tests/hostile.ts';
import { AUTH, createGateway, ROOT, type Answer, type GraphqlError } from '../testing.ts';

const gateway = createGateway();
const { db } = gateway;
const service = gateway.as('service', 'shop');
const operator = gateway.as('operator', 'desk');

const CODES =
  `INVALID_AMOUNT INVALID_ARGUMENT SAME_WALLET WALLET_NOT_FOUND ASSET_NOT_FOUND HOLD_NOT_FOUND TRANSFER_NOT_FOUND ASSET_MISMATCH
  IDEMPOTENCY_KEY_REUSED WALLET_FROZEN WALLET_CLOSED HOLD_NOT_OPEN NOT_REVERSIBLE LIMIT_EXCEEDED INSUFFICIENT_FUNDS FORBIDDEN
  WEBHOOK_NOT_FOUND WEBHOOK_EXISTS BAD_REQUEST UNAUTHENTICATED NOT_FOUND`.split(/\s+/);
/** Source code, paths, SQL and database internals. */
const INSIDES =
  /ledger_private|plpgsql|pg_catalog|node_modules|\bat \S+ \(|\.[tj]s:\d|call stack|\.sql\b|file:\/\/|\bselect\b.*\bfrom ledger/i;

interface Reply {
  status: number;
  text: string;
}

/** The errors of an answer, and the refusals among many calls. */
function errorsOf(text: string): GraphqlError[] {
  const { data, errors = [] } = JSON.parse(text) as Answer['body'];
  const payload = data?.walletPostEach as { outcomes?: { refusal: Refusal | null }[] } | null | undefined;
  const refusals = payload?.outcomes?.flatMap(({ refusal }) => refusal ?? []) ?? [];
  return [...errors, ...refusals.map(({ message, ...extensions }) => ({ message, extensions }))];
}

/** What is wrong with a refusal; undefined if nothing is. */
function faultOf({ status, text }: Reply): string | undefined {
  if (status >= 500 || (status !== 200 && status < 400)) return `status ${status}: ${text.slice(0, 100)}`;
  const errors = errorsOf(text);
  if (errors.length === 0) return `refused without an error: ${text.slice(0, 100)}`;
  const unknown = errors.find(({ extensions }) => !CODES.includes(extensions.code));
  if (unknown) return `refused with ${JSON.stringify(unknown).slice(0, 200)}`;
  // Quoted text may be the caller's own.
  if (INSIDES.test(errors.map(({ message }) => message.replaceAll(/"[^"]*"|'[^']*'/g, '')).join('\n')))
    return `shows its insides: ${text.slice(0, 300)}`;
  return undefined;
}

/** Without the rows that the service's worker seals meanwhile. */
async function rowsOf(of: Session): Promise<Record<string, number>> {
  const counts = Object.entries(await countRows(of));
  return Object.fromEntries(
    counts.filter(([table]) => !/^ledger\.(block|house_totals)|\.unsealed_events$/.test(table)),
  );
}

async function send(body: string, caller = operator): Promise<Reply> {
  const response = await caller.fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  return { status: response.status, text: await response.text() };
}

function isTaken({ status, text }: Reply): boolean {
  return status === 200 && errorsOf(text).length === 0;
}

const schema = buildSchema(readFileSync(`${ROOT}schema.graphql`, 'utf8'));
const PG_TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  Cursor: 'text',
  BigInt: 'bigint',
  Int: 'integer',
  UUID: 'uuid',
  JSON: 'jsonb',
  Datetime: 'timestamp with time zone',
  TransferKind: 'ledger.transfer_kind',
  EntrySide: 'ledger.entry_side',
  Boolean: 'boolean',
};
const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const isNumber = (json: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/i.test(json);

/** The type in the database; for other types, such as enums, only values that are always wrong are sent. */
const typeOf = (type: GraphQLInputType): string => PG_TYPES[getNamedType(type).name] ?? getNamedType(type).name;

/** A field of an input by its GraphQL name, and its name and type in the database. */
interface Argument {
  key: string;
  name: string;
  type: string;
  isRequired: boolean;
  /** Whether it is a field of a request, most of which are for some kinds only. */
  isItem?: boolean;
}

const argumentOf = ({ name: key, type }: GraphQLInputField): Argument => ({
  key,
  name: snake(key),
  type: typeOf(type),
  isRequired: isNonNullType(type),
});

/** Hostile values as JSON: texts, numbers, and values of other types. */
function jsonsOf(type: string): string[] {
  const texts = (HOSTILE[type] ?? []).filter((value) => typeof value === 'string');
  const own = texts.flatMap((value) => {
    if (type === 'jsonb') return [value];
    if (!isNumber(value)) return [JSON.stringify(value)];
    // An Int is not accepted as a string.
    return type === 'integer' ? [value] : [value, JSON.stringify(value)];
  });
  return [
    ...own,
    'null',
    'true',
    '"x"',
    '1',
    '0.1',
    '1e400',
    '[]',
    '{}',
    '[[1]]',
    '{"a": [null]}',
    '"\\ud800"',
    '"a\\udc00"',
  ];
}

/** Whether an argument accepts the value; undefined if both answers are right. */
function isLegalJson({ name, type, isRequired, isItem = false }: Argument, json: string): boolean | undefined {
  // Null for JSON may mean that it is missing; null may stand for a default.
  if (json === 'null' && ['metadata', 'scale', 'bonus_amount'].includes(name)) return undefined;
  if (json === 'null') return isLegal(name, null, !isRequired);
  if (type === 'boolean') return ['true', 'false'].includes(json) ? undefined : false;
  if (type === 'jsonb') {
    if (/1e400|1e999999|9007199254740993/.test(json)) return false;
    return json.includes('['.repeat(1000)) ? undefined : isLegal(name, json, false);
  }
  if (isNumber(json)) {
    const number = Number(json);
    const isTakenAsNumber =
      type === 'bigint' ? Number.isSafeInteger(number) : type === 'integer' && number === (number | 0);
    return isTakenAsNumber ? isLegal(name, String(number), isItem) : false;
  }
  if (name === 'owner_ids' && json === '[]') return true;
  if (!json.startsWith('"') || /\\u[d][8c]00/.test(json) || type === 'integer') return false;
  // GraphQL converts a single value to a list.
  if (name === 'owner_ids') return isLegal('owner_id', JSON.parse(json) as string, false);
  return isLegal(name, JSON.parse(json) as string, isItem);
}

/** Converts JSON to a GraphQL literal: without quotes around names. */
const literalOf = (json: string): string => json.replaceAll(/"(\w+)":/g, '$1:');

interface Mutation {
  key: string;
  inputType: string;
  /** A batch is called with the fields of its single request. */
  isBatch: boolean;
  args: Argument[];
  /** The selection that shows whether the call was refused. */
  payload: string;
}

const MUTATIONS = Object.values(schema.getMutationType()?.getFields() ?? {}).map((field): Mutation => {
  const inputType = field.args.map(({ type }) => getNamedType(type)).find(isInputObjectType);
  if (!inputType) throw new Error(`${field.name} has no input`);
  // clientMutationId is no argument of a function.
  const inputs = Object.values(inputType.getFields()).filter(({ name }) => name !== 'clientMutationId');
  const item = inputs.map(({ type }) => getNamedType(type)).find(isInputObjectType);
  const fields = item ? Object.values(item.getFields()) : inputs;
  const args = fields.map(argumentOf);
  return {
    key: field.name,
    inputType: inputType.name,
    isBatch: item !== undefined,
    // Some kinds may omit the amount, but not the bonus that is sent here.
    args: item
      ? args.map((arg) => ({ ...arg, isItem: true, isRequired: arg.isRequired || arg.key === 'amount' }))
      : args,
    payload: field.name === 'walletPostEach' ? 'outcomes { refusal { code message detail hint } }' : '__typename',
  };
});

async function goodInput(scene: Scene, mutation: Mutation): Promise<Map<string, string>> {
  const input = new Map<string, string>();
  for (const { key, name, type } of mutation.args) {
    const value = await goodValue(db, scene, snake(mutation.key), name, type);
    const isBare = ['jsonb', 'integer', 'boolean'].includes(type);
    if (value !== null) input.set(key, isBare ? String(value) : JSON.stringify(value));
  }
  return input;
}

function inputOf({ isBatch }: Mutation, input: Map<string, string>, as: 'json' | 'literal'): string {
  const fields = [...input]
    .map(([name, value]) => (as === 'json' ? `"${name}": ${value}` : `${name}: ${value}`))
    .join(', ');
  if (!isBatch) return `{${fields}}`;
  return as === 'json' ? `{"requests": [{${fields}}]}` : `{requests: [{${fields}}]}`;
}

function bodyWithVariable(mutation: Mutation, input: Map<string, string>): string {
  const query = `mutation ($input: ${mutation.inputType}!) { ${mutation.key}(input: $input) { ${mutation.payload} } }`;
  return `{"query": ${JSON.stringify(query)}, "variables": {"input": ${inputOf(mutation, input, 'json')}}}`;
}

function bodyWithLiteral(mutation: Mutation, input: Map<string, string>): string {
  const literals = new Map(
    [...input].map(([name, value]) => [
      name,
      mutation.args.some(
        ({ key, type }) => key === name && ['ledger.transfer_kind', 'ledger.entry_side'].includes(type),
      )
        ? value.replace(/^"(\w*)"$/, '$1')
        : literalOf(value),
    ]),
  );
  return JSON.stringify({
    query: `mutation { ${mutation.key}(input: ${inputOf(mutation, literals, 'literal')}) { ${mutation.payload} } }`,
  });
}

/** A request, built when it is sent, and a check of its answer. */
interface Try {
  what: string;
  body: () => string | Promise<string>;
  judge: (reply: Reply) => string | undefined | Promise<string | undefined>;
}

/** Sends all requests, a few at a time, and collects their faults. */
async function faultsOf(tries: Try[], caller = operator): Promise<string[]> {
  const faults: string[] = [];
  const left = [...tries];
  const work = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const fault = await next.judge(await send(await next.body(), caller));
      if (fault !== undefined) faults.push(`${next.what.slice(0, 80)}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return faults;
}

const refused = (reply: Reply): string | undefined => (isTaken(reply) ? 'taken' : faultOf(reply));
const taken = (reply: Reply): string | undefined =>
  isTaken(reply) ? undefined : `not taken: ${reply.text.slice(0, 200)}`;
const either = (reply: Reply): string | undefined => (isTaken(reply) ? undefined : faultOf(reply));

async function stored(arg: Argument, json: string): Promise<string | undefined> {
  const value = arg.type === 'jsonb' ? json : String(JSON.parse(json));
  return json === 'null' || (await isStored(db, arg, value)) ? undefined : 'not stored as it was sent';
}

/** A number keeps its digits in a document; a text is the same as in a variable. */
function isLiteralRefused({ name, type }: Argument, json: string): boolean {
  if (type === 'text' || json.length > 20_000) return false;
  return type !== 'bigint' || !isNumber(json) || isLegal(name, json, false) === false;
}

describe('a hostile value over GraphQL', () => {
  it.each(MUTATIONS)(
    'in any argument of $key is refused by name and leaves no row, or is accepted',
    async (mutation) => {
      const scene = await newScene(db, await newAsset(db));
      const good = await goodInput(scene, mutation);
      const cases = mutation.args.flatMap((arg) =>
        jsonsOf(arg.type).map((json) => ({ arg, json, legal: isLegalJson(arg, json) })),
      );
      const isIllegal = ({ legal }: { legal: boolean | undefined }) => legal === false;
      const withValue = (input: Map<string, string>, arg: Argument, json: string) => new Map(input).set(arg.key, json);
      const before = await rowsOf(db);

      const faults = await faultsOf(
        cases.filter(isIllegal).flatMap(({ arg, json }) => {
          const input = withValue(good, arg, json);
          const asVariable = {
            what: `${arg.key}: ${json}`,
            body: () => bodyWithVariable(mutation, input),
            judge: refused,
          };
          const asLiteral = {
            ...asVariable,
            what: `literal ${asVariable.what}`,
            body: () => bodyWithLiteral(mutation, input),
          };
          // Literals are parsed by their type alone.
          const isFirst = mutation.args.find(({ type }) => type === arg.type) === arg;
          return isFirst && isLiteralRefused(arg, json) ? [asVariable, asLiteral] : [asVariable];
        }),
      );
      expect(faults).toEqual([]);
      expect(await rowsOf(db)).toEqual(before);

      const others = await faultsOf(
        cases
          .filter((one) => !isIllegal(one))
          .map(({ arg, json, legal }) => ({
            what: `${arg.key}: ${json}`,
            body: async () => bodyWithVariable(mutation, withValue(await goodInput(scene, mutation), arg, json)),
            judge: async (reply) => (legal ? (taken(reply) ?? (await stored(arg, json))) : either(reply)),
          })),
      );
      expect(others).toEqual([]);
    },
  );

  it('among many calls is refused alone: the others are booked', async () => {
    const scene = await newScene(db, await newAsset(db));
    const mutation = MUTATIONS.find(({ key }) => key === 'walletPostEach');
    if (!mutation) throw new Error('no walletPostEach');
    const good = await goodInput(scene, mutation);
    const illegal = mutation.args.flatMap((arg) =>
      jsonsOf(arg.type)
        .filter((json) => isLegalJson(arg, json) === false)
        .map((json) => ({ arg, json })),
    );
    let [refusedAlone, refusedWhole] = [0, 0];
    const other = await newWallet(db, scene.asset);
    const topUp = () => `{"kind": "top_up", "walletId": "${other}", "amount": "1", "idemKey": "${newKey()}"}`;

    const faults = await faultsOf(
      illegal.map(({ arg, json }) => ({
        what: `${arg.key}: ${json}`,
        body: () =>
          bodyWithVariable(mutation, new Map(good).set(arg.key, json)).replace(
            /"requests": \[([^]*)\]\}\}\}$/,
            (_all, item: string) => `"requests": [${topUp()}, ${item}, ${topUp()}]}}}`,
          ),
        judge: (reply) => {
          const { data } = JSON.parse(reply.text) as Answer['body'];
          const payload = data?.walletPostEach as { outcomes: { refusal: object | null }[] } | null | undefined;
          if (!payload) {
            refusedWhole += 1;
            return faultOf(reply);
          }
          refusedAlone += 1;
          const isRefused = payload.outcomes.map(({ refusal }) => refusal !== null);
          return String(isRefused) === 'false,true,false' ? faultOf(reply) : `refused: ${String(isRefused)}`;
        },
      })),
    );

    expect(faults).toEqual([]);
    expect([refusedAlone > 30, refusedWhole > 100]).toEqual([true, true]);
    expect((await db.query('select from ledger.transfers where wallet_id = $1', [other])).rowCount).toBe(
      2 * refusedAlone,
    );
    expect(await gateway.db.query('select from ledger.transfers where wallet_id = $1', [scene.wallet])).toMatchObject({
      rowCount: 1,
    });
  });

  it.each(['null', '1', '"true"', '[]', '{}', '[true]'])(
    'for wait is refused, and nothing is booked: %s',
    async (json) => {
      const wallet = await newWallet(db, await someAsset(db));
      const item = `{"kind": "top_up", "walletId": "${wallet}", "amount": "1", "idemKey": "${newKey()}"}`;
      const query = `mutation ($input: WalletPostEachInput!) { walletPostEach(input: $input) { outcomes { refusal { code } } } }`;

      const reply = await send(
        `{"query": ${JSON.stringify(query)}, "variables": {"input": {"requests": [${item}], "wait": ${json}}}}`,
      );

      expect(refused(reply)).toBeUndefined();
      expect((await db.query('select from ledger.transfers where wallet_id = $1', [wallet])).rowCount).toBe(0);
    },
  );

  it('leaves the ledger sound', () => expectSound(db));
});

describe('a value that looks hostile', () => {
  it.each([
    ['2999-12-31', '2999-12-31T00:00:00.000000+00:00'],
    ['2999-12-31T23:59Z', '2999-12-31T23:59:00.000000+00:00'],
    ['2999-12-31t23:59:59z', '2999-12-31T23:59:59.000000+00:00'],
    ['2999-12-31 23:59:59.123456 +05:30', '2999-12-31T18:29:59.123456+00:00'],
    ['2999-12-31T23:59:59.123456789-0800', '3000-01-01T07:59:59.123457+00:00'],
    ['294276-12-31T23:59:59+00', '294276-12-31T23:59:59.000000+00:00'],
  ])('is a valid time: %s', async (expiresAt, shown) => {
    const walletId = await newWallet(db, await someAsset(db));

    await service.receipt('walletBonus', { walletId, amount: 1, idemKey: 'k', expiresAt });

    expect(await service.data(`{ transferByIdemKey(walletId: "${walletId}", idemKey: "k") { expiresAt } }`)).toEqual({
      transferByIdemKey: { expiresAt: shown },
    });
  });

  it('is stored unchanged as metadata, also from a document', async () => {
    const walletId = await newWallet(db, await someAsset(db));
    const literal = `{a: 1.50, b: -0, c: [null, true, "';--"], d: 9007199254740991, e: 1e3, __proto__: {f: {}}, g: $part}`;

    await service.data(
      `mutation ($part: JSON) { walletTopUp(input: {walletId: "${walletId}", amount: 1, idemKey: "k", metadata: ${literal}}) { receipt { seq } } }`,
      { part: ['$1', '%s'] },
    );

    const { rows } = await db.query('select metadata::text from ledger.transfers where wallet_id = $1', [walletId]);
    expect(rows).toEqual([
      {
        metadata: `{"a": 1.5, "b": 0, "c": [null, true, "';--"], "d": 9007199254740991, "e": 1000, "g": ["$1", "%s"], "__proto__": {"f": {}}}`,
      },
    ]);
  });
});

/** A field with arguments, and the query around it, through fields that need an id only. */
interface Reading {
  name: string;
  field: GraphQLField<unknown, unknown>;
  around: (inner: string) => string;
}

interface Ids {
  wallet: string;
  transfer: string;
  hold: string;
  asset: string;
}

/** The id of a row, or a valid value of another required argument. */
function goodLiteral(field: GraphQLField<unknown, unknown>, { name, type }: GraphQLArgument, ids: Ids): string {
  if (name === 'id') return JSON.stringify(ids[getNamedType(field.type).name.toLowerCase() as keyof Ids]);
  if (name === 'walletId') return JSON.stringify(ids.wallet);
  if (name === 'assetCode') return JSON.stringify(ids.asset);
  // A period must end after it begins.
  if (['fromTime', 'from'].includes(name)) return '"2999-12-01"';
  return { BigInt: '1', Datetime: '"2999-12-31"' }[getNamedType(type).name] ?? '"GOLD"';
}

/** The required arguments and the wallet's: without a wallet some fields read the whole ledger. */
function goodArguments(field: GraphQLField<unknown, unknown>, ids: Ids, without?: string): string[] {
  return field.args
    .filter(
      ({ name, type }) =>
        name !== without &&
        (isNonNullType(type) || name === 'walletId' || (field.name === 'operatorActions' && name === 'from')),
    )
    .map((arg) => `${arg.name}: ${goodLiteral(field, arg, ids)}`);
}

/** All fields with arguments that can be reached from the root, each by the shortest path. */
function readings(ids: Ids): Reading[] {
  const query = schema.getQueryType();
  const found: Reading[] = [];
  const seen = new Set<GraphQLObjectType>();
  const left: { type: GraphQLObjectType; around: (inner: string) => string }[] = query
    ? [{ type: query, around: (inner) => `{ ${inner} }` }]
    : [];
  for (let here = left.shift(); here; here = left.shift()) {
    const { type, around } = here;
    if (seen.has(type)) continue;
    seen.add(type);
    for (const field of Object.values(type.getFields())) {
      if (field.args.length > 0) found.push({ name: `${type.name}.${field.name}`, field, around });
      const args = goodArguments(field, ids);
      const list = args.length > 0 ? `(${args.join(', ')})` : '';
      const next = getNamedType(field.type);
      if (isObjectType(next)) left.push({ type: next, around: (inner) => around(`${field.name}${list} { ${inner} }`) });
    }
  }
  return found;
}

/** Fields without arguments, so that rows are read. */
function selectionOf(field: GraphQLField<unknown, unknown>): string {
  const type = getNamedType(field.type);
  if (!isObjectType(type)) return '';
  const fields = Object.values(type.getFields());
  const nodes = fields.find(({ name }) => name === 'nodes');
  if (nodes) return `{ nodes ${selectionOf(nodes)} }`;
  return `{ ${fields
    .filter(({ type: leaf, args }) => args.length === 0 && !isObjectType(getNamedType(leaf)))
    .map(({ name }) => name)
    .join(' ')} }`;
}

/** Hostile values of an argument; of an input object, in each of its fields; of a list, alone and many times. */
function jsonsOfArgument({ type }: GraphQLArgument): string[] {
  const named = getNamedType(type);
  if (isInputObjectType(named)) {
    return Object.values(named.getFields()).flatMap((field) =>
      jsonsOf(argumentOf(field).type).map((json) => `{"${field.name}": ${json}}`),
    );
  }
  const jsons = jsonsOf(typeOf(type));
  return isListType(getNullableType(type))
    ? [...jsons, ...jsons.filter(({ length }) => length < 20).map((json) => `[${json}, ${json}]`)]
    : jsons;
}

describe('a hostile value in a query', () => {
  it('is refused by name or finds nothing, in each argument of each field', async () => {
    const asset = await newAsset(db);
    const scene = await newScene(db, asset);
    const [hold = '', transfer = ''] = [
      await goodValue(db, scene, 'wallet_release', 'hold_id', 'uuid'),
      await goodValue(db, scene, 'wallet_reverse', 'transfer_id', 'uuid'),
    ].map(String);
    const ids = { wallet: scene.wallet, transfer, hold, asset };
    const fields = readings(ids);
    const asker = gateway.as('auditor');
    const before = await rowsOf(db);

    const sound = fields.map(({ name, field, around }): Try => {
      const args = goodArguments(field, ids);
      const query = around(`${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${selectionOf(field)}`);
      return { what: name, body: () => JSON.stringify({ query }), judge: taken };
    });
    const hostile = fields.flatMap(({ name, field, around }) =>
      field.args.flatMap((arg) => {
        const args = [...goodArguments(field, ids, arg.name), `${arg.name}: $value`].join(', ');
        const query = `query ($value: ${String(arg.type)}) ${around(`${field.name}(${args}) ${selectionOf(field)}`)}`;
        return jsonsOfArgument(arg).map((json): Try => {
          const body = () => `{"query": ${JSON.stringify(query)}, "variables": {"value": ${json}}}`;
          return { what: `${name}(${arg.name}: ${json})`, body, judge: either };
        });
      }),
    );

    expect(fields.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Query.wallets', 'Wallet.entries', 'Transfer.reversals']),
    );
    expect(await faultsOf(sound, asker)).toEqual([]);
    expect(await faultsOf(hostile, asker)).toEqual([]);
    expect(await rowsOf(db)).toEqual(before);
  });
});

describe('a hostile download', () => {
  it.each(['csv', 'ndjson'])('is refused by name: %s', async (format) => {
    const ids = jsonsOf('uuid').flatMap((json) => {
      const id = json.startsWith('"') ? (JSON.parse(json) as string) : json;
      // Node's HTTP parser limits the length of a URL.
      return id.isWellFormed() && id.length < 10_000 ? [encodeURIComponent(id)] : [];
    });
    const paths = [...ids, '%00', '%ff%fe', '%ZZ', '..%2f..', '.', `${UNKNOWN_WALLET}%00`, 'x'.repeat(10_000)];
    const faults: string[] = [];

    for (const id of paths) {
      const response = await service.fetch(`/wallets/${id}/history.${format}`);
      const reply = { status: response.status, text: await response.text() };
      const fault = response.ok ? 'taken' : faultOf(reply);
      if (fault !== undefined) faults.push(`${id.slice(0, 60)}: ${fault}`);
    }

    expect(faults).toEqual([]);
    expect((await service.fetch(`/wallets/${'x'.repeat(2 ** 20)}/history.${format}`)).status).toBe(431);
  });
});

describe('a hostile request', () => {
  const query = '{ assets { nodes { code } } }';
  const json = { 'Content-Type': 'application/json' };

  it.each([
    ['null', 'null', json],
    ['a number', '1', json],
    ['a text', '"x"', json],
    ['nothing', '', json],
    ['a list of requests', JSON.stringify([{ query }, { query }]), json],
    ['a list without end', '['.repeat(50_000), json],
    ['objects without end', '{"a":'.repeat(50_000), json],
    ['a list of queries', JSON.stringify({ query: [query] }), json],
    ['no query', JSON.stringify({ documentId: 'x' }), json],
    ['an operation that is not there', JSON.stringify({ query, operationName: `x'"` }), json],
    ['an operation that is none', JSON.stringify({ query, operationName: {} }), json],
    ['variables that are none', JSON.stringify({ query, variables: [1] }), json],
    [
      'variables deeper than the stack',
      `{"query": "${query}", "variables": {"a": ${'['.repeat(20_000)}${']'.repeat(20_000)}}}`,
      json,
    ],
    ['half a surrogate pair', `{"query": "${query} # \\ud800"}`, json],
    ['another character set', JSON.stringify({ query }), { 'Content-Type': 'application/json; charset=utf-16' }],
    ['another encoding', JSON.stringify({ query }), { ...json, 'Content-Encoding': 'gzip' }],
    ['a type that is none', JSON.stringify({ query }), { 'Content-Type': 'text/plain' }],
    [
      'a bare document that is too large',
      `${query} #${'x'.repeat(2 ** 20)}`,
      { 'Content-Type': 'application/graphql' },
    ],
    ['a bare document that nests too deep', '{a'.repeat(5000), { 'Content-Type': 'application/graphql' }],
  ])('is refused if it is %s', async (_what, body, headers) => {
    const response = await service.fetch('/graphql', { method: 'POST', headers, body });

    expect(faultOf({ status: response.status, text: await response.text() })).toBeUndefined();
    expect(response.status).toBeGreaterThanOrEqual(400);
  });

  it('in the query string of a URL is not answered', async () => {
    const response = await service.fetch(`/graphql?query=${encodeURIComponent(query)}`);

    expect([response.status, await response.text()]).toEqual([405, expect.not.stringContaining('"data"')]);
  });
});

describe('a hostile token', () => {
  const strict = createGateway({ JWT_ISSUER: 'us', JWT_AUDIENCE: 'wallet' });
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: 'shop', role: 'operator', iss: 'us', aud: 'wallet', exp: now + 86_400 };
  const sign = (more: JWTPayload, secret = AUTH.secret) =>
    new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  const bad: [string, () => Promise<string>][] = [
    ['the algorithm none', () => Promise.resolve(`${encode({ alg: 'none', typ: 'JWT' })}.${encode(claims)}.`)],
    ['another key', () => sign({}, 'x'.repeat(32))],
    ['another audience', () => sign({ aud: 'other' })],
    ['a time long past', () => sign({ exp: now - 3600 })],
    ['a role that is not listed', () => sign({ role: 'wallet_owner' })],
    ['SQL for a role', () => sign({ role: `operator'; reset role; --` })],
    ['a sub that is too long', () => sign({ sub: 'x'.repeat(201) })],
    ['a sub with a NUL', () => sign({ sub: 'a\u0000b' })],
    ['an object for a sub', () => sign({ sub: { a: 1 } as unknown as string })],
    ['a megabyte', () => Promise.resolve('x'.repeat(2 ** 20))],
  ];

  it.each(bad)('with %s is rejected (UNAUTHENTICATED), and nothing is written', async (_what, makeToken) => {
    const walletId = await newWallet(strict.db, await someAsset(strict.db), { bought: 10 });
    const caller = strict.with(await makeToken());
    const before = await rowsOf(strict.db);
    const post = (query: string) =>
      caller.fetch('/graphql', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ query }),
      });

    const responses = [
      await post('{ assets { nodes { code } } }'),
      await post(
        `mutation { walletSpend(input: {walletId: "${walletId}", amount: 1, idemKey: "k"}) { receipt { seq } } }`,
      ),
      await caller.fetch(`/wallets/${walletId}/history.csv`),
      await caller.fetch(`/wallets/${walletId}/history.ndjson`),
    ];

    for (const response of responses) {
      // Node refuses a header of that size itself.
      expect([401, 431]).toContain(response.status);
      const text = await response.text();
      if (response.status === 401)
        expect(JSON.parse(text)).toEqual({
          errors: [expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED' } })],
        });
    }
    expect(await rowsOf(strict.db)).toEqual(before);
  });

  it('with SQL in its sub is used literally: as actor, as owner, and as nobody else', async () => {
    const subs = [
      `x'; drop table ledger.entries; --`,
      `' or true --`,
      `a"b\\c $1 %s \n\t{}`,
      '\u202e\u200b',
      '\u{1f600}'.repeat(150),
    ];
    const asset = await someAsset(db);
    const other = await newWallet(db, asset, { bought: 10 });

    // Another test has opened wallets of these owners.
    for (const sub of subs.map((text) => `${text}${newKey()}`)) {
      const walletId = await newWallet(db, asset, { owner: sub });
      const player = gateway.as('player', sub);
      await gateway.as('service', sub).receipt('walletTopUp', { walletId, amount: '7', idemKey: newKey() });

      const seen = await player.data<{ wallets: { nodes: object[] }; other: object | null }>(
        `{ wallets { nodes { id ownerId balance entries { nodes { transfer { actor } } } } } other: wallet(id: "${other}") { id } }`,
      );
      const [own, foreign] = [
        await player.fetch(`/wallets/${walletId}/history.ndjson`),
        await player.fetch(`/wallets/${other}/history.csv`),
      ];

      const actor = `service:${sub}`;
      expect(seen).toEqual({
        wallets: {
          nodes: [{ id: walletId, ownerId: sub, balance: '7', entries: { nodes: [{ transfer: { actor } }] } }],
        },
        other: null,
      });
      expect([own.status, JSON.parse(await own.text()), foreign.status]).toEqual([
        200,
        expect.objectContaining({ actor, amount: '7' }),
        404,
      ]);
    }
    await expectSound(db);
  });

  it('with a valid signature and a role without the right is FORBIDDEN by each mutation', async () => {
    const scene = await newScene(db, await newAsset(db));
    for (const mutation of MUTATIONS) {
      const body = bodyWithVariable(mutation, await goodInput(scene, mutation));
      const before = await rowsOf(db);
      for (const role of ['player', 'auditor'] as const) {
        const reply = await send(body, gateway.as(role));
        expect([
          mutation.key,
          reply.status,
          (JSON.parse(reply.text) as Answer['body']).errors?.map(({ extensions }) => extensions.code),
        ]).toEqual([mutation.key, 200, ['FORBIDDEN']]);
      }
      expect(await rowsOf(db)).toEqual(before);
    }
  });
});
