import { getIntrospectionQuery } from 'graphql';
import { countRows } from '../../db/tests/hostile.ts';
import { newWallet, rowsOf, someAsset, UNKNOWN_WALLET } from '../../db/tests/helpers.ts';
import { createGateway, errorOf } from '../testing.ts';

const gateway = createGateway({ GRAPHQL_INTROSPECTION: 'true' });
const { db } = gateway;
const service = gateway.as('service', 'shop');

const times = (count: number, make: (nth: number) => string | number): string =>
  Array.from({ length: count }, (_, nth) => make(nth)).join(' ');
function deep(fields: number): string {
  const chain = ['wallet(id: $id)', 'entries(first: 1)', 'nodes'];
  while (chain.length < fields - 1) chain.push(chain.length % 2 === 1 ? 'transfer' : 'debitEntry');
  return `query ($id: UUID = "${UNKNOWN_WALLET}") { ${chain.join(' { ')} { __typename ${'} '.repeat(fields)}`;
}
const spends = (count: number, walletId = UNKNOWN_WALLET): string =>
  `mutation { ${times(count, (nth) => `s${nth}: walletSpend(input: {walletId: "${walletId}", amount: 1, idemKey: "${nth}"}) { receipt { seq } }`)} }`;
const metadata = (depth: number): string =>
  `mutation { walletTopUp(input: {walletId: "${UNKNOWN_WALLET}", amount: 1, idemKey: "k", metadata: {a: ${'['.repeat(depth)}${']'.repeat(depth)}}}) { receipt { seq } } }`;

