/** The worker's scheduled seals and verifications, and the commands for them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, createDatabase, newAsset, newKey, newWallet } from '../../db/tests/helpers.ts';
import { age } from '../../db/tests/aged.ts';
import { sealedSeq } from '../../db/tests/seals.ts';
import { createGateway, execute, linesOfLog, withLogin } from '../testing.ts';

const WITHIN_MS = 60_000;

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + WITHIN_MS; !(await holds()); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
  }
}

describe('the worker', () => {
  const gateway = createGateway({ VERIFY_CRON: 'off' });
  const { db } = gateway;
  const tick = (task: string) => db.query('select wallet_queue.add_job($1, queue_name => $1, job_key => $1)', [task]);
  const noJob = (task: string) =>
    eventually(`no ${task} is left`, async () => {
      const { rowCount } = await db.query('select from wallet_queue.jobs where task_identifier = $1', [task]);
      return rowCount === 0;
    });

  it('seals new entries', async () => {
    const wallet = await newWallet(db, await newAsset(db), { bought: 5 });

    await eventually('the wallet is sealed', async () => {
      await tick('seal');
      await noJob('seal');
      return (await sealedSeq(db, wallet)) === 1;
    });
  });

  it('verifies, logs and records it', async () => {
    await tick('verify');
    await noJob('verify');

    const { rows } = await db.query('select findings, actor from ledger.verifications');
    expect(rows).toEqual([{ findings: '0', actor: 'db:wallet_worker' }]);
    await gateway.child.prints(/verified: the ledger is sound/);
  });

  it('books expiries and seals during a verification, which may take longer than other statements', async () => {
    // Replaces the verification by one that runs until the test ends it.
    await db.query(`create table go (seen text);
      grant all on go to wallet_owner;
      create or replace function ledger.ledger_prove(kept jsonb default null) returns setof ledger.finding
      language plpgsql volatile security definer set search_path = public, pg_temp as $$
      begin
        while not exists (select from go) loop
          perform pg_sleep(0.05);
        end loop;
        update go set seen = concat_ws(' ', current_setting('statement_timeout'), current_setting('transaction_timeout'));
        return query select 'a_rule', null::uuid, null::bigint, null::uuid, '{}'::jsonb;
      end $$`);
    const wallet_id = await newWallet(db, await newAsset(db), { bought: 5 });
    await tick('verify');
    await eventually('the proof is under way', async () => {
      const { rowCount } = await db.query(
        "select from pg_stat_activity where datname = current_database() and state = 'active' and query like '%ledger_prove()'",
      );
      return rowCount === 1;
    });

    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    await call(db, 'wallet_hold', { wallet_id, amount: 1, idem_key: newKey(), expires_at });
    // Keeps hashes, so that sealed entries stay valid.
    await age(db, '2 hours', 'later');
    await eventually('the hold is freed and sealed', async () => {
      await tick('expire_due');
      await tick('seal');
      await noJob('expire_due');
      await noJob('seal');
      return (await sealedSeq(db, wallet_id)) === 3;
    });
    await db.query('insert into go values (null)');
    await noJob('verify');

    expect((await db.query('select seen from go')).rows).toEqual([{ seen: '6h 6h' }]);
    await eventually('it is said', async () =>
      Promise.resolve(
        linesOfLog(gateway.child.stderr).some(
          ({ msg, findings }) => findings === 1 && String(msg).startsWith('the ledger is not sound'),
        ),
      ),
    );
  });
});

describe('the commands', () => {
  const db = createDatabase();
  const run = (command: string, ...args: string[]) =>
    execute(process.execPath, [`src/commands/${command}.ts`, ...args], { env: { DATABASE_URL: db.url } });
  let folder = '';
  let file = '';
  let wallet = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wallet-seals-'));
    file = join(folder, 'seals.jsonl');
    wallet = await newWallet(db, await newAsset(db));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const book = async (seq: number) => {
    await call(db, 'wallet_top_up', { wallet_id: wallet, amount: 1, idem_key: newKey() });
    await eventually('it is sealed and kept', async () => {
      expect((await run('seal', '--out', file)).stderr).toBe('');
      return (await sealedSeq(db, wallet)) === seq;
    });
  };
  const kept = async () => (await readFile(file, 'utf8')).trim().split('\n');
  const numberOf = (line = '{}') => String((JSON.parse(line) as { seq?: number }).seq);

  it('seal and export line by line, and verify against the exported seals', async () => {
    await book(1);
    await book(2);

    const lines = await kept();
    expect(lines.length).toBeGreaterThanOrEqual(2);
    const newest = numberOf(lines.at(-1));
    expect(await run('seal', '--out', file)).toMatchObject({ code: 0, stdout: `${file} holds seal ${newest}\n` });
    expect(await kept()).toEqual(lines);
    expect(await run('seal')).toMatchObject({ code: 0, stdout: `${lines.at(-1) ?? ''}\n` });
    expect(await run('verify', '--seal', file)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { rows } = await db.query('select findings, kept_seals from ledger.verifications order by id desc limit 1');
    expect(rows).toEqual([{ findings: '0', kept_seals: String(lines.length) }]);
  });

  it("verify the same with the gateway's login, export existing seals, and record nothing", async () => {
    const recorded = async () => (await db.query('select from ledger.verifications')).rowCount;
    const before = await recorded();
    const newest = (await kept()).at(-1) ?? '';

    await withLogin(db, 'wallet_gateway', async (url) => {
      const env = { DATABASE_URL: url };
      const node = (...args: string[]) => execute(process.execPath, args, { env });
      expect(await node('src/commands/verify.ts', '--seal', file)).toMatchObject({ code: 0, stderr: '' });
      expect(await node('src/commands/seal.ts')).toEqual({ code: 0, stdout: `${newest}\n`, stderr: '' });
    });

    expect(await recorded()).toBe(before);
  });

  it('report that the ledger has lost a seal, and leave the file unchanged', async () => {
    const good = await readFile(file, 'utf8');
    const lines = await kept();
    const other = (_all: string, start: string, byte: string): string => `${start}${byte === '00' ? '01' : '00'}`;
    await writeFile(file, good.replace(/("hash":"\\\\x)(..)/, other));
    const bad = await readFile(file, 'utf8');
    const detail = { seal: 1 };

    const verified = await run('verify', '--seal', file);
    const sealed = await run('seal', '--out', file);

    expect(verified).toMatchObject({ code: 1, stderr: '' });
    // Each finding is a line of JSON, and nothing else is printed.
    expect(
      verified.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([expect.objectContaining({ rule: 'seal_missing', detail: expect.objectContaining(detail) as object })]);
    expect(sealed).toMatchObject({ code: 1, stdout: '' });
    expect(sealed.stderr).toContain('has seals that the ledger does not hold: it is left as it is');
    expect(await readFile(file, 'utf8')).toBe(bad);
    await writeFile(file, good);
    expect(await kept()).toEqual(lines);
  });

  it.each([
    ['no JSON', 'seal\n', 'line 1 is not JSON'],
    ['no seal', '{"seq":1}\n{"seq":"2"}\n', 'line 2 is not a seal'],
    ['nothing', '\n', 'There is no seal in '],
  ])('refuse a file with %s in one line', async (_what, text, message) => {
    const other = join(folder, 'other.jsonl');
    await writeFile(other, text);

    const { code, stdout, stderr } = await run('verify', '--seal', other);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('refuse a missing file', async () => {
    expect(await run('verify', '--seal', join(folder, 'none'))).toMatchObject({ code: 2, stdout: '' });
  });
});
