import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newAsset, newWallet, rowsOf } from '../../db/tests/helpers.ts';
import { ConfigError } from '../config.ts';
import { loadDocuments } from './documents.ts';
import { type Answer, AUTH, createGateway, errorOf, execute, type Gateway } from '../testing.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const BALANCE = 'query ($id: UUID!) { wallet(id: $id) { balance } }';
const TOP_UP = 'mutation ($input: WalletTopUpInput!) { walletTopUp(input: $input) { receipt { seq } } }\n';
const DEEP = `{ wallets(first: 1) { nodes { ${'entries(first: 1) { nodes { wallet { '.repeat(5)} id ${'} } } '.repeat(5)} } } }`;
const ASSETS = '{ assets { nodes { code } } }';
const CANARY = 'canary-7f3a';

const folder = mkdtempSync(join(tmpdir(), 'wallet documents '));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
function write(name: string, content: string): string {
  const path = join(mkdtempSync(join(folder, 'f')), name);
  writeFileSync(path, content);
  return path;
}
const map = (...texts: string[]): string =>
  JSON.stringify(Object.fromEntries(texts.map((text) => [sha256(text), text])));
const FILE = write('documents.json', map(BALANCE, TOP_UP, DEEP));

async function send(gateway: Gateway, body: unknown, type = 'application/json'): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await gateway
    .as('service')
    .fetch('/graphql', { method: 'POST', headers: { 'Content-Type': type }, body: text });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

