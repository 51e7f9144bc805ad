/** `npm run seed`: posts the demo's opening balances; running it again changes nothing. */
import { readConfig } from '../config.ts';
import { withDatabaseUrl } from '../local.ts';
import { migrate } from '../database/migrate.ts';
import { seed } from '../database/seed.ts';
import { run } from './run.ts';

await run(async () => {
  await withDatabaseUrl(readConfig(process.env), async (url) => {
    await migrate(url);
    await seed(url);
  });
  console.log('seeded');
  return 0;
});
