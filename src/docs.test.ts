/**
 * Runs the code blocks of README, docs and examples in order, against one service, and compares the output. CONTRIBUTING.md explains how
 * blocks are marked. With DOCS_RECORD=1 the outputs are written anew.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, expectSound } from '../db/tests/helpers.ts';
import { seed } from './dev/demo.ts';
import { AUTH, createGateway, execute, ROOT } from './testing.ts';
import {
  answersTo,
  answerTo,
  type Block,
  blocksOf,
  inDocumentation,
  inLines,
  Names,
  pages,
  read,
  Reader,
  REASONS,
  statementsOf,
} from './testing_docs.ts';
import { signToken } from './dev/sign_token.ts';

const RECORD = process.env.DOCS_RECORD === '1';
const RUN = ['sh', 'sql', 'psql', 'graphql'];
const ANSWERS = ['json', 'text', 'csv'];

const ALL = pages().map((page) => ({ page, blocks: blocksOf(page, read(page)) }));
const isRun = ({ language, runBy, notRun, example }: Block): boolean =>
  RUN.includes(language) && runBy === undefined && notRun === undefined && !example;
/** Whether the block is not the output of the one before. */
const isLeft = ({ runBy, notRun, example }: Block): boolean => runBy !== undefined || notRun !== undefined || example;
const placeOf = ({ page, line }: Block): string => `${page}:${line}`;

function record(path: string, text: string): void {
  writeFileSync(join(ROOT, path), text);
}

describe('the blocks of the documentation', () => {
  const blocks = ALL.flatMap((one) => one.blocks);

  it('are found', () => {
    expect(blocks.filter(isRun).length).toBeGreaterThan(50);
  });

  it('run, or show the output of another, or are marked', () => {
    const lost = ALL.flatMap((one) =>
      one.blocks.filter((block, index) => {
        if (isRun(block) || isLeft(block) || block.language === 'mermaid' || block.file !== undefined) return false;
        const before = one.blocks.slice(0, index).findLast(({ hidden }) => !hidden);
        return !ANSWERS.includes(block.language) || !before || (!isRun(before) && !ANSWERS.includes(before.language));
      }),
    );
    expect(lost.map(placeOf)).toEqual([]);
  });

  it('that cannot be run here are known', () => {
    const left = ALL.map(({ page, blocks: some }) => ({
      page,
      reasons: [...new Set(some.flatMap(({ notRun }) => notRun ?? []))].sort(),
    })).filter(({ reasons }) => reasons.length > 0);

    expect(
      left.flatMap(({ reasons }) => reasons).filter((one) => !(REASONS as readonly string[]).includes(one)),
    ).toEqual([]);
    expect(Object.fromEntries(left.map(({ page, reasons }) => [page, reasons.join(', ')]))).toEqual({
      'README.md': 'minutes',
      'CONTRIBUTING.md': 'checkout, minutes',
      'docs/operate/backup.md': 'minutes',
      'docs/operate/containers.md': 'docker',
      'docs/operate/kubernetes.md': 'kubernetes',
      'docs/operate/managed-postgresql.md': 'cloud',
      'docs/operate/moving.md': 'cloud',
      'docs/operate/observability.md': 'promtool',
      'docs/operate/poolers.md': 'cloud',
      'docs/operate/upgrade.md': 'cloud',
      'docs/persisted_documents.md': 'docker, kubernetes',
      'docs/proof.md': 'minutes',
      'examples/README.md': 'psql',
    });
  });

  it('that another test runs are named there', () => {
    const elsewhere = blocks.filter(({ runBy }) => runBy !== undefined);
    const page = (block: Block) => block.page.replace(/^docs\/(operate\/)?/, '');

    expect(elsewhere.length).toBeGreaterThan(10);
    expect(
      elsewhere
        .filter(
          ({ runBy = '', ...block }) =>
            !existsSync(join(ROOT, runBy)) || !read(runBy).includes(page({ ...block, runBy })),
        )
        .map(placeOf),
    ).toEqual([]);
  });

  it('that quote a file are equal to it', () => {
    const quotes = blocks.filter(({ file }) => file !== undefined && existsSync(join(ROOT, file)));

    expect(quotes.length).toBeGreaterThan(0);
    for (const { file = '', text } of quotes) expect(text).toBe(read(file));
  });
});

describe('a transcript', () => {
  it('is equal to another if only ids, instants and hashes differ, and consistently', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((end) => `01a20371-7d05-7da9-85ea-294fddc2260${end}`);
    const same = (shown: string, real: string, language = 'text') => {
      const compared = new Names().compare(language, shown, real);
      return compared.shown === compared.real;
    };

    expect(same(`${a} ${a}`, `${b} ${b}`)).toBe(true);
    expect(same(`${a} ${a}`, `${b} ${c}`)).toBe(false);
    expect(same(`${a} 1`, `${b} 2`)).toBe(false);
    expect(same('at 2026-01-01 00:00:00.1+00', 'at 2027-01-01 00:00:00.123+00')).toBe(true);
    expect(same('until 2099-01-01 00:00:00+00', 'until 2098-01-01 00:00:00+00')).toBe(false);
    expect(same('{"a": [\n1]}', '{"a":[1]}', 'json')).toBe(true);
    expect(same('{"a": [1]}', '{"a":[2]}', 'json')).toBe(false);
    expect(same('{"a":1}\n{"b":1}', '{"a":1}', 'json')).toBe(false);
    expect(same(' a  |  1', ' a | 1')).toBe(false);
  });
});

