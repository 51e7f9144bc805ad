/** `npm run migrate`: brings the database to the newest committed migration. */
import { readCommandConfig } from '../config.ts';
import { withDatabaseUrl } from '../dev/local.ts';
import { migrate } from '../migrate/migrate.ts';
import { command } from '../command.ts';

const HELP = `npm run migrate

Brings the database at DATABASE_URL, or the one of this checkout, to the newest migration. Running it again changes nothing.`;

await command({ help: HELP }, async () => {
  await withDatabaseUrl(readCommandConfig(process.env), migrate);
  console.log('migrated');
  return 0;
});
