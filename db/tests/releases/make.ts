/** `npx node db/tests/releases/make.ts`: makes the ledger that is kept of the newest release, until it is released; see releases.ts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../../src/dev/embedded.ts';
import { migrate } from '../../../src/migrate/migrate.ts';
import { command } from '../../../src/command.ts';
import { UsageError } from '../../../src/exit.ts';
import { readRows, tablesOf, toText } from './copy.ts';
import { fill } from './fill.ts';
import { fileOf, RELEASES } from './releases.ts';

const HELP = `npx node db/tests/releases/make.ts

Fills a ledger as db/migrations makes it, in a PostgreSQL of its own, and keeps it under db/tests/releases/ as that of the newest release.
What has been released is not made anew.`;

await command({ help: HELP, options: {} }, async () => {
  const release = RELEASES.at(-1);
  if (!release || release.hash !== undefined)
    throw new UsageError(`${release?.version ?? 'Nothing'} has been released`);
  const folder = await mkdtemp(join(tmpdir(), 'wallet-release-'));
  const server = await startEmbedded({
    dataDir: join(folder, 'server'),
    database: 'release',
    settings: { fsync: 'off' },
  });
  try {
    await migrate(server.url);
    const types = new pg.TypeOverrides();
    types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, String);
    const session = new pg.Client({ connectionString: server.url, types });
    await session.connect();
    await session.query("set time zone 'UTC'");
    const { booked, said, rows } = await fill(session)
      .then(async (filled) => ({ ...filled, rows: await readRows(session, await tablesOf(session)) }))
      .finally(() => session.end());
    const { version } = release;
    await mkdir(fileOf(version, './'), { recursive: true });
    await writeFile(fileOf(version, 'rows.copy'), toText(rows));
    await writeFile(fileOf(version, 'booked.ndjson'), booked.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await writeFile(fileOf(version, 'said.ndjson'), `${JSON.stringify(said)}\n`);
    for (const { table, lines } of rows)
      console.log(`${String(lines.length).padStart(5)}  ${table.replace(/ .*/, '')}`);
    return 0;
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