describe('the documentation', () => {
  const gateway = createGateway({ LOG_LEVEL: 'error' });
  const { db } = gateway;

  beforeAll(async () => {
    await seed(db.url);
    await answersTo(await db.connect(), read('examples/sql/shop.sql'));
    // An open transaction of another test file delays the feed.
    for (let shown = 0; shown < 5; await sleep(50))
      shown = (await db.query('select from ledger.ledger_events(null, 5)')).rowCount ?? 0;
  });

  it('examples/curl/purchase.sh prints what was recorded', async () => {
    const env = { URL: gateway.url, TOKEN: await signToken(AUTH, { role: 'service', sub: 'shop' }) };
    const { code, stdout, stderr } = await execute('bash', ['examples/curl/purchase.sh'], { env });

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expectRecorded('examples/curl/purchase.out', stdout);
  });

  it.each(ALL.filter(({ blocks }) => blocks.some(isRun)).map(({ page }) => page))(
    '%s shows the real output',
    async (page) => {
      const reader = new Reader(gateway);
      const lines = read(page).split('\n');
      const anew: { block: Block; text: string }[] = [];
      try {
        await readPage(reader, page, (block, text) => anew.push({ block, text }));
      } finally {
        await reader.end();
        if (RECORD && anew.length > 0) {
          for (const { block, text } of anew.reverse())
            lines.splice(
              block.line - 1,
              block.text.split('\n').length - 1,
              ...text
                .trimEnd()
                .split('\n')
                .map((line) => `${block.indent}${line}`.trimEnd()),
            );
          record(page, lines.join('\n'));
        }
      }
    },
  );

  it('leaves the ledger sound', async () => {
    await expectSound(db);
  });
});

async function readPage(reader: Reader, page: string, write: (block: Block, text: string) => void): Promise<void> {
  const blocks = blocksOf(page, read(page));
  let printed: string | undefined;
  for (const block of blocks) {
    if (block.file !== undefined && !existsSync(join(ROOT, block.file))) reader.put(block.file, block.text);
    else if (isRun(block) && block.language === 'psql') await readTranscript(reader, block, write);
    else if (isRun(block)) printed = await reader.run(block);
    else if (!isLeft(block) && ANSWERS.includes(block.language)) {
      const real = block.place === 'of' ? await reader.printed(block.text.trimEnd().split('\n').length) : printed;
      if (real === undefined) continue;
      const compared = reader.names.compare(block.language, block.text, real);
      if (RECORD && compared.shown !== compared.real)
        write(block, block.language === 'json' && block.place !== 'of' ? await inLines(real) : real);
      else expect(`${placeOf(block)}\n${compared.real}`).toBe(`${placeOf(block)}\n${compared.shown}`);
      printed = undefined;
    }
  }
}

async function readTranscript(
  reader: Reader,
  block: Block,
  write: (block: Block, text: string) => void,
): Promise<void> {
  const session = await reader.session(block.as, block.sub);
  let anew = '';
  let differs = false;
  for (const { typed, sql, answer } of statementsOf(block.text)) {
    const real = await answerTo(session, reader.names.inRun(sql));
    const compared = reader.names.compare('text', answer, real);
    const isSame = compared.shown === compared.real;
    anew += typed + (isSame ? `${answer.trimEnd()}\n\n` : `${real.trimEnd()}\n\n`);
    differs ||= !isSame;
    if (!RECORD) expect(`${placeOf(block)}\n${compared.real}`).toBe(`${placeOf(block)}\n${compared.shown}`);
  }
  if (differs) write(block, anew);
}

function expectRecorded(path: string, printed: string): void {
  const compared = new Names().compare(path.includes('curl') ? 'json' : 'text', read(path), printed);
  if (RECORD && compared.shown !== compared.real) record(path, printed.replaceAll(/ +$/gm, ''));
  else expect(compared.real).toBe(compared.shown);
}

describe('the examples in SQL', () => {
  const db = createDatabase();

  beforeAll(() => seed(db.url));

  it('print the same in psql, where there is one', async () => {
    const psql = await execute('psql', ['-X', '-d', db.url, '-f', join(ROOT, 'examples/psql/audit.sql')], {
      env: { PGTZ: 'UTC' },
    }).catch(() => undefined);
    if (psql?.code !== 0) {
      console.log('skipped: there is no psql');
      return;
    }
    const admin = await db.connect();
    await admin.query("set timezone = 'UTC'");
    const here = await answersTo(admin, read('examples/psql/audit.sql'));
    const printed = inDocumentation(psql.stdout);
    // The width of columns depends on the administrator's name.
    const comparable = (text: string) => {
      const trimmed = text.replaceAll(/ +$/gm, '');
      return printed === psql.stdout ? trimmed : trimmed.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');
    };
    expect(comparable(printed)).toBe(comparable(here));
  });

  it('print the recorded output: for an auditor, and for a job that changes nothing when it runs again', async () => {
    const auditor = await db.connect();
    await auditor.query("set role wallet_auditor; set timezone = 'UTC'");
    expectRecorded('examples/psql/audit.out', await answersTo(auditor, read('examples/psql/audit.sql')));

    const admin = await db.connect();
    await answersTo(admin, read('examples/sql/shop.sql'));
    const job = await db.connectJob();
    expectRecorded('examples/sql/order.out', await answersTo(job, read('examples/sql/order.sql')));
    expect(await answersTo(job, read('examples/sql/order.sql'))).toMatch(/INSERT 0 0\n[^]* \| t\n/);
    await expectSound(db);
  });
});
