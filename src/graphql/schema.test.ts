import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSchema, getNamedType, isInputObjectType, isObjectType } from 'graphql';
import { createDatabase } from '../../db/tests/helpers.ts';
import { AUTH, Child, execute, linesOfLog, ROOT, withLogin } from '../testing.ts';

const db = createDatabase();

let committed = '';
beforeAll(async () => {
  committed = await readFile(join(ROOT, 'schema.graphql'), 'utf8');
});

async function printSchema(url: string): Promise<string> {
  const { code, stdout, stderr } = await execute(process.execPath, ['src/dev/schema.ts', '--print'], {
    env: { DATABASE_URL: url },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

function fieldsOf(type: string): string[] {
  const found = buildSchema(committed).getType(type);
  return isObjectType(found) ? Object.keys(found.getFields()) : [];
}

describe('schema.graphql', () => {
  it('is the output of npm run schema', async () => {
    expect(await printSchema(db.url)).toBe(committed);
  });

  it("is the same for the gateway's own login, which cannot migrate", async () => {
    expect(await withLogin(db, 'wallet_gateway', printSchema)).toBe(committed);
  });

  it('describes every type, every field, every argument and every field of an input', () => {
    const types = Object.values(buildSchema(committed).getTypeMap()).filter(({ name }) => !name.startsWith('__'));
    const fields = types.filter(isObjectType).flatMap((type) => Object.values(type.getFields()));
    const inputs = types.filter(isInputObjectType).flatMap((type) => Object.values(type.getFields()));
    const described = [...types, ...fields, ...fields.flatMap(({ args }) => args), ...inputs];

    expect(described.length).toBeGreaterThan(400);
    expect(described.filter(({ description }) => !description).map(({ name }) => name)).toEqual([]);
    // PostGraphile's generic description of an input.
    expect(types.filter(({ description }) => (description ?? '').startsWith('An input for mutations'))).toEqual([]);
  });

  it('is the same on a ledger with rows', async () => {
    await db.query("select ledger.asset_create('SILVER', 'Silver')");

    expect(await printSchema(db.url)).toBe(committed);
  });

  it('has exactly these mutations, all of them functions', () => {
    expect(fieldsOf('Mutation')).toEqual([
      'assetCreate',
      'assetLimitSet',
      'assetSet',
      'walletAdjust',
      'walletBonus',
      'walletCapture',
      'walletClose',
      'walletCollect',
      'walletExchange',
      'walletForgive',
      'walletFreeze',
      'walletHold',
      'walletLimitSet',
      'walletMerge',
      'walletOpen',
      'walletOpenMany',
      'walletOpening',
      'walletPostBatch',
      'walletPostEach',
      'walletRelease',
      'walletReopen',
      'walletReverse',
      'walletSpend',
      'walletTopUp',
      'walletTransfer',
      'webhookDeliveryDrop',
      'webhookDeliveryRelease',
      'webhookEndpointChange',
      'webhookEndpointCreate',
      'webhookEndpointDelete',
      'webhookEndpointPause',
      'webhookEndpointReplay',
      'webhookEndpointResume',
      'webhookEndpointRotateSecret',
      'webhookNoticeSet',
    ]);
    expect(committed).not.toMatch(/^ {2}(create|update|delete|upsert)\w*\(/im);
    expect(committed).not.toMatch(/^(type|input) (Create|Update|Delete)|Patch\b/m);
  });

  it('has exactly these queries', () => {
    expect(fieldsOf('Query')).toEqual([
      'assets',
      'block',
      'blocks',
      'entry',
      'expiringLots',
      'hold',
      'holds',
      'ledgerActivity',
      'ledgerBalancesAt',
      'ledgerEvents',
      'ledgerEventsNewest',
      'ledgerState',
      'ledgerTrialBalance',
      'ledgerVerify',
      'operatorActions',
      'transfer',
      'transferByIdemKey',
      'transfers',
      'verifications',
      'wallet',
      'walletBalance',
      'walletBalanceAt',
      'walletExplain',
      'walletId',
      'walletStatement',
      'wallets',
      'webhookEndpoint',
      'webhookEndpoints',
      'webhookNoticeRule',
      'webhookNoticeRules',
    ]);
  });

  it('leads from a row only to rows that belong to it', () => {
    const schema = buildSchema(committed);
    const rows = [
      'Asset',
      'AssetLimit',
      'BalancePart',
      'Entry',
      'ExpiringLot',
      'Hold',
      'OperatorAction',
      'Receipt',
      'Transfer',
      'Wallet',
      'WalletEvent',
      'WalletLimit',
    ];
    const relations = Object.fromEntries(
      rows.map((name) => {
        const type = schema.getType(name);
        const fields = isObjectType(type) ? Object.values(type.getFields()) : [];
        const others = fields.filter((field) => isObjectType(getNamedType(field.type)));
        return [name, others.map((field) => `${field.name}: ${String(field.type)}`)];
      }),
    );

    expect(relations).toEqual({
      Asset: ['limits: AssetLimit', 'limitsHistory: AssetLimitConnection!'],
      AssetLimit: [],
      BalancePart: [],
      Entry: ['transfer: Transfer', 'wallet: Wallet'],
      ExpiringLot: ['entry: Entry', 'wallet: Wallet'],
      Hold: ['closing: Transfer', 'transfer: Transfer', 'wallet: Wallet'],
      OperatorAction: ['transfer: Transfer', 'wallet: Wallet'],
      Receipt: [],
      Transfer: [
        'creditEntry: Entry',
        'debitEntry: Entry',
        'hold: Hold',
        'linkedEntry: Entry',
        'reversals: TransferConnection!',
        'reversedTransfer: Transfer',
        'wallet: Wallet',
      ],
      Wallet: [
        'entries: EntryConnection!',
        'events: WalletEventConnection!',
        'holds: HoldConnection!',
        'limits: WalletLimit',
        'mergedInto: Wallet',
      ],
      WalletEvent: ['limits: WalletLimit', 'wallet: Wallet'],
      WalletLimit: ['event: WalletEvent'],
    });
  });

  it('has no null in lists, and names the payloads of mutations', () => {
    const schema = buildSchema(committed);
    const results = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .filter(({ name }) => name.endsWith('Payload'))
      .flatMap((type) => Object.values(type.getFields()).map((field) => [type.name, field] as const))
      .filter(([, { name }]) => name !== 'clientMutationId' && name !== 'query')
      .map(([type, { name, type: result }]) => `${type}.${name}: ${String(result)}`);

    expect(committed).not.toMatch(/: \[\w+\]/);
    expect(results).toEqual([
      'AssetCreatePayload.asset: Asset',
      'AssetLimitSetPayload.limits: AssetLimit',
      'AssetSetPayload.limits: AssetLimit',
      'WalletAdjustPayload.receipt: Receipt',
      'WalletBonusPayload.receipt: Receipt',
      'WalletCapturePayload.receipt: Receipt',
      'WalletClosePayload.wallet: Wallet',
      'WalletCollectPayload.receipt: Receipt',
      'WalletExchangePayload.receipt: Receipt',
      'WalletForgivePayload.receipt: Receipt',
      'WalletFreezePayload.wallet: Wallet',
      'WalletHoldPayload.receipt: Receipt',
      'WalletLimitSetPayload.limits: WalletLimit',
      'WalletMergePayload.receipt: Receipt',
      'WalletOpenManyPayload.wallets: [Wallet!]',
      'WalletOpenPayload.wallet: Wallet',
      'WalletOpeningPayload.receipt: Receipt',
      'WalletPostBatchPayload.receipts: [Receipt!]',
      'WalletPostEachPayload.outcomes: [Outcome!]',
      'WalletReleasePayload.receipt: Receipt',
      'WalletReopenPayload.wallet: Wallet',
      'WalletReversePayload.receipt: Receipt',
      'WalletSpendPayload.receipt: Receipt',
      'WalletTopUpPayload.receipt: Receipt',
      'WalletTransferPayload.receipt: Receipt',
      'WebhookDeliveryDropPayload.delivery: WebhookDelivery',
      'WebhookDeliveryReleasePayload.released: BigInt',
      'WebhookEndpointChangePayload.endpoint: WebhookEndpoint',
      'WebhookEndpointCreatePayload.secret: WebhookNewSecret',
      'WebhookEndpointDeletePayload.endpoint: WebhookEndpoint',
      'WebhookEndpointPausePayload.endpoint: WebhookEndpoint',
      'WebhookEndpointReplayPayload.endpoint: WebhookEndpoint',
      'WebhookEndpointResumePayload.endpoint: WebhookEndpoint',
      'WebhookEndpointRotateSecretPayload.secret: WebhookNewSecret',
      'WebhookNoticeSetPayload.rule: WebhookNoticeRule',
    ]);
    expect(String(schema.getQueryType()?.getFields().walletExplain?.type)).toBe('[BalancePart!]');
  });

  it('has nothing of the private schema, no house wallets, no history lines and no opaque ids', () => {
    expect(committed).not.toMatch(/ledger_?private/i);
    expect(committed).not.toMatch(/stripe|house_?account|normal_?side/i);
    expect(committed).not.toMatch(/(paid|free)_?balance|to_?seq|held_?bonus_?amount|journal/i);
    expect(committed).not.toMatch(/walletHistory|HistoryLine/);
    expect(committed).not.toMatch(/bonus_?lot|LotDraw|lotSeq|open_?(holds|lots)|expire_?due/i);
    expect(committed).not.toMatch(/nodeId|rowId|interface Node|totalCount|offset/);
    expect(committed).not.toMatch(/^ {2}(house_account|request|post|actor|refuse|replay)\(/im);
  });

  it('documents the refusals of every mutation', () => {
    for (const { name, description } of Object.values(buildSchema(committed).getMutationType()?.getFields() ?? {})) {
      expect({ name, description }).toEqual({
        name,
        description: expect.stringMatching(/Refuses.*INVALID_ARGUMENT/) as string,
      });
    }
  });

  it('has amounts as text, and all arguments of the SQL functions', () => {
    const schema = buildSchema(committed);
    const inputs = Object.values(schema.getTypeMap()).filter(isInputObjectType);
    const named = Object.fromEntries(
      inputs
        .filter(({ name }) => /^(Wallet|Asset)\w+Input$/.test(name))
        .map((type) => [
          type.name,
          Object.values(type.getFields()).map((field) => `${field.name}: ${String(field.type)}`),
        ]),
    );

    expect(named).toEqual({
      AssetCreateInput: [
        'clientMutationId: String',
        'code: String!',
        'collectDebts: Boolean',
        'name: String!',
        'scale: Int',
        'uniqueReference: String',
      ],
      AssetSetInput: [
        'assetCode: String!',
        'clientMutationId: String',
        'collectDebts: Boolean',
        'uniqueReference: String',
      ],
      AssetLimitSetInput: [
        'assetCode: String!',
        'clientMutationId: String',
        'maxBalance: BigInt',
        'maxDailyBonus: BigInt',
        'maxDailySpend: BigInt',
        'maxDailyTopUp: BigInt',
        'maxDailyTransfer: BigInt',
        'maxSpend: BigInt',
        'maxTransfer: BigInt',
      ],
      WalletAdjustInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'reason: String!',
        'side: EntrySide!',
        'walletId: UUID!',
      ],
      WalletBonusInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'expiresAt: Datetime',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletCaptureInput: [
        'amount: BigInt',
        'clientMutationId: String',
        'holdId: UUID!',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletCloseInput: ['clientMutationId: String', 'reason: String!', 'walletId: UUID!'],
      WalletCollectInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletExchangeInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'fromWallet: UUID!',
        'idemKey: String!',
        'metadata: JSON',
        'toAmount: BigInt!',
        'toWallet: UUID!',
      ],
      WalletForgiveInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'reason: String!',
        'walletId: UUID!',
      ],
      WalletFreezeInput: ['clientMutationId: String', 'reason: String!', 'walletId: UUID!'],
      WalletHoldInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'expiresAt: Datetime',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletLimitSetInput: [
        'clientMutationId: String',
        'maxBalance: BigInt',
        'maxDailyBonus: BigInt',
        'maxDailySpend: BigInt',
        'maxDailyTopUp: BigInt',
        'maxDailyTransfer: BigInt',
        'maxSpend: BigInt',
        'maxTransfer: BigInt',
        'walletId: UUID!',
      ],
      WalletMergeInput: [
        'clientMutationId: String',
        'fromWallet: UUID!',
        'idemKey: String!',
        'reason: String!',
        'toWallet: UUID!',
      ],
      WalletOpenInput: ['assetCode: String!', 'clientMutationId: String', 'ownerId: String!'],
      WalletOpenManyInput: ['assetCode: String!', 'clientMutationId: String', 'ownerIds: [String!]!'],
      WalletOpeningInput: [
        'amount: BigInt!',
        'bonusAmount: BigInt',
        'clientMutationId: String',
        'expiresAt: Datetime',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletPostBatchInput: ['clientMutationId: String', 'requests: [WalletRequestInput!]!'],
      WalletPostEachInput: ['clientMutationId: String', 'requests: [WalletRequestInput!]!', 'wait: Boolean'],
      WalletReleaseInput: [
        'clientMutationId: String',
        'holdId: UUID!',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletReopenInput: ['clientMutationId: String', 'reason: String!', 'walletId: UUID!'],
      WalletRequestInput: [
        'amount: BigInt',
        'bonusAmount: BigInt',
        'counterpartyId: UUID',
        'expiresAt: Datetime',
        'holdId: UUID',
        'idemKey: String!',
        'kind: TransferKind!',
        'metadata: JSON',
        'owe: Boolean',
        'reason: String',
        'side: EntrySide',
        'toAmount: BigInt',
        'transferId: UUID',
        'walletId: UUID!',
      ],
      WalletReverseInput: [
        'amount: BigInt',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'owe: Boolean',
        'transferId: UUID!',
        'walletId: UUID!',
      ],
      WalletSpendInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletTopUpInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'idemKey: String!',
        'metadata: JSON',
        'walletId: UUID!',
      ],
      WalletTransferInput: [
        'amount: BigInt!',
        'clientMutationId: String',
        'fromWallet: UUID!',
        'idemKey: String!',
        'metadata: JSON',
        'toWallet: UUID!',
      ],
    });
  });
});

describe("a gateway with the gateway's own login", () => {
  it("serves, and records the token's subject as the actor", async () => {
    await db.query("select ledger.asset_create('OWN', 'For this test')");

    await withLogin(db, 'wallet_gateway', async (url) => {
      const child = new Child(process.execPath, ['src/server.ts'], {
        env: { NODE_ENV: 'production', JWT_SECRET: AUTH.secret, DATABASE_URL: url, PORT: '0' },
      });
      try {
        const [, address = ''] = await child.prints(/^Listening on (\S+)$/m);
        const { signToken } = await import('../dev/sign_token.ts');
        const token = await signToken(AUTH, { role: 'service', sub: 'shop' });
        const response = await fetch(`${address}/graphql`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({
            query:
              'mutation { walletOpen(input: {ownerId: "o", assetCode: "OWN"}) { wallet { events { nodes { actor } } } } }',
          }),
        });

        expect(await response.json()).toEqual({
          data: { walletOpen: { wallet: { events: { nodes: [{ actor: 'service:shop' }] } } } },
        });
        await child.prints(/no worker/);
        expect(linesOfLog(child.stdout)).toContainEqual(
          expect.objectContaining({ level: 'info', msg: 'no worker in this process: it needs WORKER_DATABASE_URL' }),
        );
        expect(child.stderr).toBe('');
      } finally {
        await child.stop();
      }
    });
  });

  it('refuses another login in one line', async () => {
    await withLogin(db, 'wallet_test_stranger', async (url) => {
      const { code, stderr } = await execute(process.execPath, ['src/server.ts'], {
        env: { NODE_ENV: 'production', JWT_SECRET: AUTH.secret, DATABASE_URL: url, PORT: '0' },
      });

      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'DATABASE_URL must log in as wallet_gateway or as a superuser\n',
      });
    });
  });

  it('refuses a database that is not migrated in one line', async () => {
    const empty = `${db.name}_empty`;
    await db.query(`create database ${empty}`);
    try {
      await withLogin(db, 'wallet_gateway', async (url) => {
        const { code, stderr } = await execute(process.execPath, ['src/server.ts'], {
          env: {
            NODE_ENV: 'production',
            JWT_SECRET: AUTH.secret,
            DATABASE_URL: url.replace(db.name, empty),
            PORT: '0',
          },
        });

        expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, lines: 1 });
        expect(stderr).toMatch(/migrate/);
      });
    } finally {
      await db.query(`drop database ${empty} with (force)`);
    }
  });
});
