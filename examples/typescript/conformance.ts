/** The client under test: reads a command a line, as JSON, and writes what came of it. See docs/client.md. */
import { createInterface } from 'node:readline';
import { createWallet, OutcomeUnknown, Refused, type PostRequest } from '../../client/src/index.ts';
import type { ProgramCommand, ProgramRequest, ProgramResult } from '../../client/conformance/program.ts';

const { WALLET_URL = '', WALLET_TOKEN = '' } = process.env;

async function perform(command: ProgramCommand): Promise<unknown> {
  const client = createWallet({
    url: command.url ?? WALLET_URL,
    token: WALLET_TOKEN,
    deadline: (command.deadline ?? 60) * 1_000,
    tryTimeout: (command.tryTimeout ?? 20) * 1_000,
  });
  const requestOf = ({ kind, owner, asset, to, amount, key }: ProgramRequest): PostRequest => {
    const of = { wallet: client.wallet(owner, asset), key, amount: BigInt(amount ?? 0) };
    return to === undefined
      ? { ...of, kind: kind as 'top_up' | 'bonus' | 'spend' | 'hold' }
      : { ...of, kind: 'transfer', to: client.wallet(to, asset) };
  };
  const { owner = '', asset = '', key = '', metadata, expiresAt, holdId = '', transferId = '' } = command;
  const requests = command.requests?.map(requestOf) ?? [];
  const wallet = client.wallet(owner, asset);
  const given = command.amount === undefined ? undefined : BigInt(command.amount);
  const amount = given ?? 0n;
  switch (command.do) {
    case 'open':
      return wallet.open();
    case 'top_up':
      return wallet.topUp(amount, key, { metadata });
    case 'bonus':
      return wallet.bonus(amount, key, { metadata, expiresAt });
    case 'spend':
      return wallet.spend(amount, key, { metadata });
    case 'transfer':
      return wallet.transfer(client.wallet(command.to ?? '', asset), amount, key, { metadata });
    case 'hold':
      return wallet.hold(amount, key, { metadata, expiresAt });
    case 'capture':
      return wallet.capture(holdId, key, { metadata, amount: given });
    case 'release':
      return wallet.release(holdId, key, { metadata });
    case 'reverse':
      return wallet.reverse(transferId, key, { metadata, amount: given });
    case 'balance':
      return wallet.balance();
    case 'history': {
      const entries = [];
      for await (const entry of wallet.history({ oldestFirst: true, pageSize: command.pageSize })) entries.push(entry);
      return entries;
    }
    case 'post_each':
      return (await client.postEach(requests)).map(({ receipt, refused }) =>
        refused ? { refused: refusal(refused) } : { receipt },
      );
    case 'post_batch':
      return client.postBatch(requests);
    default:
      throw new Error(`no such command: ${command.do}`);
  }
}

function refusal({ code, detail, inDoubt }: Refused) {
  return { code, detail, inDoubt };
}

async function resultOf(command: ProgramCommand): Promise<object> {
  try {
    return { done: await perform(command) };
  } catch (error) {
    if (error instanceof Refused) return { refused: refusal(error) };
    if (error instanceof OutcomeUnknown) {
      const { keys, sent } = error;
      return { unknown: { keys: [...keys], sent } } satisfies ProgramResult;
    }
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await resultOf(JSON.parse(line) as ProgramCommand);
  console.log(JSON.stringify(result, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
}
