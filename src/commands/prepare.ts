/** What the compose file runs once before its gateways start: migrates, and in development posts the demo to an empty ledger. */
import { readCommandConfig } from '../config.ts';
import { withDatabaseUrl } from '../dev/local.ts';
import { migrate } from '../migrate/migrate.ts';
import { seed } from '../dev/demo.ts';
import { command } from '../command.ts';

const HELP = `node src/commands/prepare.ts

Migrates the database at DATABASE_URL, then posts the demo if the ledger is empty and NODE_ENV is not production.`;

await command({ help: HELP }, async () => {
  const config = readCommandConfig(process.env);
  await withDatabaseUrl(config, async (url) => {
    await migrate(url);
    if (!config.production) await seed(url, { onlyIfEmpty: true });
  });
  console.log(config.production ? 'migrated' : 'migrated and seeded');
  return 0;
});
