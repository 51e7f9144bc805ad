/** The next migration of a folder with one release and files that have changed since. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expandNextMigration, expandWhole } from './next_migration.ts';

let folder: string;
let db: URL;

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

const includesOf = (text = ''): string[] => [...text.matchAll(/^--! Included (\S+)$/gm)].map(([, path = '']) => path);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-next-'));
  db = pathToFileURL(`${folder}/`);
  await write({
    'wallet.sql':
      '--!include schema/coins.sql\n--!include functions/a.sql\n--!include functions/b.sql\n\nselect begin_epoch();\n',
    'upgrade.sql': '-- What an upgrade is.\n-- In two lines.\n',
    'schema/coins.sql': 'create table coins (id int);\n',
    'functions/a.sql': 'create or replace function a() returns int return 1;\n',
    'functions/b.sql': 'create or replace function b() returns int return a();\n',
  });
  await mkdir(join(folder, 'migrations'));
  await symlink('..', join(folder, 'migrations/fixtures'));
  await write({ 'migrations/committed/000001-wallet.sql': await expandWhole(db) });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('is empty if nothing changed', async () => {
  expect(await expandNextMigration(db)).toBeUndefined();
});

it("contains the changed and new functions in the order of wallet.sql, after the release's hash", async () => {
  await write({
    'wallet.sql':
      '--!include schema/coins.sql\n--!include functions/c.sql\n--!include functions/a.sql\n--!include functions/b.sql\n',
    'functions/b.sql': 'create or replace function b() returns int return 2;\n',
    'functions/c.sql': 'create or replace function c() returns int return 3;\n',
  });
  const text = await expandNextMigration(db);

  expect(includesOf(text)).toEqual(['functions/c.sql', 'functions/b.sql']);
  expect(text).toMatch(
    /^--! Previous: sha1:[0-9a-f]{40}\n--! Hash: sha1:[0-9a-f]{40}\n--! Message: 0\.2\.0\n\nset local role wallet_owner;\n/,
  );
  expect(text).toMatch(/\nreset role;\n$/);
  expect(text).not.toMatch('begin_epoch');
});

it('contains the hand-written statements first, and of db/schema only the new files', async () => {
  await write({
    'wallet.sql':
      '--!include schema/coins.sql\n--!include schema/notes.sql\n--!include functions/a.sql\n--!include functions/b.sql\n',
    'upgrade.sql': '-- What an upgrade is.\n\n-- Why.\nalter table coins add column name text;\n',
    'schema/coins.sql': 'create table coins (id int, name text);\n',
    'schema/notes.sql': 'create table notes (id int);\n',
  });
  const text = await expandNextMigration(db);

  expect(includesOf(text)).toEqual(['schema/notes.sql']);
  expect(text).toMatch(/wallet_owner;\n\n-- Why\.\nalter table coins add column name text;\n\n--! Included schema/);
  expect(text).not.toMatch('What an upgrade is');
});

it('includes a file once if the hand-written statements include it', async () => {
  await write({
    'upgrade.sql': '--!include functions/b.sql\n\nselect b();\n',
    'functions/a.sql': 'create or replace function a() returns int return 4;\n',
    'functions/b.sql': 'create or replace function b() returns int return 5;\n',
  });

  expect(includesOf(await expandNextMigration(db))).toEqual(['functions/b.sql', 'functions/a.sql']);
});

it('contains a changed function that a file of db/schema includes, without that file', async () => {
  await write({
    'schema/coins.sql': 'create table coins (id int);\n--!include functions/d.sql\ncreate view v as select d();\n',
    'functions/d.sql': 'create or replace function d() returns int return 6;\n',
  });
  await write({ 'migrations/committed/000001-wallet.sql': await expandWhole(db) });
  expect(await expandNextMigration(db)).toBeUndefined();

  await write({ 'functions/d.sql': 'create or replace function d() returns int return 7;\n' });

  expect(includesOf(await expandNextMigration(db))).toEqual(['functions/d.sql']);
});

it('contains a changed view, without the file of db/schema that includes it', async () => {
  await write({
    'schema/coins.sql': 'create table coins (id int);\n--!include views/v.sql\n',
    'views/v.sql': 'create or replace view v as select id from coins;\n',
  });
  await write({ 'migrations/committed/000001-wallet.sql': await expandWhole(db) });
  expect(await expandNextMigration(db)).toBeUndefined();

  await write({ 'views/v.sql': 'create or replace view v as select id, 1 as more from coins;\n' });

  expect(includesOf(await expandNextMigration(db))).toEqual(['views/v.sql']);
});
