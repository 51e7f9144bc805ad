/** `npm run migration`: writes the first migration anew from db/wallet.sql and what it includes. Needs no database. */
import { chmod, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expandFirstMigration, FIRST_MIGRATION } from './first_migration.ts';
import { command } from '../command.ts';

const HELP = `npm run migration

Writes the first migration from db/wallet.sql and the files that it includes. Needs no database.`;

await command({ help: HELP }, async () => {
  const text = await expandFirstMigration();
  // graphile-migrate commits files that may only be read.
  await chmod(FIRST_MIGRATION, 0o644).catch(() => undefined);
  await writeFile(FIRST_MIGRATION, text);
  console.log(`wrote ${fileURLToPath(FIRST_MIGRATION)}`);
  return 0;
});
