/** `npm run migrate`: brings the database to the newest committed migration. */
import { readConfig } from '../config.ts';
import { withDatabaseUrl } from '../local.ts';
import { migrate } from '../database/migrate.ts';
import { run } from './run.ts';

await run(async () => {
  await withDatabaseUrl(readConfig(process.env), migrate);
  console.log('migrated');
  return 0;
});
