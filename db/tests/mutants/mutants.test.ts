import { existsSync } from 'node:fs';
import ts from 'typescript';
import { createDatabase, refusal } from '../helpers.ts';
import { applyMutant } from './apply.ts';
import { sourcesOf } from './copy.ts';
import { firstFailure, listTests, pathOf } from './jest.ts';
import { MUTANTS, type GatewayMutant, type SchemaMutant } from './mutants.ts';
import { isCaught } from './prove.ts';

const db = createDatabase();
const ofGateway = MUTANTS.filter((mutant): mutant is GatewayMutant => 'sources' in mutant);
const tested = MUTANTS.filter((mutant): mutant is SchemaMutant | GatewayMutant => !('prove' in mutant));
const ofSchema = tested.filter((mutant): mutant is SchemaMutant => !('sources' in mutant));
const names = MUTANTS.map(({ name }) => name);

describe('the mutants', () => {
  it('are at least 25, each under its own name', () => {
    expect(names.length).toBeGreaterThanOrEqual(25);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it.each(ofSchema)('change the schema as it is: $name', async (mutant) => {
    await applyMutant(await db.connect(), mutant, 'on trial');
  });

  it.each(ofGateway)('change the gateway as it is, into what can be read: $name', (mutant) => {
    for (const [fileName, text] of sourcesOf(mutant)) {
      const { diagnostics } = ts.transpileModule(text, { fileName, reportDiagnostics: true });
      expect(diagnostics).toEqual([]);
    }
  });

  it('name test files that exist', () => {
    const files = [...new Set(tested.flatMap(({ tests }) => tests))];

    expect(tested.filter(({ tests }) => tests.length === 0)).toEqual([]);
    expect(files.filter((file) => !existsSync(pathOf(file)))).toEqual([]);
  });

  it('are not judged by tests that compare the database with the files of the functions', async () => {
    const judges = await listTests();

    expect(judges).toEqual(expect.arrayContaining(tested.flatMap(({ tests }) => tests).map(pathOf)));
    expect(judges.filter((path) => /\/(drift|tidy|mutants)\.test\.ts$/.test(path))).toEqual([]);
  });
});

describe('a mutant is refused', () => {
  const only = (mutant: Partial<SchemaMutant>): SchemaMutant => ({ name: 'a test', tests: [], ...mutant });
  const file = 'ledger_private/posting/judged';

  it.each([
    {
      why: 'where a function has nothing of it',
      edit: { file, from: 'not there', to: '', times: 1 },
      says: 'has 0 times',
    },
    {
      why: 'where a function has it more often',
      edit: { file, from: 'v_head', to: '', times: 1 },
      says: /has \d+ times/,
    },
    {
      why: 'where it changes nothing',
      edit: { file, from: 'if v_change', to: 'if v_change', times: 1 },
      says: 'changes nothing',
    },
  ])('$why', async ({ edit, says }) => {
    const client = await db.connect();

    await expect(applyMutant(client, only({ edits: [edit] }))).rejects.toThrow(says);
  });

  it('where its statements fail, and leaves nothing of it', async () => {
    const client = await db.connect();
    const sql = 'alter table ledger.entries disable trigger all_of_them';

    expect(await refusal(applyMutant(client, only({ sql })))).toMatchObject({ code: '42704' });
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it.each([
    { why: 'where a source has nothing of it', from: 'not there', to: '', says: 'has 0 times' },
    { why: 'where a source stays as it is', from: 'const MAX_GROUP', to: 'const MAX_GROUP', says: 'changes nothing' },
  ])('$why', ({ from, to, says }) => {
    const sources = [{ file: 'flows/poster', from, to, times: 1 }];

    expect(() => sourcesOf({ name: 'a test', tests: [], sources })).toThrow(says);
  });

  it('where nobody knows its name', async () => {
    await expect(applyMutant(await db.connect(), 'no such')).rejects.toThrow('no such');
  });
});

describe('what jest says of a mutant', () => {
  const result = (...tests: [status: string, said: string][]) => ({
    name: pathOf('hash'),
    message: tests.some(([status]) => status === 'failed') ? 'failed' : '',
    assertionResults: tests.map(([status, said], index) => ({
      status,
      fullName: `test ${index + 1}`,
      failureMessages: said ? [said] : [],
    })),
  });
  const judge = (...testResults: ReturnType<typeof result>[]) =>
    firstFailure({ numTotalTests: testResults.flatMap((file) => file.assertionResults).length, testResults });
  const unread = { ...result(), message: 'SyntaxError: ...' };

  it('is the first test that failed, where one did', () => {
    expect(judge(result(['passed', '']), result(['passed', ''], ['failed', 'deadlock'], ['pending', '']))).toEqual({
      file: 'db/tests/hash.test.ts',
      test: 'test 2',
      message: 'deadlock',
    });
  });

  it('is nothing where all passed', () => {
    expect(judge(result(['passed', ''], ['passed', '']))).toBeUndefined();
  });

  it.each([
    { what: 'no test was run', results: [], says: 'no tests' },
    { what: 'every test was skipped', results: [result(['pending', ''])], says: 'No test was run' },
    { what: 'a file could not be read', results: [unread], says: 'could not be run' },
    ...[
      'column "x" does not exist',
      'syntax error at or near "x"',
      'code: 42883',
      'code: 42P10',
      'ReferenceError: x is not defined',
      'TypeError: x is not a function',
    ].map((said) => ({
      what: `the fault is a mistake: ${said}`,
      results: [result(['failed', said])],
      says: 'a mistake, not a fault',
    })),
  ])('is worth nothing where $what', ({ results, says }) => {
    expect(() => judge(...results)).toThrow(says);
  });
});

describe('what npm run prove says of a mutant', () => {
  const last = (lost: number) => `lost = ${lost}, duplicated = 0, findings = 0, seed = 1`;

  it.each([
    { what: 'it found something', outcome: { code: 1, last: last(3) }, caught: true },
    { what: 'it found nothing', outcome: { code: 0, last: last(0) }, caught: false },
    { what: 'it failed and found nothing', outcome: { code: 1, last: last(0) }, caught: false },
    { what: 'it found something and did not fail', outcome: { code: 0, last: last(3) }, caught: false },
  ])('is $caught where $what', ({ outcome, caught }) => {
    expect(isCaught(outcome)).toBe(caught);
  });

  it('is worth nothing where it ended for another reason', () => {
    expect(() => isCaught({ code: 1, last: 'connection refused' })).toThrow('without a summary');
  });
});
