/** What a deployment runs once before its gateways start: migrates, and seeds an empty ledger. */
import { readConfig } from '../config.ts';
import { withDatabaseUrl } from '../local.ts';
import { prepare } from '../database/prepare.ts';
import { run } from './run.ts';

await run(async () => {
  await withDatabaseUrl(readConfig(process.env), prepare);
  console.log('migrated and seeded');
  return 0;
});
