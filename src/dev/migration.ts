/** `npm run migration`: writes the next migration from the files in db/. Needs no database. */
import { chmod, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DB, expandNextMigration, NEXT } from './next_migration.ts';
import { command } from '../command.ts';

const HELP = `npm run migration

Writes the next migration from db/upgrade.sql and the files of db/ that changed since the last release. Needs no database.`;

await command({ help: HELP }, async () => {
  const file = new URL(`migrations/committed/${NEXT}`, DB);
  const text = await expandNextMigration();
  if (text === undefined) {
    await rm(file, { force: true });
    console.log('nothing changed since the last release');
    return 0;
  }
  // graphile-migrate makes committed files read-only.
  await chmod(file, 0o644).catch(() => undefined);
  await writeFile(file, text);
  console.log(`wrote ${fileURLToPath(file)}`);
  return 0;
});
