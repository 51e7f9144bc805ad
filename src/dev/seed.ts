/** `npm run seed`: posts the demo's opening balances; running it again changes nothing. */
import { ConfigError, readCommandConfig } from '../config.ts';
import { withDatabaseUrl } from './local.ts';
import { migrate } from '../migrate/migrate.ts';
import { seed } from './demo.ts';
import { command } from '../command.ts';

const HELP = `npm run seed -- [--force]

Posts the demo: two assets, two players, their opening balances. For development: what is posted stays in the ledger for ever.
Running it again changes nothing.

  --force  also where NODE_ENV is production, and in a ledger that has other wallets`;

await command({ help: HELP, options: { force: { type: 'boolean', default: false } } }, async ({ force }) => {
  const config = readCommandConfig(process.env);
  if (config.production && !force) {
    throw new ConfigError(
      'NODE_ENV is production: the demo would stay in the ledger for ever; --force posts it all the same',
    );
  }
  await withDatabaseUrl(config, async (url) => {
    await migrate(url);
    await seed(url, { force });
  });
  console.log('seeded');
  return 0;
});