describe('with known documents only, a request', () => {
  const gateway = createGateway({ PERSISTED_DOCUMENTS: FILE, PERSISTED_DOCUMENTS_ONLY: 'true' });
  const { db } = gateway;
  let id = '';
  beforeAll(async () => {
    id = await newWallet(db, await newAsset(db), { bought: 7 });
  });

  it.each([
    ['documentId', () => ({ documentId: sha256(BALANCE) })],
    ['documentId with the algorithm', () => ({ documentId: `sha256:${sha256(BALANCE)}` })],
    ['id', () => ({ id: sha256(BALANCE) })],
    [
      "Apollo's extension",
      () => ({ extensions: { persistedQuery: { version: 1, sha256Hash: sha256(BALANCE).toUpperCase() } } }),
    ],
    ['a hash and another document, which is not looked at', () => ({ documentId: sha256(BALANCE), query: ASSETS })],
  ])('with a hash as %s is answered', async (_what, named) => {
    expect(await send(gateway, { ...named(), variables: { id } })).toEqual({
      status: 200,
      body: { data: { wallet: { balance: '7' } } },
    });
  });

  it('with the hash of a mutation that ends in a line feed posts', async () => {
    const input = { walletId: id, amount: '1', idemKey: 'persisted' };
    const answer = await send(gateway, { documentId: sha256(TOP_UP), variables: { input } });

    expect(answer.body).toEqual({ data: { walletTopUp: { receipt: { seq: '2' } } } });
  });

  it.each([
    ['has a document', { query: ASSETS }, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['has the text of a known document', { query: BALANCE }, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['has neither', {}, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['names an unknown one', { documentId: sha256(ASSETS) }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    [
      'names an unknown one and brings it',
      { extensions: { persistedQuery: { sha256Hash: sha256(ASSETS) } }, query: ASSETS },
      'PERSISTED_DOCUMENT_NOT_FOUND',
    ],
    ['names what every object has', { documentId: 'constructor' }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['names no text', { documentId: { a: 1 } }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['names a path', { id: `../${sha256(BALANCE)}` }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
  ])('that %s is refused, and not logged with its content', async (_what, body, code) => {
    const answer = await send(gateway, { ...body, variables: { id, metadata: CANARY }, operationName: CANARY });

    expect([answer.status, errorOf(answer).extensions.code]).toEqual([400, code]);
    expect(JSON.stringify(answer)).not.toContain(CANARY);
    expect(gateway.child.stdout + gateway.child.stderr).not.toContain(CANARY);
    expect(gateway.child.stderr).toBe('');
  });

  it("with a document's text is refused (PERSISTED_DOCUMENT_REQUIRED)", async () => {
    const answer = await send(gateway, ASSETS, 'application/graphql');

    expect([answer.status, errorOf(answer).extensions.code]).toEqual([400, 'PERSISTED_DOCUMENT_REQUIRED']);
  });

  it('with the hash of a document over the limits is refused like any other', async () => {
    const answer = await send(gateway, { documentId: sha256(DEEP) });

    expect([answer.status, errorOf(answer)]).toMatchObject([400, { message: 'a query is at most 12 fields deep' }]);
    expect(await rowsOf(db, id)).toEqual({ transfers: 2, entries: 2 });
  });
});

describe('with known documents in development', () => {
  const gateway = createGateway({ PERSISTED_DOCUMENTS: FILE, NODE_ENV: undefined });

  it('other documents are answered too, and the IDE reads the schema', async () => {
    const page = await gateway.with(undefined).fetch('/', { headers: { Accept: 'text/html' } });
    const answers = [
      await send(gateway, { query: ASSETS }),
      await send(gateway, { query: '{ __schema { queryType { name } } }' }),
      await send(gateway, { documentId: sha256(BALANCE), variables: { id: '00000000-0000-0000-0000-000000000000' } }),
    ];

    expect(page.status).toBe(200);
    expect(answers.map(({ status, body }) => [status, body.errors])).toEqual(Array(3).fill([200, undefined]));
  });

  it.each([
    ['an unknown one', { documentId: sha256(ASSETS) }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['none at all', {}, 'BAD_REQUEST'],
  ])('%s is refused, and not logged with its content', async (_what, body, code) => {
    const answer = await send(gateway, { ...body, variables: { metadata: CANARY } });

    expect([answer.status, errorOf(answer).extensions.code]).toEqual([400, code]);
    expect(gateway.child.stderr).not.toContain(CANARY);
  });
});

describe('in production, a document', () => {
  const gateway = createGateway();
  const service = gateway.as('service');

  it.each([
    ['__schema', '{ __schema { queryType { name } } }'],
    ['__type', '{ __type(name: "Wallet") { name } }'],
    ['__schema in a fragment', '{ ...f } fragment f on Query { __schema { types { name } } }'],
    ['__schema under another name', '{ x: __schema { queryType { name } } assets { nodes { code } } }'],
  ])('with %s is refused', async (_what, query) => {
    const { status, body } = await service.post(query);

    expect([status, body.data]).toEqual([400, undefined]);
    expect(body.errors?.[0]).toMatchObject({
      message: expect.stringMatching(/introspection has been disabled/) as string,
      extensions: { code: 'BAD_REQUEST' },
    });
  });

  it('may ask for __typename', async () => {
    expect(await service.data('{ __typename assets(first: 1) { __typename } }')).toEqual({
      __typename: 'Query',
      assets: { __typename: 'AssetConnection' },
    });
  });

  it.each([
    ['a field', '{ wallet(id: "00000000-0000-0000-0000-000000000000") { balanc } }'],
    ['a type', 'query ($a: Walet) { assets { nodes { code } } }'],
    ['an argument', '{ assets(firs: 1) { nodes { code } } }'],
  ])('that misspells %s gets no suggestion', async (_what, query) => {
    const { status, body } = await service.post(query);

    expect(status).toBe(400);
    expect(body.errors?.length).toBeGreaterThan(0);
    expect(JSON.stringify(body)).not.toMatch(/Did you mean/);
  });

  it('has no IDE', async () => {
    for (const path of ['/', '/ruru', '/graphql', '/ruru-static/ruru.js']) {
      const response = await service.fetch(path, { headers: { Accept: 'text/html' } });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toMatch(/ruru|graphiql/i);
    }
  });
});

describe('loadDocuments', () => {
  it('reads a folder and a file alike', async () => {
    const path = write(`${sha256(BALANCE)}.graphql`, BALANCE);
    writeFileSync(join(path, '..', 'README.md'), 'not one of them');

    const expected = new Map([[sha256(BALANCE), BALANCE]]);
    expect(await loadDocuments(join(path, '..'))).toEqual(expected);
    expect(await loadDocuments(write('d.json', map(BALANCE)))).toEqual(expected);
    expect(await loadDocuments(write('d.json', map(BALANCE).replace('{"', '{"sha256:')))).toEqual(expected);
  });

  it.each([
    ['is not there', () => join(folder, 'nothing'), /cannot be read: ENOENT/],
    ['is no JSON', () => write('d.json', '{'), /cannot be read: /],
    ['is a list', () => write('d.json', '[]'), /cannot be read: it must hold an object/],
    ['holds nothing', () => write('d.json', '{}'), /names no document/],
    ['is an empty folder', () => mkdtempSync(join(folder, 'f')), /names no document/],
    ['has a wrong hash', () => write('d.json', map(BALANCE).replace('balance', 'id')), /is not the SHA-256/],
    ['has a file with a wrong hash', () => join(write(`${sha256('x')}.graphql`, ASSETS), '..'), /is not the SHA-256/],
    ['has what is no document', () => write('d.json', map('{ a')), /is no GraphQL: Syntax Error/],
  ])('refuses in one line a file that %s', async (_what, path, message) => {
    const loading = loadDocuments(path());

    await expect(loading).rejects.toThrow(ConfigError);
    await expect(loading).rejects.toThrow(/^PERSISTED_DOCUMENTS[^\n]*$/);
    await expect(loading).rejects.toThrow(message);
  });

  it('prevents the start of the service', async () => {
    const { code, stdout, stderr } = await execute(process.execPath, ['src/server.ts'], {
      env: { JWT_SECRET: AUTH.secret, PORT: '0', PERSISTED_DOCUMENTS: write('d.json', '{}') },
    });

    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^PERSISTED_DOCUMENTS names no document: [^\n]+\n$/) as string,
    });
  });
});
