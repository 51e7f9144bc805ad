/**
 * `node documents.ts [folder]`, a part of the build: writes `documents.json`, from hash to text, of each document that the package sends.
 * A service that answers known documents only is given it. The client itself is asked, so that the list cannot miss one.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHANGED } from './src/changes.ts';
import { createOpenMany } from './src/cli/open.ts';
import { createWallet, type Wallet } from './src/index.ts';

const texts = new Set([CHANGED]);

const options = {
  url: 'http://localhost',
  token: 'none',
  /** Sends nothing, and is answered with a refusal, after which nothing is sent again. */
  fetch: (_address: unknown, request?: { body?: unknown }): Promise<Response> => {
    texts.add((JSON.parse(request?.body as string) as { query: string }).query);
    return Promise.resolve(Response.json({ errors: [{ message: 'asked', extensions: { code: 'ASKED' } }] }));
  },
};
const client = createWallet(options);
const wallet = client.wallet('owner', 'ASSET');

/** One of each; the compiler misses none. */
const calls: Record<Exclude<keyof Wallet, 'owner' | 'asset' | 'id' | 'changes'>, () => Promise<unknown>> = {
  open: () => wallet.open(),
  topUp: () => wallet.topUp(1n, 'key'),
  bonus: () => wallet.bonus(1n, 'key'),
  spend: () => wallet.spend(1n, 'key'),
  transfer: () => wallet.transfer('wallet', 1n, 'key'),
  hold: () => wallet.hold(1n, 'key'),
  capture: () => wallet.capture('hold', 'key'),
  release: () => wallet.release('hold', 'key'),
  reverse: () => wallet.reverse('transfer', 'key'),
  balance: () => wallet.balance(),
  history: () => wallet.history().next(),
};
for (const call of [
  ...Object.values(calls),
  () => client.postEach([]),
  () => client.postBatch([]),
  () => createOpenMany(options)(new Set(['owner']), 'ASSET'),
])
  await call().catch(() => undefined);

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const documents = Object.fromEntries([...texts].map((text) => [hashOf(text), text]));
writeFileSync(join(process.argv[2] ?? 'dist', 'documents.json'), `${JSON.stringify(documents, null, 2)}\n`);