describe('a document', () => {
  it.each([
    ["an IDE's introspection", getIntrospectionQuery()],
    [
      "a code generator's introspection",
      getIntrospectionQuery({
        descriptions: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        oneOf: true,
      }),
    ],
    [
      'the introspection of some types',
      `{ ${times(20, (nth) => `t${nth}: __type(name: "Wallet") { fields { name type { name } } }`)} }`,
    ],
    ['introspection beside data', deep(12).replace('wallet', '__schema { queryType { name } } wallet')],
    ['12 fields deep', deep(12)],
    ['50 aliases', `{ ${times(50, (nth) => `a${nth}: __typename`)} }`],
    ['fields that have fields, 100 times', `{ ${times(100, () => `wallet(id: "${UNKNOWN_WALLET}") { id }`)} }`],
    ['100,000 characters', '{ __typename }'.padEnd(100_000)],
    ['a string of 90,000 characters', `{ walletId(ownerId: "${'{'.repeat(90_000)}", assetCode: "X") }`],
  ])('is answered if it is %s', async (_what, query) => {
    expect(await service.post(query)).toMatchObject({ status: 200, body: { data: expect.anything() as object } });
  });

  it('may have fifty calls, each with its receipt', async () => {
    const walletId = await newWallet(db, await someAsset(db), { bought: 50 });

    const data = await service.data<Record<string, { receipt: { seq: string } }>>(spends(50, walletId));

    expect(Object.values(data).map(({ receipt }) => Number(receipt.seq))).toEqual(
      Array.from({ length: 50 }, (_, nth) => nth + 2),
    );
    expect(await rowsOf(db, walletId)).toEqual({ transfers: 51, entries: 51 });
  });

  it('may have metadata of a hundred nested lists', async () => {
    const walletId = await newWallet(db, await someAsset(db));

    expect(await service.data(metadata(100).replace(UNKNOWN_WALLET, walletId))).toEqual({
      walletTopUp: { receipt: { seq: '1' } },
    });
  });

  it.each([
    ['13 fields deep', deep(13), /at most 12 fields deep/],
    ['50 fields deep', deep(50), /at most 12 fields deep/],
    [
      '13 fields deep by fragments',
      `query ($id: UUID!) { wallet(id: $id) { ...a } } ${deepFragments(6)}`,
      /at most 12 fields deep/,
    ],
    ['51 calls of one mutation', spends(51), /at most 50 aliases/],
    ['10,000 calls of one mutation', spends(10_000), /at most 100000 characters/],
    [
      '51 aliases by fragments',
      `{ ...a ...b ...a } fragment a on Query { ...b } fragment b on Query { ${times(17, (nth) => `a${nth}: __typename`)} }`,
      /at most 50 aliases/,
    ],
    [
      'calls of a mutation by fragments',
      `mutation { ${'...a '.repeat(51)} } fragment a on Mutation { s: walletSpend(input: {walletId: "${UNKNOWN_WALLET}", amount: 1, idemKey: "k"}) { receipt { seq } } }`,
      /at most 50 aliases/,
    ],
    [
      'aliases under __schema',
      `{ __schema { types { fields { args { ${times(51, (nth) => `a${nth}: name`)} } } } } }`,
      /at most 50 aliases/,
    ],
    ['a fragment in itself', '{ ...a } fragment a on Query { ...a }', /at most 2000 fields/],
    [
      'two fragments in each other',
      '{ ...a } fragment a on Query { __typename ...b } fragment b on Query { ...a }',
      /at most 2000 fields/,
    ],
    [
      'fragments that double',
      `{ ...f0 } ${times(30, (nth) => `fragment f${nth} on Query { ...f${nth + 1} ...f${nth + 1} }`)} fragment f30 on Query { __typename }`,
      /at most 2000 fields/,
    ],
    [
      '101 fields that have fields',
      `{ ${times(101, () => `wallet(id: "${UNKNOWN_WALLET}") { id }`)} }`,
      /at most 100 fields that have fields/,
    ],
    [
      'a fragment that is not used, with many fields',
      `{ __typename } fragment a on Query { ${'a { b } '.repeat(200)} }`,
      /at most 100 fields that have fields/,
    ],
    [
      'a fragment before the query, with many fields',
      `fragment a on Query { ${'a '.repeat(2001)} } { ...a }`,
      /at most 2000 fields/,
    ],
    [
      'many fields in the second of two queries',
      `query a { __typename } query b { ${'a '.repeat(2001)} }`,
      /at most 2000 fields/,
    ],
    [
      'refusals of many calls under two names',
      `mutation { walletPostEach(input: {requests: []}) { outcomes { refusal { code } more: refusal { code } } } }`,
      /at most 25000 objects/,
    ],
    [
      'outcomes of two lists of calls',
      `mutation { one: walletPostEach(input: {requests: []}) { outcomes { refusal { code } } }
         two: walletPostEach(input: {requests: []}) { outcomes { receipt { seq } } } }`,
      /at most 25000 objects/,
    ],
    [
      'a huge page in pages',
      '{ wallets(first: 2147483647) { nodes { entries { nodes { seq } } } } }',
      /at most 25000 objects/,
    ],
    [
      'types of types of types',
      `{ __schema { types { ${times(6, (nth) => `f${nth}: fields { type { ${times(6, (inner) => `g${inner}: fields { name }`)} } }`)} } } }`,
      /at most 25000 objects/,
    ],
    [
      '21 fields deep under __schema',
      `{ __schema { types { ${'ofType { '.repeat(18)} name ${'} '.repeat(18)} } } }`,
      /at most 20 fields deep/,
    ],
    [
      'a subscription',
      `subscription { walletChanged(walletId: "${UNKNOWN_WALLET}") { wallet { id } } }`,
      /a subscription needs a websocket/,
    ],
    ['4001 words and signs', `{ ${'a '.repeat(3999)} }`, /at most 4000 words and signs/],
    ['a thousand queries', times(1000, (nth) => `query q${nth} { __typename }`), /at most 4000 words and signs/],
    ['a thousand directives', `{ __typename ${'@include(if: true) '.repeat(1000)} }`, /at most 4000 words and signs/],
    [
      'a thousand variables',
      `query (${times(1001, (nth) => `$v${nth}: Int`)}) { __typename }`,
      /at most 4000 words and signs/,
    ],
    ['braces without end', '{ a '.repeat(10_000), /at most 200 brackets/],
    ['lists deeper than the stack', metadata(40_000), /at most 200 brackets/],
    [
      'a type deeper than the stack',
      `query ($a: ${'['.repeat(40_000)}Int${']'.repeat(40_000)}) { __typename }`,
      /at most 200 brackets/,
    ],
    ['100,001 characters', '{ __typename }'.padEnd(100_001), /at most 100000 characters/],
    ['a megabyte', `{ __typename } #${'x'.repeat(2 ** 20)}`, /at most 100000 characters/],
  ])('is refused if it is %s, with one error, and nothing is written', async (_what, query, message) => {
    const before = await countRows(db);

    const answer = await service.post(query, { id: UNKNOWN_WALLET });

    expect(answer.status).toBe(String(message).includes('characters') ? 413 : 400);
    expect(answer.body).not.toHaveProperty('data');
    expect(errorOf(answer)).toMatchObject({
      message: expect.stringMatching(message) as string,
      extensions: { code: 'BAD_REQUEST' },
    });
    expect(await countRows(db)).toEqual(before);
  });

  it('is limited too if it is named by its hash', async () => {
    const response = await service.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/graphql' },
      body: spends(51),
    });

    expect([response.status, await response.text()]).toEqual([400, expect.stringMatching(/at most 50 aliases/)]);
  });

  it('with a syntax error is refused at that position', async () => {
    const answer = await service.post(`{ a ? ${'{'.repeat(5000)}`);

    expect([answer.status, errorOf(answer).message]).toEqual([400, 'Syntax Error: Unexpected character: "?".']);
  });
});

/** Nested fragments, each two fields deep. */
function deepFragments(count: number): string {
  const name = (nth: number) => String.fromCharCode('a'.charCodeAt(0) + nth);
  const on = (nth: number) =>
    nth === 0 ? ['Wallet', 'entries { nodes', '} }'] : ['Entry', 'transfer { debitEntry', '} }'];
  return times(count, (nth) => {
    const [type = '', open = '', close = ''] = on(nth);
    return `fragment ${name(nth)} on ${type} { ${open} { ${nth + 1 < count ? `...${name(nth + 1)}` : 'seq'} ${close} }`;
  });
}
