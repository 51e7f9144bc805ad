/** The client against a service that answers known documents only, and was given those of the package. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { expectSound, newAsset, newOwner } from '../../db/tests/helpers.ts';
import { signToken } from '../../src/dev/sign_token.ts';
import { AUTH, createGateway, execute, ROOT } from '../../src/testing.ts';
import { createWallet, Refused, type WalletClient } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'wallet-persisted-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
// As the build of the package writes it.
execFileSync(process.execPath, [join(ROOT, 'client/documents.ts'), folder]);
const PERSISTED_DOCUMENTS = join(folder, 'documents.json');
const documents = Object.values(JSON.parse(readFileSync(PERSISTED_DOCUMENTS, 'utf8')) as Record<string, string>);

const gateway = createGateway({ PERSISTED_DOCUMENTS, PERSISTED_DOCUMENTS_ONLY: 'true' });
const { db } = gateway;
let asset = '';
let token = '';
const clientOf = (persisted: boolean): WalletClient =>
  createWallet({ url: gateway.url, token, persisted, webSocket: WebSocket });

beforeAll(async () => {
  asset = await newAsset(db);
  token = await signToken(AUTH, { role: 'operator', sub: 'ann' });
});

it('the list has a document for each mutation, query and subscription of the sources', () => {
  const written = ['index', 'changes', 'cli/open'].flatMap((name) => {
    const text = readFileSync(join(ROOT, `client/src/${name}.ts`), 'utf8');
    return [...text.matchAll(/(?:mutate<.*?>|post|postMany<.*?>)\(\s*'(\w+)'/g)].map(([, call = '']) => call);
  });

  expect(new Set(written).size).toBe(11);
  for (const name of written) expect(documents.filter((text) => text.includes(`wallet${name}(`))).toHaveLength(1);
  expect(documents).toHaveLength(written.length + ['balance', 'history', 'changes', 'openMany'].length);
});

it('each call is answered, subscriptions too, and the same without hashes is refused', async () => {
  const client = clientOf(true);
  const [wallet, other] = [client.wallet(newOwner(), asset), client.wallet(newOwner(), asset)];
  await wallet.open();
  await other.open();
  const bought = await wallet.topUp(100n, 'bought');
  await wallet.bonus(20n, 'given');
  const spent = await wallet.spend(30n, 'spent');
  await wallet.transfer(other, 15n, 'sent');
  const first = await wallet.hold(10n, 'first');
  await wallet.capture(first.holdId ?? '', 'captured');
  const second = await wallet.hold(10n, 'second');
  await wallet.release(second.holdId ?? '', 'released');
  await wallet.reverse(spent.transferId, 'reversed');
  const [each] = await client.postEach([{ kind: 'spend', wallet, amount: 1n, key: 'each' }]);
  const [batched] = await client.postBatch([{ kind: 'spend', wallet, amount: 1n, key: 'batched' }]);
  const lines: bigint[] = [];
  for await (const { seq } of wallet.history({ pageSize: 4 })) lines.push(seq);
  const seen: bigint[] = [];
  for await (const { available } of wallet.changes()) {
    seen.push(available);
    if (seen.length === 2) break;
    await wallet.topUp(5n, 'later');
  }

  expect(bought.balance).toBe(100n);
  expect([each?.receipt?.balance, batched?.balance]).toEqual([94n, 93n]);
  expect(lines).toEqual([11n, 10n, 9n, 8n, 7n, 6n, 5n, 4n, 3n, 2n, 1n]);
  expect(seen).toEqual([93n, 98n]);
  expect((await wallet.balance()).available).toBe(98n);
  const refused = await clientOf(false)
    .wallet('a', asset)
    .balance()
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Refused);
  expect(refused).toMatchObject({ code: 'PERSISTED_DOCUMENT_REQUIRED' });
  await expectSound(db);
});

it('the command line works with --persisted, also an import that opens wallets', async () => {
  const env = { WALLET_URL: gateway.url, WALLET_TOKEN: token };
  const owner = newOwner();
  const file = join(folder, 'movements.csv');
  writeFileSync(file, `kind,owner,asset,amount,reference\ntop_up,${owner},${asset},7,r1\n`);
  const wallet = (...args: string[]) => execute(process.execPath, ['client/checkout.ts', ...args], { env });

  expect(await wallet('import', file, '--open', '--persisted')).toMatchObject({ code: 0, stderr: '' });
  expect((await wallet('balance', owner, asset, '--persisted')).stdout).toContain('available  7\n');
  expect(await wallet('balance', owner, asset)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/send documentId/) as string,
  });
});
