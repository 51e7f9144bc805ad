/** CSV files of movements: which lines can be booked, and what is said of the others. */
import { randomUUID } from 'node:crypto';
import { createDatabase } from '../../db/tests/helpers.ts';
import { checkRows, digestOf, readSheet, type Checked, type Rules } from '../src/imports/csv.ts';
import { walletIdOf } from '../src/imports/wallet_id.ts';

const ASSETS = [
  { code: 'GOLD', scale: 2 },
  { code: 'POINTS', scale: 0 },
];
const WALLET = '0198c0de-0000-8000-8000-000000000001';

async function check(text: string, rules: Partial<Rules> = {}): Promise<Checked> {
  const sheet = readSheet(text);
  if ('why' in sheet) throw new Error(sheet.why);
  return checkRows(sheet, {
    assets: ASSETS,
    mayCorrect: true,
    digest: await digestOf(text),
    now: new Date(),
    ...rules,
  });
}

describe('a CSV file of movements', () => {
  it('is read as it is written: amounts by their assets, metadata by columns, keys of its own or of the file', async () => {
    const text = `kind,owner,asset,amount,key,expires_at,side,reason,metadata,metadata.campaign
bonus,player-1,GOLD,12.5,given-1,2999-01-01T00:00:00+01:00,,thanks,"{""level"": 7}",spring
top_up,player-2,POINTS,3,,,,,,
adjustment,player-2,POINTS,4,fix-1,,debit,booked twice,,
`;
    const { rows, problems } = await check(text);

    expect(problems).toEqual([]);
    expect(rows.map(({ line, request }) => ({ line, ...request }))).toEqual([
      {
        line: 2,
        kind: 'bonus',
        walletId: await walletIdOf('player-1', 'GOLD'),
        amount: '1250',
        idemKey: 'given-1',
        expiresAt: '2999-01-01T00:00:00+01:00',
        metadata: { level: 7, campaign: 'spring', reason: 'thanks' },
      },
      {
        line: 3,
        kind: 'top_up',
        walletId: await walletIdOf('player-2', 'POINTS'),
        amount: '3',
        idemKey: `csv-${(await digestOf(text)).slice(0, 32)}-3`,
        metadata: {},
      },
      {
        line: 4,
        kind: 'adjustment',
        walletId: await walletIdOf('player-2', 'POINTS'),
        amount: '4',
        idemKey: 'fix-1',
        side: 'debit',
        reason: 'booked twice',
        metadata: {},
      },
    ]);
  });

  it('names each bad row by its line, as an editor numbers them, its column and why', async () => {
    const { rows, problems } = await check(`kind;owner;wallet;asset;amount;units;key;expires_at;side;reason;metadata
gift;a;;GOLD;1;;;;;;
bonus;;;GOLD;1;;;;;;
bonus;a;;SILVER;1;;;;;;
bonus;a;;GOLD;1,5;;;;;;
bonus;a;;GOLD;0.001;;;;;"two
lines";
bonus;a;;GOLD;;;;;;;
bonus;a;${WALLET};GOLD;1;;;;;;
bonus;;${WALLET};;1;;;;;;
bonus;;${WALLET};;;1.5;;;;;
bonus;a;;GOLD;1;;;2020-01-01T00:00:00Z;;;
bonus;a;;GOLD;1;;;2999-01-01;;;
spend;a;;GOLD;1;;;2999-01-01T00:00:00Z;;;
bonus;a;;GOLD;1;;;;credit;;
adjustment;a;;GOLD;1;;;;;why;
adjustment;a;;GOLD;1;;;;debit;;
bonus;a;;GOLD;1;;;;;;[1]
bonus;a;;GOLD;1;;;;;;"{""n"": 12345678901234567890}"
bonus;a;;GOLD;1;;same;;;;
bonus;a;;GOLD;2;;same;;;;
bonus;b;;GOLD;2;;same;;;;
bonus;a;;GOLD
`);

    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [2, 'kind'],
      [3, 'owner'],
      [4, 'asset'],
      [5, 'amount'],
      [6, 'amount'],
      [8, 'amount'],
      [9, 'owner'],
      [10, 'units'],
      [11, 'units'],
      [12, 'expires_at'],
      [13, 'expires_at'],
      [14, 'expires_at'],
      [15, 'side'],
      [16, 'side'],
      [17, 'reason'],
      [18, 'metadata'],
      [19, 'metadata'],
      [21, 'key'],
      [23, ''],
    ]);
    expect(problems.map(({ why }) => why)).toEqual(
      expect.arrayContaining([
        'There is no asset SILVER.',
        'GOLD has 2 digits after the point.',
        'It has passed.',
        'It is that of line 20, for the same wallet.',
        'The line has 4 cells, the first one has 11.',
      ]),
    );
    expect(rows.map(({ line }) => line)).toEqual([20, 22]);
  });

  it.each([
    ['', 'The file is empty.', ''],
    ['kind,owner,asset', 'The column is missing.', 'amount'],
    ['kind,amount', 'The column is missing.', 'owner'],
    ['kind,owner,amount', 'The column is missing.', 'asset'],
    ['owner,asset,amount', 'The column is missing.', 'kind'],
    ['kind,kind,owner,asset,amount', 'The column is there twice.', 'kind'],
    ['kind,owner,asset,amount,colour', /^There is no such column/, 'colour'],
  ])('whose first line is %j is refused: %s', (text, why, column) => {
    expect(readSheet(text)).toEqual({
      line: 1,
      column,
      why: typeof why === 'string' ? why : (expect.stringMatching(why) as string),
    });
  });

  it('of a role that may not correct has no adjustments', async () => {
    const { problems } = await check('kind,owner,asset,amount,side,reason\nadjustment,a,GOLD,1,credit,why', {
      mayCorrect: false,
    });

    expect(problems).toEqual([{ line: 2, column: 'kind', why: 'Your role may not book adjustments.' }]);
  });

  it('that is a result is read without the marks that keep spreadsheets from running its cells', async () => {
    const { rows } = await check(`line,kind,owner,asset,amount,key,outcome,transfer_id,why
7,bonus,'=7,GOLD,1,'-k,refused,,WALLET_CLOSED
`);

    expect(rows.map(({ owner, request }) => [owner, request.idemKey])).toEqual([['=7', '-k']]);
  });
});

describe('the id of a wallet', () => {
  const db = createDatabase();

  it('is the one that the ledger derives, whatever the owner is called', async () => {
    for (const [owner, asset] of [
      ['player-1', 'GOLD'],
      ['', ''],
      ['Zoë 🎲 שלום', 'A.b-c_9'],
      [randomUUID().repeat(5), 'x'.repeat(64)],
    ] as const) {
      const { rows } = await db.query<{ id: string }>('select ledger.wallet_id($1, $2) as id', [owner, asset]);

      expect(await walletIdOf(owner, asset)).toBe(rows[0]?.id);
    }
  });
});
