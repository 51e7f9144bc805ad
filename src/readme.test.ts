/** Examples of the README whose output is that of a run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, createDatabase, expectSound, newKey } from '../db/tests/helpers.ts';
import { createGateway, ROOT } from './testing.ts';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The code below a heading, by its language. */
function blocksOf(heading: string): { language: string; text: string }[] {
  const from = README.indexOf(`\n### ${heading}\n`);
  if (from < 0) throw new Error(`no section ${heading}`);
  const end = README.indexOf('\n### ', from + 1);
  return [...README.slice(from, end).matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

const blockOf = (heading: string, language: string): string => {
  const [block, ...more] = blocksOf(heading).filter((one) => one.language === language);
  if (!block || more.length > 0) throw new Error(`not one ${language} in ${heading}`);
  return block.text;
};

/** A statement as it is typed in psql, and what psql answers. */
function typed(text: string): { statement: string; answer: string[] } {
  const lines = text.trimEnd().split('\n');
  const isTyped = (line: string) => /^wallet[=-]> /.test(line);
  return {
    statement: lines
      .filter(isTyped)
      .map((line) => line.slice('wallet=> '.length))
      .join('\n'),
    answer: lines.filter((line) => !isTyped(line)).map((line) => line.trimEnd()),
  };
}

/** As psql shows it: names in the middle, numbers to the right. */
function shown({
  fields,
  rows,
}: {
  fields: { name: string; dataTypeID: number }[];
  rows: (string | number | null)[][];
}): string[] {
  const NUMBERS = [20, 23];
  const cells = rows.map((row) => row.map((value) => String(value ?? '')));
  const widths = fields.map(({ name }, place) => Math.max(name.length, ...cells.map((row) => row[place]?.length ?? 0)));
  const line = (texts: string[]) =>
    texts
      .map((text) => ` ${text} `)
      .join('|')
      .trimEnd();
  const centered = (text: string, width: number) => {
    const left = Math.floor((width - text.length) / 2);
    return `${' '.repeat(left)}${text}`.padEnd(width);
  };
  return [
    line(fields.map(({ name }, place) => centered(name, widths[place] ?? 0))),
    widths.map((width) => '-'.repeat(width + 2)).join('+'),
    ...cells.map((row) =>
      line(
        row.map((text, place) => {
          const isNumber = NUMBERS.includes(fields[place]?.dataTypeID ?? 0);
          return isNumber ? text.padStart(widths[place] ?? 0) : text.padEnd(widths[place] ?? 0);
        }),
      ),
    ),
  ];
}

describe('the README on many calls in one', () => {
  const HEADING = 'Many calls in one, each for itself';
  const gateway = createGateway();
  const { db } = gateway;

  beforeAll(async () => {
    await call<object>(db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
    // What the sections before it have left.
    for (const [owner_id, bought, given] of [
      ['dora', 100, 25],
      ['bob', 0, 5],
    ] as const) {
      const { id } = await call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code: 'GOLD' });
      if (bought > 0) await call(db, 'wallet_top_up', { wallet_id: id, amount: bought, idem_key: newKey() });
      await call(db, 'wallet_bonus', { wallet_id: id, amount: given, idem_key: newKey() });
    }
  });

  it('shows what SQL answers, and then what GraphQL does', async () => {
    const { statement, answer } = typed(blockOf(HEADING, 'text'));
    const { fields, rows } = await db.pool.query<(string | number | null)[]>({ text: statement, rowMode: 'array' });
    expect(answer).toEqual(shown({ fields, rows }));

    const { status, body } = await gateway.as('service', 'shop').post(blockOf(HEADING, 'graphql'));
    expect({ status, body }).toEqual({ status: 200, body: JSON.parse(blockOf(HEADING, 'json')) as object });
    await expectSound(db);
  });
});

describe('the README on merging two wallets', () => {
  const db = createDatabase();

  it('shows what a merge answers, and a reversal through the successor', async () => {
    await call<object>(db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
    const [old = ''] = await Promise.all(
      ['greta-old', 'greta'].map(
        async (owner_id) => (await call<{ id: string }>(db, 'wallet_open', { owner_id, asset_code: 'GOLD' })).id,
      ),
    );
    await call(db, 'wallet_top_up', { wallet_id: old, amount: 100, idem_key: 'order-40' });
    const lot = { amount: 20, idem_key: newKey(), expires_at: '2099-01-01T00:00:00Z' };
    await call(db, 'wallet_bonus', { wallet_id: old, ...lot });

    const examples = blocksOf('Merging two wallets').map(({ text }) => typed(text));
    expect(examples).toHaveLength(2);
    for (const { statement, answer } of examples) {
      const { fields, rows } = await db.pool.query<(string | number | null)[]>({ text: statement, rowMode: 'array' });
      expect(answer).toEqual(shown({ fields, rows }));
    }
    await expectSound(db);
  });
});

describe('the README on debts', () => {
  const db = createDatabase();

  it('shows what a chargeback of credits that are gone answers', async () => {
    await call<object>(db, 'asset_create', { code: 'GOLD', name: 'Gold Coins' });
    const { id: wallet_id } = await call<{ id: string }>(db, 'wallet_open', { owner_id: 'erin', asset_code: 'GOLD' });
    await call(db, 'wallet_top_up', { wallet_id, amount: 100, idem_key: 'order-30' });
    await call(db, 'wallet_spend', { wallet_id, amount: 70, idem_key: newKey() });

    const { statement, answer } = typed(blockOf('Debts', 'text'));
    const { fields, rows } = await db.pool.query<(string | number | null)[]>({ text: statement, rowMode: 'array' });
    expect(answer).toEqual(shown({ fields, rows }));
    await expectSound(db);
  });
});
