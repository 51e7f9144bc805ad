/** `npm run schema`: writes the GraphQL schema to schema.graphql, so that a change of the API shows in its history; `-- --print` prints it. */
import '../graphql/graphile-env.ts';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { makeSchema } from 'postgraphile';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { readConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { createPreset } from '../graphql/graphile.config.ts';
import { run } from './run.ts';

await run(async () => {
  const { print } = parseArgs({ options: { print: { type: 'boolean' } } }).values;
  const database = await openDatabase(readConfig(process.env));
  try {
    const { schema } = await makeSchema(createPreset({ pool: database.pool }));
    const sdl = printSchema(lexicographicSortSchema(schema)).replaceAll(/ +$/gm, '');
    if (print) console.log(sdl);
    else await writeFile(new URL('../../schema.graphql', import.meta.url), `${sdl}\n`);
  } finally {
    await database.close();
  }
  return 0;
});
